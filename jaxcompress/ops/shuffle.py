"""Depth to space."""

import jax


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
