"""Mean squared error, on the scale people quote."""

import math

import numpy as np


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
