"""The networks of the light codec.

A 16x16 block of pixels is a latent. Both transforms are linear (the layer `linear`, which training starts as a
Karhunen-Loève transform of such blocks) plus a correction that is zero before training.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from jaxcompress import ops
from jaxcompress.entropy.gaussian import SCALE_BOUND
from jaxcompress.layers import Conv, Pointwise, ResidualBottleneck

ROWS = 6
"""Rows of the tables by rate: one for each of the rates 0, 1, ..., 5."""

LARGEST_SCALE = 256.0
"""Bound of the scales, the last of the usual table."""

_BLOCK = 16
_HALF = 8
"""Side of the blocks that the nonlinear paths work on, in pixels."""


def _table(module: nn.Module, name: str, features: int) -> jax.Array:
    return module.param(name, nn.initializers.zeros, (ROWS, features))


def multiply(x: jax.Array, log_factors: jax.Array) -> jax.Array:
    """The product of a feature map with factors for each picture and channel.

    Args:
        x: `[N, H, W, C]`.
        log_factors: logarithms, `[N, 1, 1, C]`.
    """
    # The barrier keeps XLA from computing the exponential anew at every position.
    return x * lax.optimization_barrier(jnp.exp(log_factors).astype(x.dtype))


class LightAnalysis(nn.Module):
    """g_a, before the gain: pictures `[N, H, W, 3]` to latents `[N, H / 16, W / 16, M]`.

    Attributes:
        n: width of the nonlinear path.
        m: output channels.
        dtype: what the nonlinear path is computed in; the linear one is float32 throughout.
    """

    n: int
    m: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, rate: jax.Array) -> jax.Array:
        """Applies the transform; `rate` is `[N]`."""
        h = ops.space_to_depth(x - 0.5, _HALF).astype(self.dtype)
        h = Conv(self.n, kernel_size=2, stride=1, before=0, name="in")(h)
        h = multiply(h, ops.interpolate_rows(_table(self, "scale", self.n), rate))
        for i in range(4):
            h = ResidualBottleneck(self.n * 2 // 3, name=f"blocks_{i}")(h)
        y = Pointwise(self.m, name="linear")(ops.space_to_depth(x, _BLOCK))
        y += Conv(self.m, kernel_size=3, stride=2, before=0, zero_init=True, name="out")(h)
        return ResidualBottleneck(self.m // 2, dtype=self.dtype, name="last")(y)


class LightSynthesis(nn.Module):
    """g_s, after the inverse gain: latents `[N, h, w, M]` to pictures `[N, 16 h, 16 w, 3]`.

    Attributes:
        n: width of the nonlinear path.
        dtype: see `LightAnalysis`.
    """

    n: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, y: jax.Array, *, rate: jax.Array) -> jax.Array:
        """Applies the transform; `rate` is `[N]`."""
        h = ResidualBottleneck(y.shape[-1] // 2, dtype=self.dtype, name="first")(y).astype(self.dtype)
        h = ops.depth_to_space(Pointwise(4 * self.n, name="in")(h), 2)
        h = multiply(h, ops.interpolate_rows(_table(self, "scale", self.n), rate))
        for i in range(3):
            h = ResidualBottleneck(self.n * 2 // 3, name=f"blocks_{i}")(h)
        h = Conv(3 * _HALF**2, kernel_size=2, stride=1, before=1, zero_init=True, name="out")(h)
        x_hat = Pointwise(3 * _BLOCK**2, name="linear")(y)
        return ops.depth_to_space(x_hat, _BLOCK) + ops.depth_to_space(h, _HALF)


class LightHyperAnalysis(nn.Module):
    """h_a: latents `[N, h, w, M]` to hyper-latents `[N, h / 4, w / 4, width]`.

    Attributes:
        width: channels of its layers and of z.
    """

    width: int

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        """Applies the transform."""
        h = jax.nn.relu(Pointwise(self.width, name="in")(jnp.arcsinh(y)))
        h = jax.nn.relu(Conv(self.width, kernel_size=3, stride=2, before=0, name="down")(h))
        return Conv(self.width, kernel_size=3, stride=2, before=0, name="out")(h)


class LightHyperSynthesis(nn.Module):
    """h_s: hyper-latents `[N, h / 4, w / 4, width]` to side information `[N, h, w, width]`.

    Attributes:
        width: channels of its layers.
    """

    width: int

    @nn.compact
    def __call__(self, z_hat: jax.Array, *, rate: jax.Array) -> jax.Array:
        """Applies the transform; `rate` is `[N]`."""
        h = jax.nn.relu(ops.depth_to_space(Pointwise(4 * self.width, name="in")(z_hat), 2))
        h = jax.nn.relu(Conv(self.width, kernel_size=3, stride=1, name="conv_0")(h))
        h = ops.depth_to_space(Pointwise(4 * self.width, name="up")(h), 2)
        h = jax.nn.relu(h + ops.interpolate_rows(_table(self, "rate", self.width), rate).astype(h.dtype))
        return Conv(self.width, kernel_size=3, stride=1, name="conv_1")(h)


class LightContext(nn.Module):
    """The network that predicts latents from side information and from the latents of earlier passes.

    Attributes:
        m: channels of the latent.
        width: channels of its layers.
    """

    m: int
    width: int

    @nn.compact
    def __call__(self, hyper: jax.Array, *, y_hat: jax.Array, number: int) -> jax.Array:
        """Predicts one pass.

        Args:
            hyper: `[N, h, w, width]`, output of h_s.
            y_hat: `[N, h, w, M]` in units of gain and spread, zero where nothing is decoded yet; the first pass does
                not read it.
            number: number of the pass.

        Returns:
            `[N, h, w, 2 M]`: means in the same units, then logarithms of scales in units of the gain.
        """
        if number == 0:
            h = jax.nn.relu(hyper)
        else:
            h = jax.nn.relu(hyper + Pointwise(self.width, name=f"in_{number}")(y_hat))
            h = h + jax.nn.relu(Conv(self.width, kernel_size=3, stride=1, name="conv")(h))
        return Pointwise(2 * self.m, zero_init=True, name=f"out_{number}")(h)


class LatentGain(nn.Module):
    """Quantization steps by rate, and the spread of each latent channel; all as logarithms.

    Attributes:
        m: channels of the latent.
    """

    m: int

    def setup(self):
        """Declares the tables."""
        self.gain_table, self.inverse_table = _table(self, "gain", self.m), _table(self, "inverse", self.m)
        self.spread = self.param("spread", nn.initializers.zeros, (self.m,))

    def gain(self, rate: jax.Array) -> jax.Array:
        """Logarithm of the factor before quantization, `[N, 1, 1, M]`, of rates `[N]`."""
        return ops.interpolate_rows(self.gain_table, rate)

    def inverse(self, rate: jax.Array) -> jax.Array:
        """Logarithm of the factor that the decoder applies, `[N, 1, 1, M]`, of rates `[N]`."""
        return ops.interpolate_rows(self.inverse_table, rate)

    def unit(self, rate: jax.Array) -> jax.Array:
        """Logarithm of the unit that the context computes in, `[N, 1, 1, M]`: gain times standard deviation."""
        return self.gain(rate) + self.spread


def bounded_scales(log_scales: jax.Array) -> jax.Array:
    """Scales of logarithms of any size, between those of the usual table."""
    return jnp.exp(jnp.clip(log_scales, math.log(SCALE_BOUND), math.log(LARGEST_SCALE)))
