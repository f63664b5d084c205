"""The analysis and synthesis transforms of Ballé et al. and Minnen et al.; CompressAI's "google" family."""

import functools
from collections.abc import Callable

from jaxcompress.layers import GDN, Conv, ConvTranspose, Sequential


def analysis(n: int, m: int, *, activation: Callable | None = None) -> Sequential:
    """g_a: four 5x5 convolutions of stride 2, a normalization between each.

    Args:
        n: inner width.
        m: output channels.
        activation: layer between the convolutions; GDN if not given.
    """
    activation = activation or GDN
    conv = functools.partial(Conv, n)
    return Sequential((conv, activation, conv, activation, conv, activation, functools.partial(Conv, m)))


def synthesis(n: int, *, activation: Callable | None = None) -> Sequential:
    """g_s: four 5x5 transposed convolutions of stride 2, an inverse normalization between each.

    Args:
        n: inner width.
        activation: layer between the convolutions; inverse GDN if not given.
    """
    activation = activation or functools.partial(GDN, inverse=True)
    conv = functools.partial(ConvTranspose, n)
    last = functools.partial(ConvTranspose, 3)
    return Sequential((conv, activation, conv, activation, conv, activation, last))


def hyper_analysis(n: int, *, activation: Callable) -> Sequential:
    """h_a: a 3x3 convolution and two 5x5 convolutions of stride 2.

    Args:
        n: width.
        activation: between the convolutions.
    """
    conv = functools.partial(Conv, n)
    return Sequential((functools.partial(conv, kernel_size=3, stride=1), activation, conv, activation, conv))
