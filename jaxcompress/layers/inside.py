"""Convolutions that see nothing beyond the end of a signal that is smaller than its array."""

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcompress.layers.conv import Conv, ConvTranspose


@contextlib.contextmanager
def only_inside(cells: tuple[int, int], size: jax.Array) -> Iterator[None]:
    """Within this, every `Conv` and `ConvTranspose` takes what lies beyond the signal for zero, as it does at edges.

    So a signal that fills a part of an array, from its first row and column on, comes out as it would alone.

    Args:
        cells: height and width of the array on the coarsest grid of the network.
        size: int32 `[2]`, those of the signal on that grid.
    """

    def mask(next_function, args, kwargs, context):
        if context.method_name == "__call__" and isinstance(context.module, Conv | ConvTranspose):
            x, *others = args
            args = (inside(x, cells, size), *others)
        return next_function(*args, **kwargs)

    with nn.intercept_methods(mask):
        yield


def inside(x: jax.Array, cells: tuple[int, int], size: jax.Array) -> jax.Array:
    """Sets what lies beyond the signal to zero, see `only_inside`.

    Args:
        x: `[..., H, W, C]`; H and W are multiples of `cells`.
        cells: rows and columns of cells that `x` is made of.
        size: int `[2]`, how many rows and columns of cells are the signal's.

    Returns:
        As `x`.
    """
    rows, columns = (
        jnp.arange(side) < count * (side // full) for side, full, count in zip(x.shape[-3:-1], cells, size, strict=True)
    )
    return jnp.where((rows[:, None] & columns)[..., None], x, jnp.zeros((), x.dtype))
