"""The training loop: one recipe, one folder of data, one folder of results.

The folder of results holds `recipe.json`, `metrics.jsonl`, `checkpoints/`, `samples/`, `tensorboard/` (if tensorboardX
is installed), and the weights at the last and at the best validation, `last.safetensors` and `best.safetensors`. A run
that finds checkpoints there goes on from the last one.
"""

import contextlib
import functools
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from jax.experimental import multihost_utils

from jaxcompress import __version__, ops
from jaxcompress.models import CompressionModel
from jaxcompress.train.checkpoints import Checkpoints
from jaxcompress.train.data import Batches
from jaxcompress.train.data.batches import Source
from jaxcompress.train.feed import open_data
from jaxcompress.train.folder import check_code, check_recipe, locked, write_code, write_recipe
from jaxcompress.train.interruption import Interrupted, Interruption
from jaxcompress.train.logs import Log, Metrics, NonFiniteError, Progress, psnr_of
from jaxcompress.train.optimizers import make_plateau
from jaxcompress.train.parallel import RUNNERS, Runner, as_global, replicate
from jaxcompress.train.recipe import COMPUTE, Recipe
from jaxcompress.train.step import Step, TrainState, init_state, make_step
from jaxcompress.train.validation import export, report_on, write_samples
from jaxcompress.weights import Weights, load
from jaxcompress.weights_checks import check_params, expected_params

_logger = logging.getLogger("jaxcompress")


def run(recipe: Recipe, *, data: str | Path, output: str | Path, validation_data: str | Path | None = None) -> Path:
    """Trains a model, from the beginning or from the last checkpoint in the output folder.

    Args:
        recipe: see `Recipe`.
        data: folder of training pictures, see `data.open_source`.
        output: folder for the results, made if it is not there; one that all processes see.
        validation_data: folder of pictures to validate with; else the "test" split of `data`; else some pictures of it
            are held out.

    Returns:
        The weights file of the finished run.

    Raises:
        Interrupted: SIGTERM or Ctrl-C stopped the run; it is saved, and the same call goes on.
        NonFiniteError: the loss became infinite or NaN; the last good checkpoint is kept.
        ValueError: data or checkpoints do not fit the recipe.
    """
    for folder in (data, output, validation_data):
        if "://" in str(folder):
            raise ValueError(
                f"{folder} is an address; expected a folder: mount the bucket (gcsfuse, say) and give its path"
            )
    output = Path(output)
    model = recipe.make_model()
    _check(recipe, model)
    runner = RUNNERS[recipe.parallel]()
    batches, pictures = open_data(recipe, Path(data), validation_data)
    with contextlib.ExitStack() as stack:
        stack.callback(batches.close)
        if jax.process_index() == 0:
            stack.enter_context(locked(output))
        checkpoints = stack.enter_context(Checkpoints(output / "checkpoints"))
        interruption = stack.enter_context(Interruption(checkpoints))
        return _Run(recipe, output, model, runner, batches, pictures, checkpoints).train(interruption)


class _Run:
    """A run between its start, or restart, and its end."""

    def __init__(
        self,
        recipe: Recipe,
        output: Path,
        model: CompressionModel,
        runner: Runner,
        batches: Batches,
        pictures: Sequence[np.ndarray],
        checkpoints: Checkpoints,
    ):
        self.recipe, self.output, self.model, self.runner = recipe, output, model, runner
        self.batches, self.pictures, self.checkpoints = batches, pictures, checkpoints
        self.leads = jax.process_index() == 0  # writes what is not a checkpoint, and talks
        self.metrics = Metrics()
        self.best = math.inf
        self.validation_due = False
        if resumed := checkpoints.last_step is not None:
            check_recipe(output, recipe)
            self._resume()
            check_code(output, model)
        else:
            params = _initial_params(recipe, model, batches.source)
            initial = init_state(params, recipe.optimizer, steps=recipe.steps)
            self.done, self.state = 0, replicate(initial, runner)
        if self.leads:
            write_recipe(output, recipe)
            write_code(output, model)
        self.log = Log(output, step=self.done, enabled=self.leads)
        self.progress = Progress(step=self.done, steps=recipe.steps, batch_size=recipe.batch_size, enabled=self.leads)
        if resumed:
            finished = self.done >= recipe.steps
            self.progress.say(f"step {self.done}: {'all steps are done already' if finished else 'going on from here'}")

    def _resume(self) -> None:
        shapes = jax.eval_shape(
            lambda params: init_state(params, self.recipe.optimizer, steps=self.recipe.steps),
            traverse_util.unflatten_dict(expected_params(self.model), sep="/"),
        )
        self.state, progress = self.checkpoints.restore(shapes, self.runner.sharding)
        self.done = int(self.state.step)
        self.validation_due = progress["validation_due"]
        self.batches.restore(progress["batches"])
        self.metrics.restore(progress["metrics"])
        self.best = progress["best"] if progress["best"] is not None else math.inf

    def train(self, interruption: Interruption) -> Path:
        """Runs the steps that are left."""
        recipe = self.recipe
        step = self.runner.compile(_make_step(recipe, self.model, self.runner))
        key, last = jax.random.key(recipe.seed), self.output / "last.safetensors"
        try:
            if self.validation_due or (self.done >= recipe.steps and not last.exists()):
                self._validate()  # a signal came first, or the run was made shorter
            if self.done < recipe.steps:
                count = self.batches.state()["data"]["pictures"]
                self.progress.say(
                    f"{count:,} pictures to train with, {len(self.pictures)} to validate with; compiling the first "
                    f"step (Ctrl-C stops after it)"
                )
            while self.done < recipe.steps:
                self.state, values = step(self.state, self.runner.split(next(self.batches)), key)
                self.done += 1
                self.metrics.add(self.done, values)
                self.progress.advance(values)
                if self._due(recipe.log_every):
                    self._write_metrics()
                self.validation_due = self._due(recipe.validate_every)
                if signal := interruption.requested(self.done):
                    self._save(None)
                    raise Interrupted(self.done, signal)
                loss = self._validate() if self.validation_due else None
                if self._due(recipe.checkpoint_every) or loss is not None:
                    self._save(loss)
        except NonFiniteError as error:
            raise self._explained(error) from error
        finally:
            self.progress.close()
            self.log.close()
        return last

    def _due(self, interval: int) -> bool:
        return self.done % interval == 0 or self.done == self.recipe.steps

    def _write_metrics(self) -> None:
        means = self.metrics.means()
        speed = self.progress.show(self.done, means)
        values = {f"train/{name}": value for name, value in means.items()}
        values |= {"train/psnr": psnr_of(means["mse"])} | ({"pictures_per_second": speed} if speed else {})
        self.log.write(self.done, values)

    def _validate(self) -> float:
        """Writes files, weights and samples; returns the loss."""
        self.metrics.check()  # so that nothing bad is exported
        self.progress.pause()
        weights = self._export()
        share = self.pictures[jax.process_index() :: jax.process_count()]
        report = report_on(self.recipe, self.model, weights, share, count=len(self.pictures))
        loss = report.loss
        if not math.isfinite(loss):
            raise NonFiniteError(self.done, "the validation loss", loss)
        self.validation_due = False
        if self.leads:
            weights.save(self.output / "last.safetensors", overwrite=True)
            if loss < self.best:
                weights.save(self.output / "best.safetensors", overwrite=True)
            write_samples(self.output / "samples" / f"step-{self.done:08}.png", share, report.decoded)
        self.best = min(self.best, loss)
        self.state = self._with_plateau(loss)
        self.log.write(self.done, {"validation/loss": loss, **report.figures})
        self.progress.say(
            f"step {self.done}: validation {report.summary}, loss {loss:.4f}{' (best)' * (loss == self.best)}"
        )
        self.progress.proceed()
        return loss

    def _export(self) -> Weights:
        recipe = self.recipe
        origin = {
            "quality": recipe.quality if (recipe.n, recipe.m, recipe.lmbda) == (None, None, None) else None,
            "metric": recipe.metric,
            "lambda": None if self.model.layout.settings else recipe.weight_of_distortion,
            "steps": self.done,
            "training_data": recipe.training_data,
            "licence": recipe.licence,
            "source": f"jaxcompress {__version__}",
        }
        metadata = {name: value for name, value in origin.items() if value not in (None, "")}
        return export(recipe.architecture, self.model, jax.device_get(self.state.averaged), metadata=metadata)

    def _with_plateau(self, loss: float) -> TrainState:
        if self.recipe.optimizer.schedule != "plateau":
            return self.state
        update = make_plateau(self.recipe.optimizer).update
        advance = jax.jit(
            lambda plateau, value: update({}, plateau, value=value)[1], out_shardings=self.runner.sharding
        )
        return self.state.replace(plateau=advance(jax.device_get(self.state.plateau), jnp.float32(loss)))

    def _save(self, loss: float | None) -> None:
        progress = {
            "batches": self.batches.state(),
            "metrics": self.metrics.state(),  # raises NonFiniteError: a bad state is never saved
            "best": self.best if self.best < math.inf else None,
            "validation_due": self.validation_due,
        }
        self.checkpoints.save(self.done, as_global(self.state, self.runner), progress, loss=loss)

    def _explained(self, error: NonFiniteError) -> NonFiniteError:
        self.checkpoints.wait()
        last = self.checkpoints.last_step
        kept = f"the checkpoint of step {last} is good and kept" if last is not None else "there is no checkpoint yet"
        then = "Go on from it" if last is not None else "Start again"
        lower = f"--set optimizer.learning_rate={self.recipe.optimizer.learning_rate / 2:g}"
        error.args = (f"{error}; {kept}. {then} with a lower rate, such as {lower}",)
        return error


def _check(recipe: Recipe, model: CompressionModel) -> None:
    for name in ("crop", "validation_crop"):
        if getattr(recipe, name) % model.stride:
            raise ValueError(
                f"{name} is {getattr(recipe, name)}; {recipe.architecture} needs a multiple of {model.stride}"
            )
    if recipe.compute == "tensorfloat32" and jax.default_backend() != "gpu":
        _logger.warning("compute is tensorfloat32, which only GPUs have: this run computes in float32")
    if recipe.batch_size % jax.device_count():
        raise ValueError(f"batch_size is {recipe.batch_size}; {jax.device_count()} devices need a multiple of that")


def _initial_params(recipe: Recipe, model: CompressionModel, pictures: Source) -> Any:
    if not recipe.start:
        params = recipe.initial_params(model, pictures)
        check_params(params, model)
        if jax.process_count() > 1:  # computed on other processors, they may differ in their last bits
            params = multihost_utils.broadcast_one_to_all(params)
        return params
    if recipe.start.endswith(".safetensors"):
        params = load(recipe.start, model=model, same_code=False).params
    else:
        from jaxcompress import convert

        params = convert.from_pytorch(recipe.start, integer=False).params
    check_params(params, model)
    return params


def _make_step(recipe: Recipe, model: CompressionModel, runner: Runner) -> Step:
    quantizer = functools.partial(ops.TRAINING_QUANTIZERS[recipe.quantizer], axis_name=runner.axis_name)
    model = model.clone(training_quantizer=quantizer, compute_dtype=COMPUTE[recipe.compute])
    step = make_step(
        model,
        recipe.optimizer,
        loss=recipe.make_loss(),
        steps=recipe.steps,
        axis_name=runner.axis_name,
        draw_settings=functools.partial(recipe.draw_settings, model) if model.layout.settings else None,
    )
    if recipe.compute != "tensorfloat32":
        return step

    def step_with_rounded_factors(*args):
        with jax.default_matmul_precision("tensorfloat32"):
            return step(*args)

    return step_with_rounded_factors
