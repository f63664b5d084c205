"""Thin Flax modules: they declare parameters, named after CompressAI's keys, and call `jaxcompress.ops`."""

from jaxcompress.layers.attention import AttentionBlock
from jaxcompress.layers.conv import CheckerboardConv, Conv, ConvTranspose, MaskedConv, Pointwise, SubPixelConv
from jaxcompress.layers.gdn import GDN, GDN1
from jaxcompress.layers.inside import inside, only_inside
from jaxcompress.layers.residual import (
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    ResidualBottleneck,
)
from jaxcompress.layers.sequential import Sequential, leaky_relu

__all__ = [
    "GDN",
    "GDN1",
    "AttentionBlock",
    "CheckerboardConv",
    "Conv",
    "ConvTranspose",
    "MaskedConv",
    "Pointwise",
    "ResidualBlock",
    "ResidualBlockUpsample",
    "ResidualBlockWithStride",
    "ResidualBottleneck",
    "Sequential",
    "SubPixelConv",
    "inside",
    "leaky_relu",
    "only_inside",
]
