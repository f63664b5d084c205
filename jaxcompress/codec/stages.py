"""The compiled stages of a codec. Each is one program for each shape, whichever codec calls it.

`variables` are what `model.apply` takes, see `codec.variables`; `settings` the model's knobs, float32 `[N]` by name,
which are traced: one program serves all their values.

Where a stage takes a `size`, int32 `[2]`, that much of its input is the picture's, counted in cells of the coarser of
its input and output from the first row and column on; what lies beyond is zero and stays so. None means all of it.
"""

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxcompress.entropy import build_indexes
from jaxcompress.layers import only_inside
from jaxcompress.models import CompressionModel

Settings = Mapping[str, ArrayLike] | None


def _run(
    model: CompressionModel, variables: Any, stage: str, x: ArrayLike, size: ArrayLike | None, settings: Settings
) -> Any:
    samples, _ = model.layout.samples(model.layout.network(stage))
    with _inside(x, size, samples):
        return _applied(model, variables, x, method=stage, **(settings or {}))


def _inside(x: ArrayLike, size: ArrayLike | None, samples: int = 1) -> contextlib.AbstractContextManager:
    """Convolutions see nothing beyond `size`; `x` has `samples` in each cell, each way."""
    if size is None:
        return contextlib.nullcontext()
    height, width = np.shape(x)[1:3]
    return only_inside((height // samples, width // samples), jnp.asarray(size))


@functools.partial(jax.jit, static_argnums=0)
def analysis(
    model: CompressionModel, variables: Any, x: ArrayLike, size: ArrayLike | None = None, settings: Settings = None
) -> jax.Array:
    """Latent y of pictures `[N, H, W, 3]`."""
    return _run(model, variables, "analysis", x, size, settings)


@functools.partial(jax.jit, static_argnums=0)
def hyper_analysis(
    model: CompressionModel, variables: Any, y: ArrayLike, size: ArrayLike | None = None, settings: Settings = None
) -> jax.Array:
    """Hyper-latent z of latents `[N, h, w, M]`."""
    return _run(model, variables, "hyper_analysis", y, size, settings)


@functools.partial(jax.jit, static_argnums=0)
def hyper_synthesis(
    model: CompressionModel, variables: Any, z_hat: ArrayLike, size: ArrayLike | None = None, settings: Settings = None
) -> jax.Array:
    """Side information `[N, h, w, X]` of z_hat."""
    return _run(model, variables, "hyper_synthesis", z_hat, size, settings)


@functools.partial(jax.jit, static_argnums=(0, 1))
def indexes_and_means(
    model: CompressionModel,
    scale_table: tuple[float, ...],
    variables: Any,
    z_hat: ArrayLike,
    size: ArrayLike | None = None,
    settings: Settings = None,
) -> Any:
    """Table indexes and means (or None) of y, of z_hat, where the prior codes in one pass."""
    found, means = scales(model, variables, z_hat, size, settings)
    return build_indexes(found, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def scales(
    model: CompressionModel, variables: Any, z_hat: ArrayLike, size: ArrayLike | None = None, settings: Settings = None
) -> tuple[jax.Array, jax.Array | None]:
    """The scales and means that `indexes_and_means` gives tables for."""
    known = _run(model, variables, "hyper_synthesis", z_hat, size, settings)
    return _parameters(model, variables, known, jnp.zeros(()), 0, settings)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def pass_parameters(
    model: CompressionModel,
    scale_table: tuple[float, ...],
    number: int,
    variables: Any,
    known_and_y_hat: ArrayLike,
    size: ArrayLike | None = None,
    settings: Settings = None,
) -> Any:
    """Table indexes and means (or None) of a pass.

    Args:
        model: the module.
        scale_table: scales of the tables.
        number: of the pass.
        variables: of the model.
        known_and_y_hat: side information, and after its channels those of what is decoded so far, `[N, h, w, X + M]`.
        size: see the module.
        settings: of the model.
    """
    both = jnp.asarray(known_and_y_hat)
    channels = model.layout.last.channels
    with _inside(both, size):
        found, means = _parameters(model, variables, both[..., :-channels], both[..., -channels:], number, settings)
    return build_indexes(found, np.array(scale_table, np.float32)), means


def _applied(model: CompressionModel, *args: Any, **options: Any) -> Any:
    """`model.apply`, of which a type checker knows nothing."""
    return model.apply(*args, **options)


def _parameters(
    model: CompressionModel, variables: Any, known: Any, y_hat: Any, number: int, settings: Settings
) -> Any:
    def of_prior(module: Any) -> Any:
        return module.layout.last.prior.parameters(module, known, y_hat, number, **(settings or {}))

    return _applied(model, variables, method=of_prior)


@functools.partial(jax.jit, static_argnums=(0, 1))
def position(
    model: CompressionModel, scale_table: tuple[float, ...], variables: Any, window: ArrayLike, hyper: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Table indexes and means of one position of a raster prior, `[M]`."""
    found, means = _applied(model, variables, window, hyper, method="position_parameters")
    return build_indexes(found, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def synthesis(
    model: CompressionModel, variables: Any, y_hat: ArrayLike, size: ArrayLike | None = None, settings: Settings = None
) -> jax.Array:
    """Pictures `[N, H, W, 3]` in [0, 1] of y_hat."""
    return jnp.clip(_run(model, variables, "synthesis", y_hat, size, settings), 0, 1)
