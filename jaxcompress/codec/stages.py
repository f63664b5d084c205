"""The compiled stages of a codec. Each is one program for each shape, whichever codec calls it.

`variables` are what `model.apply` takes, see `codec.variables`.

Where a stage takes a `size`, int32 `[2]`, that much of its input is the picture's, counted in latents (by h_a and h_s
in hyper-latents) from the first row and column on; what lies beyond is zero and stays so. None means all of it.
"""

import contextlib
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxcompress.entropy import build_indexes
from jaxcompress.layers import only_inside
from jaxcompress.models import CompressionModel

_LATENT = 16
"""Pixels in a latent, each way."""
_HYPER_LATENT = 4
"""Latents in a hyper-latent, each way."""


def _apply(model: CompressionModel, variables: Any, stage: str, *args: Any) -> Any:
    return model.apply(variables, *args, method=stage)


def _apply_inside(
    model: CompressionModel, variables: Any, stage: str, x: ArrayLike, size: ArrayLike | None, samples: int = 1
) -> Any:
    """A stage whose input has `samples` for each cell, each way."""
    height, width = np.shape(x)[1:3]
    cells = height // samples, width // samples
    with only_inside(cells, jnp.asarray(size)) if size is not None else contextlib.nullcontext():
        return _apply(model, variables, stage, x)


@functools.partial(jax.jit, static_argnums=0)
def analysis(model: CompressionModel, variables: Any, x: ArrayLike, size: ArrayLike | None = None) -> jax.Array:
    """Latent y of pictures `[N, H, W, 3]`."""
    return _apply_inside(model, variables, "analysis", x, size, _LATENT)


@functools.partial(jax.jit, static_argnums=0)
def hyper_analysis(model: CompressionModel, variables: Any, y: ArrayLike, size: ArrayLike | None = None) -> jax.Array:
    """Hyper-latent z of latents `[N, h, w, M]`."""
    return _apply_inside(model, variables, "hyper_analysis", y, size, _HYPER_LATENT)


@functools.partial(jax.jit, static_argnums=(0, 1))
def side_information(
    model: CompressionModel,
    scale_table: tuple[float, ...],
    variables: Any,
    z_hat: ArrayLike,
    size: ArrayLike | None = None,
) -> Any:
    """What z_hat tells of y: for autoregressive models the output of h_s, else table indexes and means (or None)."""
    hyper = _apply_inside(model, variables, "hyper_synthesis", z_hat, size)
    if model.is_autoregressive:
        return hyper
    scales, means = _apply(model, variables, "gaussian_parameters", hyper)
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def scales(model: CompressionModel, variables: Any, z_hat: ArrayLike, size: ArrayLike | None = None) -> jax.Array:
    """The scales that `side_information` makes indexes of, for models that are not autoregressive."""
    hyper = _apply_inside(model, variables, "hyper_synthesis", z_hat, size)
    return _apply(model, variables, "gaussian_parameters", hyper)[0]


@functools.partial(jax.jit, static_argnums=(0, 1))
def position(
    model: CompressionModel, scale_table: tuple[float, ...], variables: Any, window: ArrayLike, hyper: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Table indexes and means of one position: an `autoregressive.Step`."""
    scales, means = _apply(model, variables, "position_parameters", window, hyper)
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def synthesis(model: CompressionModel, variables: Any, y_hat: ArrayLike, size: ArrayLike | None = None) -> jax.Array:
    """Pictures `[N, H, W, 3]` in [0, 1] of y_hat."""
    return jnp.clip(_apply_inside(model, variables, "synthesis", y_hat, size), 0, 1)
