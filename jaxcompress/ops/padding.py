"""Centred zero padding of a picture to the stride of a model, and back."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Padding(NamedTuple):
    """Rows and columns added on each side, in pixels."""

    top: int
    bottom: int
    left: int
    right: int


def centered_padding(height: int, width: int, multiple: int) -> Padding:
    """Padding that makes both sides a multiple, shared evenly; an odd pixel goes to the bottom or right.

    Args:
        height: rows of the picture, at least 1.
        width: columns of the picture, at least 1.
        multiple: what both padded sides divide by.

    Returns:
        The amounts.

    Source: CompressAI `compute_padding`.
    """
    rows, columns = -height % multiple, -width % multiple
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)


def pad(x: jax.Array, padding: Padding) -> jax.Array:
    """Adds zeros around `x`, `[N, H, W, C]`, as many as `padding` says."""
    top, bottom, left, right = padding
    return jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def crop(x: jax.Array, padding: Padding) -> jax.Array:
    """Takes the `padding` of `pad` away from `x`, `[N, H, W, C]`."""
    top, bottom, left, right = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
