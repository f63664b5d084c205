"""Our training step for `training.py`, in a process of its own.

Asked and answered as `training_reference.py`.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from process import measure, serve

import jaxcompress
from jaxcompress import train
from jaxcompress.models import create

built = {}


def build(architecture, n, m, batch, crop, threads, device, layout):
    """Makes the network as initialized, its optimizers and a batch of noise."""
    del threads, layout  # as many as there are processors for this process; NHWC
    jax.config.update("jax_platforms", {"cpu": "cpu", "gpu": "cuda"}[device])
    built["step"] = make_step(architecture, n, m, batch, crop)
    return {"jaxcompress": jaxcompress.__version__, "jax": jax.__version__}


def make_step(architecture: str, n: int, m: int, batch: int, crop: int) -> Callable[[], float]:
    """A function that runs one step, to the end, and returns the loss."""
    model = create(architecture, n=n, m=m)
    x = jnp.asarray(np.random.default_rng(0).random((batch, crop, crop, 3), np.float32))
    params = jax.jit(model.init)(jax.random.key(0), x[:1])["params"]
    optimizer = train.Optimizer(learning_rate=1e-4, aux_learning_rate=1e-3, clip_norm=1.0)
    loss = functools.partial(train.rate_distortion, lmbda=0.01)
    step = jax.jit(train.make_step(model, optimizer, loss=loss, steps=1000), donate_argnums=0)
    state, key = train.init_state(params, optimizer, steps=1000), jax.random.key(1)

    def run() -> float:
        nonlocal state
        state, metrics = jax.block_until_ready(step(state, x, key))
        return float(metrics["loss"])

    return run


def step():
    """Runs and measures a step."""
    loss, figures = measure(built["step"])
    return {"loss": loss, **figures}


if __name__ == "__main__":
    serve({"build": build, "step": step})
