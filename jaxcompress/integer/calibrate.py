"""Signals that networks are quantized for: drawn from a model's own distributions, or met while coding pictures."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.entropy import SCALE_BOUND, CodingTables
from jaxcompress.integer.linear import LinearLayer, LinearNetworks
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding

_SIDE = 8  # of a drawn z
_CONSTANT = 24
_INDEPENDENT = 8
# A drawn y starts without neighbours; after these many rounds neighbours are of the model's own kind.
_ROUNDS = 6


class Signals:
    """What enters each layer, sample by sample.

    Attributes:
        hyper: of the hyper-synthesis, by layer and sample: arrays `[h, w, in]`; of the first, symbols of z.
        context: likewise, of the context; of the first, latents.
    """

    def __init__(self, networks: LinearNetworks, medians: np.ndarray):
        self._networks = networks
        self._medians = medians
        self.hyper: list[list[np.ndarray]] = [[] for _ in networks.hyper_synthesis]
        self.context: list[list[np.ndarray]] = [[] for _ in networks.context]

    def add(self, z_hat: jax.Array, y: jax.Array) -> None:
        """Runs the networks on z_hat `[1, h, w, N]` and y `[1, 4 h, 4 w, M]`."""
        *hidden, side = _run(self._networks.hyper_synthesis, z_hat)
        _keep(self.hyper, [z_hat - self._medians, *hidden])
        if self._networks.context:
            _keep(self.context, [y, *_run(self._networks.context, y, side)[:-1]])


def signals_of_pictures(
    model: CompressionModel, params: Any, networks: LinearNetworks, medians: np.ndarray, images: Sequence[np.ndarray]
) -> Signals:
    """Signals met while coding pictures, uint8 `[H, W, 3]`."""
    found = Signals(networks, medians)
    for image in images:
        padding = centered_padding(*image.shape[:2], model.stride)
        x = np.pad(image, ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0)), mode="edge")
        y: Any = model.apply({"params": params}, x.astype(np.float32)[None] / 255, method="analysis")
        z: Any = model.apply({"params": params}, y, method="hyper_analysis")
        found.add(jnp.rint(z - medians) + medians, jnp.rint(y))
    return found


def drawn_signals(
    networks: LinearNetworks, medians: np.ndarray, z_tables: CodingTables, channels: int, seed: int = 0
) -> Signals:
    """Signals of z drawn from its prior, independently or constant over the picture, and of y drawn given z."""
    rng = np.random.default_rng(seed)
    found = Signals(networks, medians)
    for sample in range(_CONSTANT + _INDEPENDENT):
        side = 1 if sample < _CONSTANT else _SIDE
        symbols = np.stack([_draw(rng, z_tables, i, side * side) for i in range(len(medians))], -1)
        if sample == 0:
            symbols[:] = 0  # the likeliest picture is flat
        z = np.broadcast_to(symbols.reshape(side, side, -1), (_SIDE, _SIDE, len(medians)))
        z_hat = jnp.asarray((z + medians)[None], jnp.float32)
        found.add(z_hat, _draw_latents(rng, networks, z_hat, channels))
    return found


def _draw(rng: np.random.Generator, tables: CodingTables, row: int, count: int) -> np.ndarray:
    """Symbols of a table, escapes left out."""
    cdf = tables.cdf[row, : tables.cdf_length[row] - 1]
    return np.searchsorted(cdf, rng.integers(0, cdf[-1], count), side="right") - 1 + tables.offset[row]


def _draw_latents(rng: np.random.Generator, networks: LinearNetworks, z_hat: jax.Array, channels: int) -> jax.Array:
    shape = (1, 4 * z_hat.shape[1], 4 * z_hat.shape[2], channels)
    y = jnp.zeros(shape, jnp.float32)
    if not networks.context:
        return y
    noise = jnp.asarray(rng.standard_normal(shape), jnp.float32)
    side = _run(networks.hyper_synthesis, z_hat)[-1]
    for _ in range(_ROUNDS):
        scales, means = jnp.split(_run(networks.context, y, side)[-1], 2, axis=-1)
        y = jnp.rint(jnp.maximum(scales, SCALE_BOUND) * noise) + means
    return y


def _run(layers: Sequence[LinearLayer], x: jax.Array, added: jax.Array | float = 0) -> list[jax.Array]:
    """What each layer makes of the one before; `added` to the sums of the first."""
    outputs = []
    for layer in layers:
        x = layer.finish(layer.sums(x) + added)
        outputs.append(x)
        added = 0
    return outputs


def _keep(kept: list[list[np.ndarray]], signals: list[jax.Array]) -> None:
    for samples, signal in zip(kept, signals, strict=True):
        samples.append(np.asarray(signal[0]))
