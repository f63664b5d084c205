"""Convolutions as modules, with PyTorch's default initialization.

`Conv` and `ConvTranspose` compute with another form of their kernel where the collection "prepared" holds one, under
the module's path: see `prepare`.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops


def _uniform(fan_in: int) -> Callable[..., jax.Array]:
    """PyTorch's default for kernels and biases alike: uniform in +-1 / sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)

    def init(key, shape, dtype=np.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def _cast(x: jax.Array, *parameters: jax.Array) -> tuple[jax.Array, ...]:
    """Parameters, which are stored as float32, in the type that the signal is computed in."""
    return tuple(parameter.astype(x.dtype) for parameter in parameters)


# Below, transforming a signal costs as much as Winograd's form saves (measured, see docs/speed.md).
_WINOGRAD_CHANNELS = 32
# Up to these, one convolution to all phases at once beats one for each, though a third of its products are by zeros:
# products of matrices as narrow as a picture's colours leave most of a processor's units idle.
_FEW_OUTPUTS = 4


def _suits_winograd(kernel_size: int, stride: int, channels: int) -> bool:
    """Whether a kernel has the form and the channels (the fewer of both sides) for it.

    A 3x3 kernel of stride 2 would ask for as many products as it has taps.
    """
    return (kernel_size, stride) in ((3, 1), (5, 2)) and channels >= _WINOGRAD_CHANNELS


class Conv(nn.Module):
    """Convolution, `[N, H, W, in]` to `[N, ceil(H / stride), ceil(W / stride), features]`.

    Attributes:
        features: output channels.
        kernel_size: side of the square kernel.
        stride: step between outputs.
        before: number of zeros above and to the left, see `ops.conv2d`; half of the kernel's side if None.
        zero_init: begin with zeros, so that the layer gives zeros until it is trained.

    Source: CompressAI `conv`, `conv3x3`, `conv1x1`.
    """

    features: int
    kernel_size: int = 5
    stride: int = 2
    before: int | None = None
    zero_init: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves `x`."""
        init = nn.initializers.zeros if self.zero_init else _uniform(x.shape[-1] * self.kernel_size**2)
        kernel = self.param("kernel", init, (self.kernel_size, self.kernel_size, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        if self.has_variable("prepared", "winograd"):
            return ops.winograd_conv2d(x, self.get_variable("prepared", "winograd"), bias, stride=self.stride)
        return ops.conv2d(x, *_cast(x, kernel, bias), stride=self.stride, before=self.before)

    def prepare(self, kernel: np.ndarray) -> dict[str, np.ndarray]:
        """What a faster way on CPUs needs, for float32 inference.

        Args:
            kernel: the parameter, `[kh, kw, C_in, C_out]`.

        Returns:
            Variables of the collection "prepared"; none if there is no faster way.
        """
        if self.before is not None or not _suits_winograd(self.kernel_size, self.stride, min(kernel.shape[2:])):
            return {}
        return {"winograd": ops.winograd_kernel(ops.one_phase_kernel(kernel, stride=self.stride))}


class Pointwise(nn.Module):
    """1x1 convolution as one matrix product, which is faster on CPUs, `[N, H, W, in]` to `[N, H, W, features]`.

    Attributes:
        features: output channels.
        zero_init: see `Conv`.
    """

    features: int
    zero_init: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves `x`."""
        init = nn.initializers.zeros if self.zero_init else _uniform(x.shape[-1])
        kernel = self.param("kernel", init, (1, 1, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        kernel, bias = _cast(x, kernel, bias)
        return ops.pointwise(x, kernel, bias)


class ConvTranspose(nn.Module):
    """Transposed convolution, `[N, H, W, in]` to `[N, stride * H, stride * W, features]`.

    Attributes:
        features: output channels.
        kernel_size: odd side of the square kernel.
        stride: upsampling factor.

    Source: CompressAI `deconv`.
    """

    features: int
    kernel_size: int = 5
    stride: int = 2

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Upsamples `x`."""
        # PyTorch counts the outputs as the fan-in of a transposed convolution.
        init = _uniform(self.features * self.kernel_size**2)
        kernel = self.param("kernel", init, (self.kernel_size, self.kernel_size, self.features, x.shape[-1]))
        bias = self.param("bias", init, (self.features,))
        if self.has_variable("prepared", "winograd"):
            return ops.winograd_conv2d_transpose(x, self.get_variable("prepared", "winograd"), bias, stride=self.stride)
        if self.has_variable("prepared", "all_phases"):
            phases = ops.conv2d(x, self.get_variable("prepared", "all_phases"))
            return ops.depth_to_space(phases, self.stride) + bias
        return ops.conv2d_transpose(x, *_cast(x, kernel, bias), stride=self.stride)

    def prepare(self, kernel: np.ndarray) -> dict[str, np.ndarray]:
        """See `Conv.prepare`."""
        outputs, inputs = kernel.shape[2:]
        if _suits_winograd(self.kernel_size, self.stride, min(inputs, outputs)):
            return {"winograd": ops.winograd_kernel(ops.all_phases_kernel(kernel, stride=self.stride))}
        if (self.kernel_size, self.stride) == (5, 2) and outputs <= _FEW_OUTPUTS:
            return {"all_phases": ops.all_phases_kernel(kernel, stride=self.stride)}
        return {}


class SubPixelConv(nn.Module):
    """3x3 convolution and pixel shuffle, `[N, H, W, in]` to `[N, factor * H, factor * W, features]`.

    Attributes:
        features: output channels, after the shuffle.
        factor: upsampling factor.

    Source: CompressAI `subpel_conv3x3` (the convolution is its child "0").
    """

    features: int
    factor: int = 2

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Upsamples `x`."""
        x = Conv(self.features * self.factor**2, kernel_size=3, stride=1, name="0")(x)
        return ops.pixel_shuffle(x, self.factor)


class MaskedConv(nn.Module):
    """Context model that sees only what raster order has already decoded, `[N, H, W, in]` to `[N, H, W, features]`.

    Attributes:
        features: output channels.
        kernel_size: odd side of the square kernel.
        kind: "A" without the centre, "B" with it.

    Source: CompressAI `MaskedConv2d`.
    """

    features: int
    kernel_size: int = 5
    kind: str = "A"

    @property
    def mask(self) -> np.ndarray:
        """The taps in use, float32 `[kernel_size, kernel_size]`."""
        return ops.causal_mask(self.kernel_size, kind=self.kind)

    @nn.compact
    def __call__(self, x: jax.Array, *, at_center: bool = False) -> jax.Array:
        """Convolves `x`; with `at_center`, a window `[kernel_size, kernel_size, in]` gives its centre, `[features]`."""
        init = _uniform(x.shape[-1] * self.kernel_size**2)
        kernel = self.param("kernel", init, (self.kernel_size, self.kernel_size, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        convolve = ops.masked_conv2d_at if at_center else ops.masked_conv2d
        return convolve(x, *_cast(x, kernel, bias), mask=self.mask)


class CheckerboardConv(nn.Module):
    """Context model of two-pass coding, `[N, H, W, in]` to `[N, H, W, features]`.

    The first pass codes the anchors, see `ops.checkerboard`: for them this gives zeros. The second codes the others,
    which see the anchors around them and nothing else. So training, and each pass of an encoder or a decoder, call the
    same layer, with whatever at the positions that are not decoded yet.

    Attributes:
        features: output channels.
        kernel_size: odd side of the square kernel.

    Source: He et al. 2021, "Checkerboard context model for efficient learned image compression"; CompressAI
    `CheckerboardMaskedConv2d` as its `CheckerboardLatentCodec` uses it.
    """

    features: int
    kernel_size: int = 5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves the anchors of `x`."""
        init = _uniform(x.shape[-1] * self.kernel_size**2)
        kernel = self.param("kernel", init, (self.kernel_size, self.kernel_size, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        # As `ops.checkerboard`, of sizes that may be symbols.
        rows, columns = (jnp.arange(size) for size in x.shape[1:3])
        anchors = ((rows[:, None] + columns) % 2 == 0)[..., None]
        # Chosen, not multiplied by zero: what is not decoded yet may be anything, NaN included.
        known = jnp.where(anchors, x, 0)
        context = ops.masked_conv2d(known, *_cast(x, kernel, bias), mask=ops.checkerboard_mask(self.kernel_size))
        return jnp.where(anchors, 0, context)
