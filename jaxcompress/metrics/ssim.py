"""Structural similarity."""

import functools

import jax

from jaxcompress.metrics.ms_ssim import as_floats, blur, mean_of_pixels

_MIN_SIDE = 11  # taps of the window


@functools.partial(jax.jit, static_argnames="peak")
def ssim(a: jax.Array, b: jax.Array, *, peak: float = 1.0) -> jax.Array:
    """SSIM with a Gaussian window of 11 taps (sigma 1.5) on one scale, the mean over pixels and channels.

    Needs the package dm-pix, which bounds variances and covariances: on flat areas, where these are nothing but
    rounding, that gives another value than pytorch_msssim's. The two agree to 1e-5, to 3e-5 with much flat area.

    Args:
        a: `[N, H, W, C]` in [0, peak], both sides at least 11; computed in float32 (float64 if given that), as are
            integers.
        b: shaped as `a`.
        peak: largest value a sample can have.

    Returns:
        `[N]`, at most 1; differentiable.

    Raises:
        ValueError: shapes differ or are too small, or the peak is not that of bytes.
        ImportError: dm-pix is missing.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    a, b = as_floats(a, b, peak=peak, name="SSIM", min_side=_MIN_SIDE)
    try:
        import dm_pix
    except ImportError as error:
        raise ImportError(f"SSIM needs dm-pix ({error}): pip install 'jaxcompress[eval]'") from error
    similarity = dm_pix.ssim(a, b, max_val=peak, filter_fn=blur, return_map=True)
    return mean_of_pixels(similarity).mean(axis=-1)
