"""Multi-scale structural similarity."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_TAPS, _SIGMA = 11, 1.5
_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_K1, _K2 = 0.01, 0.03

MS_SSIM_MIN_SIDE = (_TAPS - 1) * 2 ** (len(_WEIGHTS) - 1) + 1
"""Smallest side of a picture that five scales of an 11-tap window fit: 161."""


@functools.partial(jax.jit, static_argnames="peak")
def ms_ssim(a: jax.Array, b: jax.Array, *, peak: float = 1.0) -> jax.Array:
    """Multi-scale SSIM with a Gaussian window of 11 taps over five scales.

    Args:
        a: `[N, H, W, C]` in [0, peak], both sides at least 161; computed in float32 (float64 if given that), as are
            integers.
        b: shaped as `a`.
        peak: largest value a sample can have.

    Returns:
        `[N]`, at most 1; differentiable.

    Raises:
        ValueError: shapes differ or are too small, or the peak is not that of bytes.

    Source: Wang et al. 2003, "Multiscale structural similarity for image quality assessment"; equal to the package
    pytorch_msssim (zero-padded average pooling for odd sizes, means over the channels last).
    """
    a, b = as_floats(a, b, peak=peak, name="MS-SSIM", min_side=MS_SSIM_MIN_SIDE)
    product = jnp.ones((a.shape[0], a.shape[-1]), a.dtype)
    for scale, weight in enumerate(_WEIGHTS):
        similarity, contrast = _ssim(a, b, peak)
        last = scale == len(_WEIGHTS) - 1
        product = product * jax.nn.relu(similarity if last else contrast) ** weight
        if not last:
            a, b = _halve(a), _halve(b)
    return product.mean(axis=-1)


def to_db(ms_ssim: float) -> float:
    """MS-SSIM in decibels, `-10 log10(1 - ms_ssim)`; of a mean, as CompressAI plots it, not the mean of decibels."""
    return -10 * math.log10(1 - ms_ssim) if ms_ssim < 1 else math.inf


def as_floats(a: jax.Array, b: jax.Array, *, peak: float, name: str, min_side: int) -> tuple[jax.Array, jax.Array]:
    """Pictures to compare as floats, checked.

    Raises:
        ValueError: they are not `[N, H, W, C]` of one shape and large enough, or bytes whose peak would not be 255.
    """
    if a.shape != b.shape or a.ndim != 4 or min(a.shape[1:3]) < min_side:
        raise ValueError(
            f"pictures have shapes {a.shape} and {b.shape}; {name} needs equal [N, H, W, C] with sides of at least "
            f"{min_side}"
        )
    if np.uint8 in (a.dtype, b.dtype) and peak != 255:
        raise ValueError(f"pictures are {a.dtype} and {b.dtype}, and peak is {peak}; pass peak=255 with bytes")
    dtype = jnp.promote_types(jnp.promote_types(a.dtype, b.dtype), jnp.float32)
    return jnp.asarray(a, dtype), jnp.asarray(b, dtype)


def _ssim(a: jax.Array, b: jax.Array, peak: float) -> tuple[jax.Array, jax.Array]:
    """SSIM and its contrast-structure part, by picture and channel `[N, C]`."""
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    mean_a, mean_b, square_a, square_b, product = _blur(jnp.stack([a, b, a * a, b * b, a * b]))
    variance_a, variance_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    contrast = (2 * covariance + c2) / (variance_a + variance_b + c2)
    similarity = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * contrast
    return similarity.mean(axis=(1, 2)), contrast.mean(axis=(1, 2))


def _blur(x: jax.Array) -> jax.Array:
    """Separable Gaussian of each channel of `[..., H, W, C]`, without padding."""
    distance = np.arange(_TAPS) - _TAPS // 2
    window = np.exp(-(distance**2) / (2 * _SIGMA**2)).astype(np.float32)
    window /= window.sum()
    planes = jnp.moveaxis(x, -1, 0)
    y = planes.reshape(-1, *x.shape[-3:-1], 1)
    for kernel in (window.reshape(_TAPS, 1, 1, 1), window.reshape(1, _TAPS, 1, 1)):
        y = lax.conv_general_dilated(
            y,
            jnp.asarray(kernel, x.dtype),
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=lax.Precision.HIGHEST,
        )
    return jnp.moveaxis(y.reshape(*planes.shape[:-2], *y.shape[1:3]), 0, -1)


def _halve(x: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels; an odd side gets a zero in front and counts it."""
    padding = [(0, 0), (x.shape[1] % 2,) * 2, (x.shape[2] % 2,) * 2, (0, 0)]
    return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), padding) / 4
