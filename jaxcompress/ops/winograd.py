"""Convolutions by Winograd's minimal filtering: a quarter of the multiplications, for inference on CPUs.

A 3x3 convolution of stride 1 is computed on tiles of 4x4 outputs, F(4x4, 3x3): 6x6 inputs are transformed, multiplied
with the transformed kernel position by position (36 products of matrices, over channels), and transformed back. Both
convolutions of stride 2 are brought to that form: splitting the input into its phases (space to depth) makes one of a
5x5 convolution, and one that computes all phases of the output (then depth to space) of the transposed one. Of the 36
taps that makes, 11 are zeros; there are still 2.8 times fewer multiplications than with 25 taps.

Rounding errors are five times those of a plain convolution, up to 3e-5 of the outputs' standard deviation: nothing to
a picture, but too much to decide bits with. Gradients are no faster: train with `conv2d`.

Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", with the points 0, 1, -1, 2, -2.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.ops.precision import choose_precision
from jaxcompress.ops.shuffle import space_to_depth

_TILE = 4
# Tiles of a strip: enough for products of matrices to be fast, few enough for the caches that processors share.
_STRIP = 192
# Of the input (6 to 6), the kernel (3 to 6) and the output (6 to 4), in each direction.
_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_OUTPUT = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


def one_phase_kernel(kernel: np.ndarray, *, stride: int) -> np.ndarray:
    """The 3x3 kernel of stride 1 that convolves the phases of an input as `kernel` convolves the input.

    Args:
        kernel: `[k, k, in, out]`, k odd and at most `2 * stride + 1`.
        stride: 1 or 2.

    Returns:
        `[3, 3, stride**2 * in, out]`: the channels of the phases by row, column and channel.
    """
    side, (inputs, outputs) = kernel.shape[0], kernel.shape[2:]
    found = np.zeros((3, 3, stride, stride, inputs, outputs), kernel.dtype)
    for row, column in np.ndindex(side, side):
        (down, i), (right, j) = (divmod(tap - side // 2, stride) for tap in (row, column))
        found[1 + down, 1 + right, i, j] = kernel[row, column]
    return found.reshape(3, 3, stride**2 * inputs, outputs)


def all_phases_kernel(kernel: np.ndarray, *, stride: int) -> np.ndarray:
    """The 3x3 kernel of stride 1 that makes all phases of what `kernel` makes by a transposed convolution.

    Args:
        kernel: `[k, k, out, in]`, k odd and at most `2 * stride + 1`.
        stride: 1 or 2.

    Returns:
        `[3, 3, in, stride**2 * out]`: the channels of the phases by row, column and channel.
    """
    side, (outputs, inputs) = kernel.shape[0], kernel.shape[2:]
    found = np.zeros((3, 3, inputs, stride, stride, outputs), kernel.dtype)
    for row, column in np.ndindex(side, side):
        (down, i), (right, j) = (divmod(tap - side // 2, stride) for tap in (row, column))
        found[1 - down, 1 - right, :, i, j] = kernel[row, column].T
    return found.reshape(3, 3, inputs, stride**2 * outputs)


def winograd_kernel(kernel: np.ndarray) -> np.ndarray:
    """A 3x3 kernel as `winograd_conv2d` and `winograd_conv2d_transpose` take it.

    Args:
        kernel: float32 `[3, 3, in, out]`, for strides other than 1 see `one_phase_kernel`, `all_phases_kernel`.

    Returns:
        float32 `[36, in, out]`, computed in float64.
    """
    both = np.kron(_KERNEL, _KERNEL)
    return (both @ kernel.reshape(9, -1).astype(np.float64)).reshape(36, *kernel.shape[2:]).astype(np.float32)


def winograd_conv2d(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 1,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """`conv2d`, with a transformed kernel.

    Args:
        x: float32 `[N, H, W, in]`.
        kernel: `[36, stride**2 * in, out]`, `winograd_kernel` of `one_phase_kernel`.
        bias: `[out]`, or None.
        stride: 1 (of a 3x3 kernel) or 2 (of a 5x5 one).
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[N, ceil(H / stride), ceil(W / stride), out]`.
    """
    return _convolve(space_to_depth(x, stride), kernel, bias, 1, precision)


def winograd_conv2d_transpose(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 2,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """`conv2d_transpose`, with a transformed kernel.

    Args:
        x: float32 `[N, H, W, in]`.
        kernel: `[36, in, stride**2 * out]`, `winograd_kernel` of `all_phases_kernel`.
        bias: `[out]`, or None.
        stride: 1 (of a 3x3 kernel) or 2 (of a 5x5 one).
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[N, stride * H, stride * W, out]`.
    """
    return _convolve(x, kernel, bias, stride, precision)


def _convolve(x, kernel, bias, factor, precision):
    """The 3x3 convolution, then depth to space: strip by strip, so that what lies between stays in the caches."""
    n, height, width, channels = x.shape
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    strips = -(-rows // max(1, _STRIP // columns))
    rows = -(-rows // strips)  # of a strip: as even as can be
    below, right = strips * rows * _TILE - height + 1, columns * _TILE - width + 1
    x = jnp.pad(x, ((0, 0), (1, below), (1, right), (0, 0)))

    def convolve_strip(i):
        start = i // strips, i % strips * rows * _TILE, 0, 0
        strip = lax.dynamic_slice(x, start, (1, rows * _TILE + 2, x.shape[2], channels))
        return _convolve_tiles(strip[0], kernel, rows, columns, factor, choose_precision(precision))

    y = lax.map(convolve_strip, jnp.arange(n * strips))
    y = y.reshape(n, strips * rows * _TILE * factor, columns * _TILE * factor, -1)
    y = y[:, : height * factor, : width * factor]
    return y if bias is None else y + bias


def _convolve_tiles(x, kernel, rows, columns, factor, precision):
    """`[4 rows + 2, 4 columns + 2, in]` to `[4 rows factor, 4 columns factor, out]`: a strip of tiles."""
    x = _combine(_INPUT, [x[i : i + rows * _TILE : _TILE] for i in range(6)], axis=0)
    x = _combine(_INPUT, [x[:, :, j : j + columns * _TILE : _TILE] for j in range(6)], axis=1)
    x = x.reshape(36, rows * columns, -1)
    products = lax.dot_general(x, kernel, (((2,), (1,)), ((0,), (0,))), precision=precision)
    # A row of phases stays together with its channels: interleaving these is then no work of its own.
    y = products.reshape(6, 6, rows, columns, factor, -1)
    y = _combine(_OUTPUT, [y[i] for i in range(6)], axis=0)  # [4, 6, rows, columns, factor, factor * out]
    y = _combine(_OUTPUT, [y[:, j] for j in range(6)], axis=3)  # [4, rows, columns, 4, factor, factor * out]
    return y.transpose(1, 0, 4, 2, 3, 5).reshape(rows * _TILE * factor, columns * _TILE * factor, -1)


def _combine(matrix: list[list[int]], parts: list[jax.Array], *, axis: int) -> jax.Array:
    """Each row of a small matrix as sums of arrays, stacked: XLA makes one loop over memory of it, and no product."""
    rows = ((weight * part for weight, part in zip(row, parts, strict=True) if weight) for row in matrix)
    return jnp.stack([functools.reduce(operator.add, row) for row in rows], axis)
