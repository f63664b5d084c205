"""From trained weights to integer networks, without training: `quantize_entropy`."""

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from jaxcompress.integer.calibrate import signals_of_pictures
from jaxcompress.integer.chains import quantize_networks
from jaxcompress.integer.check import check_networks
from jaxcompress.integer.drawn import drawn_pictures
from jaxcompress.integer.linear import UnsupportedNetworkError
from jaxcompress.integer.network import SCALE_BITS
from jaxcompress.integer.read import linear_networks

if TYPE_CHECKING:  # weights hold integer networks
    from jaxcompress.weights import Weights


def quantize_entropy(
    weights: "Weights",
    images: Iterable[np.ndarray] = (),
    *,
    margin: float = 1.5,
    progress: bool = False,
) -> "Weights":
    """Gives weights the integer networks that their streams are to be coded with.

    The networks that compute scales and means, which decide every bit, become networks of 8-bit weights and signals
    with exact sums: files then decode on any device. Nothing is trained. Steps are chosen by the signals that arise
    while pictures are coded: ones that are drawn for the purpose, and those that are given.

    Args:
        weights: trained weights of a model with a hyperprior.
        images: uint8 `[H, W, 3]`. None are needed; a few help where what is to be coded is unlike photographs.
        margin: room beyond the largest signals met, at least 1: what lies beyond is clipped, and costs rate.
        progress: show a bar on standard error.

    Returns:
        The weights with `integer` set.

    Raises:
        UnsupportedNetworkError: the model has no hyperprior, networks of another kind than convolutions with ReLU or
            leaky ReLU between them, stages that compute something else than these, or signals that are not finite.
        ValueError: a margin that is not finite or below 1, or images of another type or shape.

    Source: after Ballé, Johnston and Minnen 2019, "Integer networks for data compression with latent-variable models",
    with the requantization by shifts alone.
    """
    if not 1 <= margin < np.inf:
        raise ValueError(f"margin is {margin!r}; expected a finite number of at least 1")
    model = weights.model()
    networks = linear_networks(model, weights.params)
    latent, side = model.layout.last, model.layout.side
    found = None if side is None else side.prior.medians(weights.params)
    medians = np.zeros(networks.hyper_synthesis[0].kernel.shape[2], np.float32) if found is None else found
    scale_table = np.asarray(weights.tables[latent.prior.tables].scale_table, np.float64)
    scales = np.log(scale_table) if networks.log_scales else scale_table
    thresholds = np.rint(scales[:-1] * 2**SCALE_BITS).astype(np.int32)
    check = functools.partial(check_networks, model, weights.params, networks, (scale_table[0], scale_table[-1]))
    pictures = [*drawn_pictures(), *map(_checked_picture, images)]
    options = margin, medians.astype(np.float64), thresholds, latent.channels
    layers = sum(map(len, [networks.hyper_synthesis, networks.context, *networks.passes]))
    with tqdm(total=len(pictures) + layers, desc="integer networks", leave=False, disable=not progress) as bar:
        signals = signals_of_pictures(model, weights.params, networks, medians, pictures, check, bar.update)
        try:
            integer = quantize_networks(networks, signals, *options, bar.update)
        except ValueError as error:  # such as tables whose scales lie too close
            raise UnsupportedNetworkError(f"there is no integer twin of the networks: {error}") from error
    return dataclasses.replace(weights, integer=integer)


def _checked_picture(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"a picture to quantize for is {image.dtype} {image.shape}; expected uint8 [H, W, 3]")
    return image
