"""The compiled stages of a codec. Each is one program for each shape, whichever codec calls it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxcompress.entropy import build_indexes
from jaxcompress.models import CompressionModel


def _apply(model: CompressionModel, variables: Any, stage: str, *args: Any) -> Any:
    return model.apply(variables, *args, method=stage)


@functools.partial(jax.jit, static_argnums=0)
def analyse(model: CompressionModel, variables: Any, x: ArrayLike) -> tuple[jax.Array, jax.Array | None]:
    """Latent y of pictures `[N, H, W, 3]`, and z if the model has one."""
    y = _apply(model, variables, "analysis", x)
    return y, _apply(model, variables, "hyper_analysis", y) if model.has_hyperprior else None


@functools.partial(jax.jit, static_argnums=(0, 1))
def side_information(model: CompressionModel, scale_table: tuple[float, ...], variables: Any, z_hat: ArrayLike) -> Any:
    """What z_hat tells of y: for autoregressive models the output of h_s, else table indexes and means (or None)."""
    hyper = _apply(model, variables, "hyper_synthesis", z_hat)
    if model.is_autoregressive:
        return hyper
    scales, means = _apply(model, variables, "gaussian_parameters", hyper)
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def scales(model: CompressionModel, variables: Any, z_hat: ArrayLike) -> jax.Array:
    """The scales that `side_information` makes indexes of, for models that are not autoregressive."""
    return _apply(model, variables, "gaussian_parameters", _apply(model, variables, "hyper_synthesis", z_hat))[0]


@functools.partial(jax.jit, static_argnums=(0, 1))
def position(
    model: CompressionModel, scale_table: tuple[float, ...], variables: Any, window: ArrayLike, hyper: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Table indexes and means of one position: an `autoregressive.Step`."""
    scales, means = _apply(model, variables, "position_parameters", window, hyper)
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def synthesise(model: CompressionModel, variables: Any, y_hat: ArrayLike) -> jax.Array:
    """Pictures `[N, H, W, 3]` in [0, 1] of y_hat."""
    return jnp.clip(_apply(model, variables, "synthesis", y_hat), 0, 1)
