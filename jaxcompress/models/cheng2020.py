"""Residual transforms with sub-pixel upsampling, without and with attention; Cheng et al. 2020.

Source: "Learned image compression with discretized Gaussian mixture likelihoods and attention modules", with one
Gaussian instead of the paper's mixture, as in CompressAI.
"""

import functools

from jaxcompress.layers import (
    AttentionBlock,
    Conv,
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    Sequential,
    SubPixelConv,
    leaky_relu,
)
from jaxcompress.models.joint_autoregressive import JointAutoregressive
from jaxcompress.models.layout import sees


class Cheng2020Anchor(JointAutoregressive):
    """cheng2020-anchor (n equals m); CompressAI `Cheng2020Anchor`."""

    @sees(4)
    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        block, down = self._block(), functools.partial(ResidualBlockWithStride, self.n)
        return Sequential((down, block, down, block, down, block, functools.partial(Conv, self.n, 3, 2)))

    @sees(7)
    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        block, up = self._block(), functools.partial(ResidualBlockUpsample, self.n)
        return Sequential((block, up, block, up, block, up, block, functools.partial(SubPixelConv, 3)))

    @sees(2)
    def make_h_a(self) -> Sequential:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, N]`."""
        keep, down = functools.partial(Conv, self.n, 3, 1), functools.partial(Conv, self.n, 3, 2)
        return Sequential((keep, leaky_relu, keep, leaky_relu, down, leaky_relu, keep, leaky_relu, down))

    @sees(4)
    def make_h_s(self) -> Sequential:
        """The hyper-synthesis transform, `[N, h / 4, w / 4, N]` to `[N, h, w, 2 M]`."""
        wide = self.n * 3 // 2
        return Sequential(
            (
                functools.partial(Conv, self.n, 3, 1),
                leaky_relu,
                functools.partial(SubPixelConv, self.n),
                leaky_relu,
                functools.partial(Conv, wide, 3, 1),
                leaky_relu,
                functools.partial(SubPixelConv, wide),
                leaky_relu,
                functools.partial(Conv, self.n * 2, 3, 1),
            )
        )

    def _block(self):
        return functools.partial(ResidualBlock, self.n)


class Cheng2020Attention(Cheng2020Anchor):
    """cheng2020-attn, with attention at a quarter and at the full depth; CompressAI `Cheng2020Attention`."""

    @sees(8)
    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        block, down = self._block(), functools.partial(ResidualBlockWithStride, self.n)
        last = functools.partial(Conv, self.n, 3, 2)
        return Sequential((down, block, down, AttentionBlock, block, down, block, last, AttentionBlock))

    @sees(11)
    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        block, up = self._block(), functools.partial(ResidualBlockUpsample, self.n)
        last = functools.partial(SubPixelConv, 3)
        return Sequential((AttentionBlock, block, up, block, up, AttentionBlock, block, up, block, last))
