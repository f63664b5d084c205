"""Convolutions with CompressAI's explicit padding (never "SAME", which pads a stride of 2 differently)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_LAYOUT = ("NHWC", "HWIO", "NHWC")
_TRANSPOSE_LAYOUT = ("NHWC", "HWOI", "NHWC")


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 1,
    precision: lax.PrecisionLike = lax.Precision.HIGHEST,
) -> jax.Array:
    """Convolves with `kernel_size // 2` zeros on all four sides.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, in, out]`, k odd.
        bias: `[out]`, or None.
        stride: step between outputs.
        precision: of the products.

    Returns:
        `[N, ceil(H / stride), ceil(W / stride), out]`.

    Source: CompressAI `conv` (weight `[out, in, k, k]`).
    """
    padding = [(side // 2, side // 2) for side in kernel.shape[:2]]
    y = lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=_LAYOUT, precision=precision
    )
    return y if bias is None else y + bias


def conv2d_transpose(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    stride: int = 2,
    precision: lax.PrecisionLike = lax.Precision.HIGHEST,
) -> jax.Array:
    """Transposed convolution whose output is exactly `stride` times as large.

    Computed as `stride**2` plain convolutions, one per output phase, each with the taps that meet that phase: no
    multiplication by the zeros that a dilated input would hold, and gradients that are plain convolutions too.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, out, in]`, k odd, as that of the convolution which this one transposes: output
            `stride * i - k // 2 + t` receives `kernel[t] @ x[i]`.
        bias: `[out]`, or None.
        stride: upsampling factor.
        precision: of the products.

    Returns:
        `[N, stride * H, stride * W, out]`.

    Source: CompressAI `deconv` (weight `[in, out, k, k]`, padding k // 2, output_padding stride - 1).
    """

    def phase(row: int, column: int) -> jax.Array:
        rows, row_padding = _phase_taps(kernel.shape[0], stride, row)
        columns, column_padding = _phase_taps(kernel.shape[1], stride, column)
        taps = kernel[rows][:, columns]
        return lax.conv_general_dilated(
            x, taps, (1, 1), (row_padding, column_padding), dimension_numbers=_TRANSPOSE_LAYOUT, precision=precision
        )

    phases = jnp.stack(
        [jnp.stack([phase(row, column) for column in range(stride)], axis=3) for row in range(stride)], axis=2
    )  # [N, H, row, W, column, out]
    n, height, _, width, _, out = phases.shape
    y = phases.reshape(n, height * stride, width * stride, out)
    return y if bias is None else y + bias


def _phase_taps(size: int, stride: int, phase: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Taps (in correlation order) and zero padding that give the outputs `stride * q + phase`.

    Output o receives x[i] * kernel[t] where o = stride * i - size // 2 + t, so the taps of one phase are those with
    t = phase + size // 2 (mod stride), and tap number j of them reads x[q + shift - j].
    """
    shift, first = divmod(phase + size // 2, stride)
    taps = np.arange(first, size, stride)[::-1]
    return taps, (len(taps) - 1 - shift, shift)


def masked_conv2d(
    x: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    mask: np.ndarray,
    precision: lax.PrecisionLike = lax.Precision.HIGHEST,
) -> jax.Array:
    """Convolution whose kernel is multiplied by a mask first: a context model over a whole latent.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, in, out]`; masked taps count as zero, whatever is stored there.
        bias: `[out]`, or None.
        mask: `[k, k]` of zeros and ones, see `causal_mask` and `checkerboard_mask`.
        precision: of the products.

    Returns:
        `[N, H, W, out]`.

    Source: CompressAI `MaskedConv2d`, `CheckerboardMaskedConv2d`.
    """
    return conv2d(x, kernel * mask[:, :, None, None], bias, precision=precision)


def masked_conv2d_at(
    window: jax.Array,
    kernel: jax.Array,
    bias: jax.Array | None = None,
    *,
    mask: np.ndarray,
    precision: lax.PrecisionLike = lax.Precision.HIGHEST,
) -> jax.Array:
    """The masked convolution at one position, as one dot product over the kept taps.

    Args:
        window: `[k, k, in]`, the neighbourhood of the position, zeros outside the latent. Masked taps are not read.
        kernel: `[k, k, in, out]`.
        bias: `[out]`, or None.
        mask: `[k, k]` of zeros and ones.
        precision: of the products.

    Returns:
        `[out]`.
    """
    kept = np.nonzero(mask)
    y = jnp.dot(window[kept].reshape(-1), kernel[kept].reshape(-1, kernel.shape[-1]), precision=precision)
    return y if bias is None else y + bias
