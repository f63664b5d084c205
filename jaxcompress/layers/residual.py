"""Residual blocks of the cheng2020 transforms. Each takes and returns `[N, H, W, C]`."""

from typing import Any

import jax
from flax import linen as nn

from jaxcompress.layers.conv import Conv, Pointwise, SubPixelConv
from jaxcompress.layers.gdn import GDN
from jaxcompress.layers.sequential import leaky_relu


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with LeakyReLU, added to the input (1x1 convolved if the width changes).

    Attributes:
        features: output channels.

    Source: Cheng et al. 2020; CompressAI `ResidualBlock`.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the block."""
        h = leaky_relu(Conv(self.features, kernel_size=3, stride=1, name="conv1")(x))
        h = leaky_relu(Conv(self.features, kernel_size=3, stride=1, name="conv2")(h))
        if x.shape[-1] != self.features:
            x = Conv(self.features, kernel_size=1, stride=1, name="skip")(x)
        return h + x


class ResidualBlockWithStride(nn.Module):
    """Downsampling residual block: strided 3x3 convolution, LeakyReLU, 3x3 convolution, GDN.

    Attributes:
        features: output channels.
        stride: downsampling factor.

    Source: Cheng et al. 2020; CompressAI `ResidualBlockWithStride`.
    """

    features: int
    stride: int = 2

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the block."""
        h = leaky_relu(Conv(self.features, kernel_size=3, stride=self.stride, name="conv1")(x))
        h = GDN(name="gdn")(Conv(self.features, kernel_size=3, stride=1, name="conv2")(h))
        if self.stride != 1 or x.shape[-1] != self.features:
            x = Conv(self.features, kernel_size=1, stride=self.stride, name="skip")(x)
        return h + x


class ResidualBlockUpsample(nn.Module):
    """Upsampling residual block: sub-pixel convolution, LeakyReLU, 3x3 convolution, IGDN.

    Attributes:
        features: output channels.
        factor: upsampling factor.

    Source: Cheng et al. 2020; CompressAI `ResidualBlockUpsample`.
    """

    features: int
    factor: int = 2

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the block."""
        h = leaky_relu(SubPixelConv(self.features, self.factor, name="subpel_conv")(x))
        h = GDN(inverse=True, name="igdn")(Conv(self.features, kernel_size=3, stride=1, name="conv")(h))
        return h + SubPixelConv(self.features, self.factor, name="upsample")(x)


class ResidualBottleneck(nn.Module):
    """Adds a narrow branch to the input: 1x1, ReLU, 3x3, ReLU, 1x1. It begins as the identity.

    Attributes:
        width: channels of the branch.
        dtype: what the branch is computed in; that of the input if None.
    """

    width: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the block."""
        h = x if self.dtype is None else x.astype(self.dtype)
        h = jax.nn.relu(Pointwise(self.width, name="reduce")(h))
        h = jax.nn.relu(Conv(self.width, kernel_size=3, stride=1, name="conv")(h))
        return x + Pointwise(x.shape[-1], zero_init=True, name="expand")(h)
