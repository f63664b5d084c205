"""Trains a recipe within a given time, for a machine that is lent by the minute; writes one file of weights.

    python tools/train_in_time.py light --data photographs --out light.safetensors --seconds 540 \
        --set compute=bfloat16 --set batch_size=32

Everything counts: reading pictures, compiling, training, writing. The learning rate is constant for the first half of
the training and falls to zero by a cosine in the second; weights are also written when half of the time is over, so
that a machine that is taken away leaves something. `jaxcompress train` is the command for all else: it validates, and
goes on after an interruption.
"""

import argparse
import dataclasses
import functools
import math
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxcompress import ops, train
from jaxcompress.train.data import open_source, training_batches
from jaxcompress.train.recipe import COMPUTE
from jaxcompress.weights import load

_SPARE = 45.0
"""Seconds kept for making the integer networks and writing the file."""
_STEPS_AT_ONCE = 20
"""Steps between looks at the clock; between them the device need not wait."""


def rate_factor(part: float) -> float:
    """Factor of the learning rate when a part of the time, 0 to 1, is over."""
    return 0.5 * (1 + math.cos(math.pi * min(max(2 * part - 1, 0.0), 1.0)))


def train_in_time(
    recipe: train.Recipe,
    data: Path,
    output: Path,
    *,
    seconds: float,
    spare: float = _SPARE,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Trains, and writes the weights.

    Args:
        recipe: what to train; its `steps` and schedule play no part, but its warm-up does.
        data: folder of training pictures.
        output: file to write; an existing one is replaced.
        seconds: all the time there is, from the call on.
        spare: seconds of it that are kept for making and writing the weights.
        clock: gives seconds.

    Returns:
        The number of steps.

    Raises:
        ValueError: the loss became infinite or NaN; what was written before is kept.
    """
    begin = clock()
    model = recipe.make_model()
    source = open_source(data, crop=recipe.crop, cache_bytes=int(recipe.cache_gib * 2**30))
    batches = training_batches(
        source, batch_size=recipe.batch_size, crop=recipe.crop, flip=recipe.flip, seed=recipe.seed
    )
    params = load(recipe.start, model=model).params if recipe.start else recipe.initial_params(model, source)
    config = dataclasses.replace(recipe.optimizer, schedule="constant")
    step = _compile(recipe, model, config)
    state, done, written = train.init_state(params, config, steps=1), 0, False
    start, end = None, begin + seconds - spare
    while (now := clock()) < end:
        if done and start is None:
            start = now  # the first steps, which are compiled, do not count as part of the schedule
        part = 0.0 if start is None else (now - start) / (end - start)
        # The plateau's factor multiplies the learning rate, and nothing else changes it with this schedule.
        state = state.replace(plateau=state.plateau._replace(scale=jnp.float32(rate_factor(part))))
        for _ in range(_STEPS_AT_ONCE if done else 1):
            state, metrics = step(state, next(batches), jax.random.key(recipe.seed))
            done += 1
        figures = {name: float(value) for name, value in metrics.items()}  # waits for the device
        if not math.isfinite(figures["loss"] + figures["gradient_norm"]):
            raise ValueError(f"the loss became {figures['loss']} at step {done}; train with a lower learning rate")
        _tell(done, now - begin, figures)
        if part > 0.5 and not written:
            _write(recipe, model, state, done, output)
            written = True
    batches.close()
    _write(recipe, model, state, done, output)
    print(f"{output}: {output.stat().st_size:,} bytes after {done} steps and {clock() - begin:.0f} s", flush=True)
    return done


def _compile(recipe, model, config):
    model = model.clone(
        training_quantizer=ops.TRAINING_QUANTIZERS[recipe.quantizer], compute_dtype=COMPUTE[recipe.compute]
    )
    draw = functools.partial(recipe.draw_settings, model) if model.layout.settings else None
    step = train.make_step(model, config, loss=recipe.make_loss(), steps=1, draw_settings=draw)
    return jax.jit(step, donate_argnums=0)


def _tell(done, elapsed, figures):
    if done <= 1 or done % (50 * _STEPS_AT_ONCE) <= 1:
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"{elapsed:.0f} s, step {done}: {told}", flush=True)


def _write(recipe, model, state, done, output):
    metadata = {"steps": done, "training_data": recipe.training_data, "licence": recipe.licence}
    known = {name: value for name, value in metadata.items() if value}
    weights = train.export(recipe.architecture, model, jax.device_get(state.averaged), metadata=known)
    weights.save(output, overwrite=True)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="name of a bundled recipe, or a Python file")
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--seconds", type=float, default=540, help="all the time there is (default: 540)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a setting")
    options = parser.parse_args()
    recipe = train.with_settings(train.load_recipe(options.recipe), options.set)
    train_in_time(recipe, options.data, options.out, seconds=options.seconds)


if __name__ == "__main__":
    main()
