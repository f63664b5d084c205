"""Our transforms for `networks.py`, in a process of their own.

Asked and answered as `networks_reference.py`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from process import measure, serve

from jaxcompress import models
from jaxcompress.codec.variables import Variables

chosen, built = {}, {}


def start(device, threads, contestant):
    """Chooses the device, and the kernels by the contestant's name."""
    del threads  # as many as there are processors for this process
    chosen["winograd"] = contestant.endswith("Winograd")
    jax.config.update("jax_platforms", {"cpu": "cpu", "gpu": "cuda"}[device])
    return {"ok": bool(jax.devices())}


def build(architecture, n, m, shape):
    """Makes the network as initialized and a batch of noise."""
    model = models.create(architecture, n=n, m=m)
    x = jnp.asarray(np.random.default_rng(0).random((*shape, 3), np.float32))
    params = jax.device_get(jax.jit(model.init)(jax.random.key(0), x[:1, :64, :64])["params"])
    variables = Variables(model, params, **chosen)
    analyse = functools.partial(jax.jit(functools.partial(model.apply, method="analysis")), variables.analysis, x)
    y = analyse()
    synthesise = functools.partial(jax.jit(functools.partial(model.apply, method="synthesis")), variables.synthesis, y)
    built.update(g_a=analyse, g_s=synthesise)
    return {}


def run(stage):
    """Runs and measures a transform."""
    return measure(lambda: jax.block_until_ready(built[stage]()))[1]


def peak():
    """The best rate of a product of matrices, by CPU time of all threads."""
    a = jnp.asarray(np.random.default_rng(0).random((1536, 1536), np.float32))
    product = jax.jit(functools.partial(jnp.dot, precision="highest"))
    return {"flops": 2 * 1536**3 / min(measure(lambda: product(a, a).block_until_ready())[1]["cpu"] for _ in range(12))}


if __name__ == "__main__":
    serve({"start": start, "build": build, "run": run, "peak": peak})
