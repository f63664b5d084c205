"""Convolutions with CompressAI's explicit padding (never "SAME", which pads a stride of 2 differently).

A convolution and the transposed convolution with the same kernel are adjoint: each is the gradient of the other with
respect to its input. Both gradients are stated that way, since what automatic differentiation makes of a strided
convolution (one over a dilated input) is many times slower on CPUs. The gradients are exact, of any order in reverse
mode; forward mode is not offered.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.ops.kernel_gradient import kernel_gradient
from jaxcompress.ops.precision import choose_precision


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 1,
    before: int | None = None,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """Convolves with `k - 1` zeros around each side of length H or W: `k // 2` before it unless asked otherwise.

    Args:
        x: `[N, H, W, in]`, float32 or bfloat16, as the kernel.
        kernel: `[k, k, in, out]`.
        bias: `[out]`, or None.
        stride: step between outputs.
        before: number of zeros above and to the left of `x`, 0 to k - 1; the others are below and to the right.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[N, ceil(H / stride), ceil(W / stride), out]`.

    Source: CompressAI `conv` (weight `[out, in, k, k]`).
    """
    before = kernel.shape[0] // 2 if before is None else before
    y = _conv(stride, before, choose_precision(precision), x, kernel)
    return y if bias is None else y + bias


def pointwise(
    x: jax.Array, kernel: jax.Array, bias: jax.Array | None = None, *, precision: lax.PrecisionLike = None
) -> jax.Array:
    """Convolves with a 1x1 kernel, as one matrix product: on CPUs faster than `conv2d`, forward and backward.

    Args:
        x: `[..., in]`, float32 or bfloat16, as the kernel.
        kernel: `[1, 1, in, out]`.
        bias: `[out]`, or None.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[..., out]`.
    """
    y = jnp.dot(x, kernel[0, 0], precision=choose_precision(precision))
    return y if bias is None else y + bias


def conv2d_transpose(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 2,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """Transposed convolution whose output is exactly `stride` times as large.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, out, in]`, k odd, as that of the convolution which this one transposes: output
            `stride * i - k // 2 + t` receives `kernel[t] @ x[i]`.
        bias: `[out]`, or None.
        stride: upsampling factor.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[N, stride * H, stride * W, out]`.

    Source: CompressAI `deconv` (weight `[in, out, k, k]`, padding k // 2, output_padding stride - 1).
    """
    y = _conv_transpose(stride, kernel.shape[0] // 2, choose_precision(precision), x, kernel)
    return y if bias is None else y + bias


def _plain_conv(x, kernel, stride, padding, precision):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=precision
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _conv(stride, before, precision, x, kernel):
    padding = [(before, side - 1 - before) for side in kernel.shape[:2]]
    return _plain_conv(x, kernel, stride, padding, precision)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _conv_transpose(stride, before, precision, x, kernel):
    """As `stride**2` plain convolutions, one for each phase of the output, with the taps that meet that phase.

    This spares the multiplications by zero that the usual dilated input asks for: three of four at a stride of 2.
    """

    def phase(row: int, column: int) -> jax.Array:
        row_taps, row_padding = _phase_taps(kernel.shape[0], stride, before, row)
        column_taps, column_padding = _phase_taps(kernel.shape[1], stride, before, column)
        # Swapped by hand: inside a loop XLA's fast path on CPUs takes kernels in this layout only.
        taps = lax.rev(kernel[row_taps, column_taps], (0, 1)).swapaxes(2, 3)
        if not taps.size:  # a stride beyond the kernel leaves gaps
            return jnp.zeros((*x.shape[:3], kernel.shape[2]), x.dtype)
        return _plain_conv(x, taps, 1, (row_padding, column_padding), precision)

    phases = jnp.stack(
        [jnp.stack([phase(row, column) for column in range(stride)], axis=3) for row in range(stride)], axis=2
    )  # [N, H, row, W, column, out]
    n, height, _, width, _, out = phases.shape
    return phases.reshape(n, height * stride, width * stride, out)


def _phase_taps(size: int, stride: int, before: int, phase: int) -> tuple[slice, tuple[int, int]]:
    """Taps (to be reversed) and zero padding that give the outputs `stride * q + phase`.

    Output o receives x[i] * kernel[t] where o = stride * i - before + t, so the taps of one phase are those with
    t = phase + before (mod stride), and tap number j of them reads x[q + shift - j].
    """
    shift, first = divmod(phase + before, stride)
    count = len(range(first, size, stride))
    return slice(first, size, stride), (count - 1 - shift, shift)


def _keep_operands(apply):
    return lambda stride, before, precision, x, kernel: (apply(stride, before, precision, x, kernel), (x, kernel))


def _conv_backward(stride, before, precision, operands, g):
    x, kernel = operands
    # An odd side leaves the transposed convolution a row longer than the input was.
    upsampled = _conv_transpose(stride, before, precision, g, kernel)[:, : x.shape[1], : x.shape[2]]
    return upsampled, kernel_gradient(x, g, size=kernel.shape[0], stride=stride, before=before, precision=precision)


def _conv_transpose_backward(stride, before, precision, operands, g):
    x, kernel = operands
    return _conv(stride, before, precision, g, kernel), kernel_gradient(
        g, x, size=kernel.shape[0], stride=stride, before=before, precision=precision
    )


_conv.defvjp(_keep_operands(_conv), _conv_backward)
_conv_transpose.defvjp(_keep_operands(_conv_transpose), _conv_transpose_backward)


def masked_conv2d(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    mask: np.ndarray,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """Convolution whose kernel is multiplied by a mask first: a context model over a whole latent.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, in, out]`; masked taps count as zero, whatever is stored there.
        bias: `[out]`, or None.
        mask: `[k, k]` of zeros and ones, see `causal_mask` and `checkerboard_mask`.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[N, H, W, out]`.

    Source: CompressAI `MaskedConv2d`, `CheckerboardMaskedConv2d`.
    """
    return conv2d(x, kernel * mask[:, :, None, None].astype(kernel.dtype), bias, precision=precision)


def masked_conv2d_at(
    window: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    mask: np.ndarray,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """The masked convolution at one position, as one dot product over the kept taps.

    Args:
        window: `[k, k, in]`, the neighbourhood of the position, zeros outside the latent. Masked taps are not read.
        kernel: `[k, k, in, out]`.
        bias: `[out]`, or None.
        mask: `[k, k]` of zeros and ones.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        `[out]`.
    """
    kept = np.nonzero(mask)
    y = jnp.dot(
        window[kept].reshape(-1), kernel[kept].reshape(-1, kernel.shape[-1]), precision=choose_precision(precision)
    )
    return y if bias is None else y + bias
