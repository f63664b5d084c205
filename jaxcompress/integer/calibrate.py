"""Signals that networks are quantized for: what enters each layer while pictures are coded."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.integer.linear import LinearLayer, LinearNetworks
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding


class Signals(NamedTuple):
    """What enters each layer, by layer and picture: arrays `[h, w, in]`.

    Attributes:
        hyper_synthesis: of the first layer, symbols of z.
        context: of the first layer, latents; of models without a context, empty.
    """

    hyper_synthesis: list[list[np.ndarray]]
    context: list[list[np.ndarray]]


def signals_of_pictures(
    model: CompressionModel,
    params: Any,
    networks: LinearNetworks,
    medians: np.ndarray,
    pictures: Iterable[np.ndarray],
    step: Callable[[], Any],
) -> Signals:
    """Codes pictures, uint8 `[H, W, 3]`, and keeps what enters each layer; calls `step` after each."""
    found = Signals([[] for _ in networks.hyper_synthesis], [[] for _ in networks.context])
    params = jax.device_put(params)
    for picture in pictures:
        keep_signals(found, networks, medians, *_analyse(model, params, picture))
        step()
    return found


def keep_signals(found: Signals, networks: LinearNetworks, medians: np.ndarray, y: jax.Array, z: jax.Array) -> None:
    """Adds what enters each layer while latents `[1, h, w, C]` of a picture are coded."""
    z_hat = jnp.rint(z - medians) + medians
    *hidden, side = _run(networks.hyper_synthesis, z_hat)
    _keep(found.hyper_synthesis, [z_hat - medians, *hidden])
    if networks.context:
        # Rounded alone, without the mean: near enough, and known for all positions at once.
        y_hat = jnp.rint(y)
        _keep(found.context, [y_hat, *_run(networks.context, y_hat, side)[:-1]])


def _analyse(model: CompressionModel, params: Any, picture: np.ndarray) -> tuple[Any, Any]:
    top, bottom, left, right = centered_padding(picture.shape[0], picture.shape[1], model.stride)
    edges = (top, bottom), (left, right), (0, 0)
    x = np.pad(picture, edges, mode="edge").astype(np.float32)[None] / 255
    y = model.apply({"params": params}, x, method="analysis")
    return y, model.apply({"params": params}, y, method="hyper_analysis")


def _run(layers: Sequence[LinearLayer], x: jax.Array, added: jax.Array | float = 0) -> list[jax.Array]:
    """What each layer makes of the one before; `added` to the sums of the first."""
    outputs = []
    for layer in layers:
        x = layer.finish(layer.sums(x) + added)
        outputs.append(x)
        added = 0
    return outputs


def _keep(kept: list[list[np.ndarray]], signals: list[jax.Array]) -> None:
    for pictures, signal in zip(kept, signals, strict=True):
        pictures.append(np.asarray(signal[0]))
