"""Depth to space and back."""

import jax
import jax.numpy as jnp


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
    """Spreads channels over space: output `(factor * h + i, factor * w + j, c)` is channel `(c, i, j)` at (h, w).

    Args:
        x: `[N, H, W, C * factor**2]`, the channel index counting c slowest, then i, then j.
        factor: upsampling factor.

    Returns:
        `[N, factor * H, factor * W, C]`.

    Raises:
        ValueError: the channels do not divide by `factor**2`.

    Source: Shi et al. 2016, "Real-time single image super-resolution ..."; PyTorch `PixelShuffle`.
    """
    n, height, width, channels = x.shape
    if channels % factor**2:
        raise ValueError(f"number of channels {channels} must divide by factor ** 2 = {factor**2}")
    x = x.reshape(n, height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, height * factor, width * factor, channels // factor**2)


def space_to_depth(x: jax.Array, factor: int) -> jax.Array:
    """Collects blocks of positions into channels, which count rows of a block slowest, then columns, then channels.

    Args:
        x: `[N, H, W, C]`; what a side lacks to a multiple of the factor is zeros.
        factor: side of a block.

    Returns:
        `[N, ceil(H / factor), ceil(W / factor), factor**2 * C]`.
    """
    n, height, width, channels = x.shape
    x = jnp.pad(x, ((0, 0), (0, -height % factor), (0, -width % factor), (0, 0)))
    height, width = x.shape[1] // factor, x.shape[2] // factor
    x = x.reshape(n, height, factor, width, factor, channels).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height, width, factor**2 * channels)


def depth_to_space(x: jax.Array, factor: int) -> jax.Array:
    """Spreads blocks of positions: the inverse of `space_to_depth`, whose order of channels `pixel_shuffle` has not.

    Args:
        x: `[N, H, W, factor**2 * C]`.
        factor: side of a block.

    Returns:
        `[N, factor * H, factor * W, C]`.
    """
    n, height, width, channels = x.shape
    x = x.reshape(n, height, width, factor, factor, channels // factor**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height * factor, width * factor, channels // factor**2)
