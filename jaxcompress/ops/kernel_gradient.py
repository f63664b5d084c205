"""The gradient of a convolution with respect to its kernel.

XLA states it as a convolution whose window is as large as the output. On CPUs that runs at a fraction of their speed
for the wide layers of codecs, and for a first or last layer with three channels; there it is a sum of matrix products
instead, one for each tap of the kernel, picture by picture, so that what a product reads is still in the cache.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

_WIDE = 128 * 128
"""Input times output channels from which products are faster than XLA's convolution (measured on one CPU)."""
_NARROW = 8
"""Input channels up to which they are faster, too."""
_ROWS = 4096
"""Output positions in a product: more gain nothing, and leave the cache."""


def kernel_gradient(
    x: jax.Array, g: jax.Array, *, size: int, stride: int, before: int, precision: lax.PrecisionLike
) -> jax.Array:
    """Gradient of `conv2d(x, kernel, stride=stride, before=before)` in direction `g` with respect to the kernel.

    Args:
        x: `[N, H, W, in]`.
        g: `[N, ceil(H / stride), ceil(W / stride), out]`.
        size: side of the kernel.
        stride: step between outputs.
        before: number of zeros above and to the left of `x`.
        precision: of the products.

    Returns:
        `[size, size, in, out]`.
    """
    by_convolution = functools.partial(_by_convolution, size=size, stride=stride, before=before, precision=precision)
    in_between = x.shape[-1] > _NARROW and x.shape[-1] * g.shape[-1] < _WIDE
    # A batch that may be split over devices is not gone through picture by picture: it would have to be gathered.
    if in_between or jax.device_count() > 1:
        return by_convolution(x, g)
    by_products = functools.partial(_by_products, size=size, stride=stride, before=before, precision=precision)
    return lax.platform_dependent(x, g, cpu=by_products, default=by_convolution)


def _by_convolution(x, g, *, size, stride, before, precision):
    """With channels as the batch and pictures as the channels."""
    padding = [
        (before, size - before + stride * (count - 1) - side)
        for side, count in zip(x.shape[1:3], g.shape[1:3], strict=True)
    ]
    # Transposed by hand: inside a loop XLA's fast path on CPUs takes this layout only.
    gradient = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        g.transpose(1, 2, 0, 3),
        (1, 1),
        padding,
        rhs_dilation=(stride, stride),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=precision,
    )
    return gradient.transpose(1, 2, 0, 3)


def _by_products(x, g, *, size, stride, before, precision):
    """A few pictures at a time."""
    n, rows, columns, _ = g.shape
    at_once = max(d for d in range(1, n + 1) if n % d == 0 and d * rows * columns <= max(_ROWS, rows * columns))
    parts = tuple(a.reshape(n // at_once, at_once, *a.shape[1:]) for a in (x, g))

    def add(total, part):
        return total + _sum_of_products(*part, size=size, stride=stride, before=before, precision=precision), None

    zeros = jnp.zeros((size, size, x.shape[-1], g.shape[-1]), _sum_type(x))
    return lax.scan(add, zeros, parts)[0].astype(x.dtype)


def _sum_of_products(x, g, *, size, stride, before, precision):
    """All taps. Neighbouring columns of a stride lie side by side in memory, so their taps share one product."""
    n, rows, columns, out = g.shape
    channels = x.shape[-1]
    # [N, rows + more, stride, columns + more, stride * channels]
    blocks = _blocks(x, size, stride, before, rows, columns)
    g = g.reshape(-1, out)

    def seen_by(row: int, block: int) -> jax.Array:
        """What the taps of one row of the kernel, in one block, multiply: `[N * rows * columns, taps * channels]`."""
        taps = min(stride, size - block * stride)
        first, phase = divmod(row, stride)
        seen = blocks[:, first : first + rows, phase, block : block + columns, : taps * channels]
        return seen.reshape(n * rows * columns, -1)

    seen = [seen_by(row, block) for row in range(size) for block in range(math.ceil(size / stride))]
    if channels <= _NARROW:  # too few for a product of their own
        seen = [jnp.concatenate(seen, axis=-1)]
    contract = (((0,), (0,)), ((), ()))
    products = [
        lax.dot_general(part, g, contract, precision=precision, preferred_element_type=_sum_type(x)) for part in seen
    ]
    return jnp.concatenate(products).reshape(size, size, channels, out)


def _sum_type(x):
    """At least float32, for a kernel's gradient is a sum over many positions."""
    return jnp.promote_types(x.dtype, jnp.float32)


def _blocks(x, size, stride, before, rows, columns):
    """Padded so that tap t of output q is in block `q + t // stride`, at place `t % stride`; cut into such blocks."""
    more = (size - 1) // stride
    padding = [(0, 0)]
    for side, count in zip(x.shape[1:3], (rows, columns), strict=True):
        padding.append((before, max(stride * (count + more) - before - side, 0)))
    x = jnp.pad(x, (*padding, (0, 0)))[:, : stride * (rows + more), : stride * (columns + more)]
    return x.reshape(x.shape[0], rows + more, stride, columns + more, stride * x.shape[-1])
