"""Convolutions as sums over taps, of integers and of floating-point numbers, `[H, W, channels]`."""

import numpy as np


def convolve(x: np.ndarray, kernel: np.ndarray, tap_bias: np.ndarray | None = None) -> np.ndarray:
    """Convolution of stride 1 that keeps the size; taps outside the picture are left out.

    Args:
        x: `[H, W, in]`.
        kernel: `[k, k, in, out]`; tap `(k // 2, k // 2)` lies on the output.
        tap_bias: `[k, k, out]`, added where the tap lies inside the picture.

    Returns:
        `[H, W, out]`.
    """
    height, width = x.shape[:2]
    size = len(kernel)
    sums = np.zeros((height, width, kernel.shape[3]), x.dtype)
    for i, j in np.ndindex(size, size):
        (to_rows, from_rows), (to_columns, from_columns) = _overlap(height, i, size), _overlap(width, j, size)
        sums[to_rows, to_columns] += x[from_rows, from_columns] @ kernel[i, j]
        if tap_bias is not None:
            sums[to_rows, to_columns] += tap_bias[i, j]
    return sums


def convolve_transposed(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Transposed convolution of stride 2: the input at i adds to the outputs `2 i + tap - k // 2`.

    Args:
        x: `[H, W, in]`.
        kernel: `[k, k, out, in]`, k odd.

    Returns:
        `[2 H, 2 W, out]`.
    """
    height, width = 2 * x.shape[0], 2 * x.shape[1]
    size = len(kernel)
    sums = np.zeros((height + size, width + size, kernel.shape[2]), x.dtype)
    for i, j in np.ndindex(size, size):
        sums[i : i + height : 2, j : j + width : 2] += x @ kernel[i, j].T
    return sums[size // 2 :, size // 2 :][:height, :width]


def shuffle(x: np.ndarray, factor: int) -> np.ndarray:
    """Channel `factor^2 c + factor p + q` becomes channel c at row `factor y + p`, column `factor x + q`."""
    height, width, channels = x.shape
    x = x.reshape(height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 3, 1, 4, 2).reshape(factor * height, factor * width, -1)


def _overlap(length: int, tap: int, size: int) -> tuple[slice, slice]:
    """Outputs for which a tap lies inside, and the inputs on which it then lies."""
    step = tap - size // 2
    first, last = max(0, -step), max(0, -step, min(length, length - step))
    return slice(first, last), slice(first + step, last + step)
