"""Multi-scale structural similarity."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# A Gaussian of sigma 1.5 with a sum of 1, to the last bit as pytorch_msssim has it: variances are small differences of
# large means of squares, so that on flat areas a window whose sum is another by 1e-7 gives another similarity.
_HALF = (0.0010283804, 0.007598758, 0.036000773, 0.10936069, 0.21300553, 0.26601171)
_WINDOW = np.array([*_HALF, *_HALF[-2::-1]], np.float32)
_TAPS = len(_WINDOW)
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
    mean_a, mean_b, square_a, square_b, product = blur(jnp.stack([a, b, a * a, b * b, a * b]))
    variance_a, variance_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    contrast = (2 * covariance + c2) / (variance_a + variance_b + c2)
    similarity = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * contrast
    return mean_of_pixels(similarity), mean_of_pixels(contrast)


def mean_of_pixels(x: jax.Array) -> jax.Array:
    """Mean of `[N, H, W, C]` by picture and channel, `[N, C]`.

    By rows first: on CPUs XLA adds one number after the other, and some 100 000 float32 in a row would lose the sixth
    digit.
    """
    return x.mean(axis=2).mean(axis=1)


@jax.custom_vjp
def blur(x: jax.Array) -> jax.Array:
    """Separable Gaussian of each channel of `[..., H, W, C]`, without padding.

    Tap is added after tap, as pytorch_msssim's convolutions add on CPUs: on flat areas, where variances are nothing but
    rounding, another order changes the fifth digit of MS-SSIM. The window is symmetric, so the gradient is a blur as
    well; stated like that it compiles and runs in a third of the time. Forward mode is not offered.
    """
    for axis in (x.ndim - 3, x.ndim - 2):
        size = x.shape[axis] - _TAPS + 1
        shifted = [lax.slice_in_dim(x, tap, tap + size, axis=axis) for tap in range(_TAPS)]
        x = functools.reduce(operator.add, (weight * y for weight, y in zip(_WINDOW, shifted, strict=True)))
    return x


def _blur_backward(_: None, g: jax.Array) -> tuple[jax.Array]:
    margin = (_TAPS - 1, _TAPS - 1)
    return (blur(jnp.pad(g, [(0, 0)] * (g.ndim - 3) + [margin, margin, (0, 0)])),)


blur.defvjp(lambda x: (blur(x), None), _blur_backward)


def _halve(x: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels; an odd side gets a zero in front and counts it."""
    padding = [(0, 0), (x.shape[1] % 2,) * 2, (x.shape[2] % 2,) * 2, (0, 0)]
    return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), padding) / 4
