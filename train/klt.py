"""A beginning for the light codec: a linear transform codec of the training pictures, about as good as JPEG.

The Karhunen-Loève transform of 16x16 blocks is the linear transform whose coefficients are uncorrelated: the principal
components of the blocks. A network that begins with it, and whose nonlinear paths begin with zeros, has nothing to
unlearn.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxcompress.models import Light
from jaxcompress.train.data.batches import Source
from jaxcompress.train.losses import rate_lambda

_BLOCK = 16
_PICTURES = 512
"""Largest number of pictures that blocks are taken from."""


class KLT(NamedTuple):
    """Karhunen-Loève transform of blocks, all float64.

    Attributes:
        mean: mean block, `[768]` in the order rows, columns, colours, of pictures in [0, 1].
        components: orthonormal columns by falling deviation, `[768, M]`.
        deviations: standard deviations of the coefficients, `[M]`.
    """

    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray


def fit_klt(pictures: Source, *, components: int, blocks: int = 30_000, seed: int = 0) -> KLT:
    """Fits the transform to blocks from anywhere in the pictures, each with its mirror image.

    Args:
        pictures: uint8 `[H, W, 3]` each, both sides at least 16.
        components: how many to keep, M, up to 768.
        blocks: number of blocks, mirror images not counted.
        seed: decides the places of the blocks.

    Returns:
        The transform.
    """
    rng = np.random.default_rng(seed)
    count = min(len(pictures), _PICTURES)
    size = 3 * _BLOCK**2
    total, products = np.zeros(size), np.zeros((size, size))
    for number in range(count):
        pixels = pictures[number * len(pictures) // count]
        drawn = _blocks_of(pixels, max(blocks // count, 1), rng)
        total += drawn.sum(0, dtype=np.float64)
        products += drawn.T @ drawn
    seen = 2 * max(blocks // count, 1) * count
    mean = total / seen
    variances, vectors = np.linalg.eigh(products / seen - np.outer(mean, mean))
    vectors, variances = vectors[:, ::-1][:, :components], variances[::-1][:components]
    # An eigenvector's sign is arbitrary: the largest entry is made positive.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], 0)
    return KLT(mean, vectors * np.sign(largest), np.sqrt(np.maximum(variances, 1e-12)))


def _blocks_of(pixels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Blocks of a picture and their mirror images, float32 `[2 * count, 768]`."""
    height, width, _ = pixels.shape
    tops, lefts = rng.integers(height - _BLOCK + 1, size=count), rng.integers(width - _BLOCK + 1, size=count)
    drawn = np.stack([pixels[t : t + _BLOCK, s : s + _BLOCK] for t, s in zip(tops, lefts, strict=True)])
    both = np.concatenate([drawn, drawn[:, :, ::-1]])
    return both.reshape(len(both), -1).astype(np.float32) / 255


def quantization_steps(rates: np.ndarray, components: int) -> np.ndarray:
    """Steps that minimize rate + lambda 255^2 MSE, or nearly so, for an orthonormal transform of blocks.

    Where quantization is fine, a step s costs s^2 / 12 of squared error for each coefficient, of which there are as
    many as samples, 3 a pixel, and a bit is saved by doubling it: so `s^2 = 18 / (lambda 255^2 ln 2)`. High components,
    which are mostly zero, want larger steps, and low ones smaller: the factors are those that training finds.

    Args:
        rates: `[R]`, see `rate_lambda`.
        components: number of components, M.

    Returns:
        `[R, M]`, on the [0, 1] scale.
    """
    uniform = np.sqrt(18 / (np.asarray(rate_lambda(rates), np.float64) * 255**2 * math.log(2)))
    return uniform[:, None] * np.exp(-0.25 + np.sqrt(np.arange(components) / components))


def with_klt(model: Light, params: Mapping[str, Any], klt: KLT) -> dict[str, Any]:
    """Parameters of the light codec that make it a linear transform codec.

    Args:
        model: the module.
        params: its parameters, freshly initialized: the last layers of all nonlinear paths are zero.
        klt: transform with `model.m` components.

    Returns:
        The parameters with the linear layers, steps, spreads and first predictions replaced.
    """
    kernel = klt.components[None, None]
    inverse = kernel.swapaxes(2, 3)
    log_steps = np.log(quantization_steps(np.arange(len(params["gain"]["gain"])), model.m))
    log_deviations = np.log(klt.deviations)
    # A prediction is M means and M logarithms of scales in units of the gain: before training 0, and the deviation.
    prediction = np.concatenate([np.zeros(model.m), log_deviations])
    context = {
        name: {**layer, "bias": _float32(prediction)} if name.startswith("out_") else layer
        for name, layer in params["context"].items()
    }
    linear = {"kernel": _float32(kernel), "bias": _float32(-klt.mean @ klt.components)}
    return {
        **params,
        "g_a": {**params["g_a"], "linear": linear},
        "g_s": {**params["g_s"], "linear": {"kernel": _float32(inverse), "bias": _float32(klt.mean)}},
        "gain": {"gain": _float32(-log_steps), "inverse": _float32(log_steps), "spread": _float32(log_deviations)},
        "context": context,
    }


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)
