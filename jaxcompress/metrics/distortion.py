"""Mean squared error, on the scale people quote."""

import math

import numpy as np

_RED, _BLUE = 0.2126, 0.0722  # BT.709's weights of luma


def psnr(a: np.ndarray, b: np.ndarray, *, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio over all samples of a picture.

    Args:
        a: `[H, W, C]` or `[H, W]`, in [0, peak].
        b: shaped as `a`.
        peak: largest value a sample can have.

    Returns:
        Decibels; infinity for equal pictures.

    Raises:
        ValueError: the shapes differ.
    """
    if np.shape(a) != np.shape(b):
        raise ValueError(f"pictures of shapes {np.shape(a)} and {np.shape(b)} cannot be compared")
    error = np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)
    return 10 * math.log10(peak**2 / error) if error else math.inf


def psnr_y(a: np.ndarray, b: np.ndarray, *, peak: float = 255.0) -> float:
    """PSNR of the luma of RGB pictures: BT.709, full range, `Y = 0.2126 R + 0.7152 G + 0.0722 B`, not rounded.

    Args:
        a: `[H, W, 3]`, in [0, peak].
        b: shaped as `a`.
        peak: largest value a sample can have.

    Returns:
        Decibels; infinity for equal lumas.

    Raises:
        ValueError: the shapes differ, or are not those of RGB.
    """
    return _psnr_of_planes(a, b, peak)[0]


def psnr_yuv(a: np.ndarray, b: np.ndarray, *, peak: float = 255.0) -> float:
    """PSNR of luma and chroma, `(6 PSNR_Y + PSNR_Cb + PSNR_Cr) / 8`: a mean of decibels.

    The planes are those of BT.709 in full range and 4:4:4, not rounded: Y as in `psnr_y`, `Cb = (B - Y) / 1.8556`,
    `Cr = (R - Y) / 1.5748`. Others mean
    squared errors weighed, or other weights, by this name.

    Args:
        a: `[H, W, 3]`, in [0, peak].
        b: shaped as `a`.
        peak: largest value a sample can have.

    Returns:
        Decibels; infinity if any plane is equal, as the chroma of grey pictures is.

    Raises:
        ValueError: the shapes differ, or are not those of RGB.

    Source: Ohm et al. 2012, "Comparison of the coding efficiency of video coding standards", for the weights.
    """
    y, cb, cr = _psnr_of_planes(a, b, peak)
    return (6 * y + cb + cr) / 8


def _psnr_of_planes(a: np.ndarray, b: np.ndarray, peak: float) -> tuple[float, ...]:
    """PSNR of Y, Cb and Cr."""
    if np.ndim(a) != 3 or np.shape(a)[-1] != 3:
        raise ValueError(f"pictures have shapes {np.shape(a)} and {np.shape(b)}; expected RGB, [H, W, 3]")
    if np.shape(a) != np.shape(b):
        raise ValueError(f"pictures of shapes {np.shape(a)} and {np.shape(b)} cannot be compared")
    # The planes are linear in the samples, so those of the difference are the differences of the planes.
    red, green, blue = np.moveaxis(np.asarray(a, np.float64) - np.asarray(b, np.float64), -1, 0)
    y = _RED * red + (1 - _RED - _BLUE) * green + _BLUE * blue
    planes = y, (blue - y) / (2 - 2 * _BLUE), (red - y) / (2 - 2 * _RED)
    return tuple(psnr(plane, np.zeros_like(plane), peak=peak) for plane in planes)
