"""Signals to choose ranges by: hyper-latents, and latents for models with context, drawn from a model or from pictures."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.entropy import CodingTables
from jaxcompress.integer.linear import LinearLayer, LinearNetworks
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding

_SIDE = 8  # of a drawn z
_SAMPLES = 8
# A drawn y starts without neighbours; after these many rounds neighbours are of the model's own kind.
_ROUNDS = 6


class Ranges(NamedTuple):
    """The largest signals met, float64 by channel.

    Attributes:
        hidden: of each layer's output, of the hyper-synthesis and then of the context.
        latents: of y, or None for models without context.
    """

    hidden: list[np.ndarray]
    latents: np.ndarray | None


def ranges_of_pictures(
    model: CompressionModel, params: Any, networks: LinearNetworks, medians: np.ndarray, images: Sequence[np.ndarray]
) -> Ranges:
    """Ranges met while coding pictures, uint8 `[H, W, 3]`."""
    found = None
    for image in images:
        padding = centered_padding(*image.shape[:2], model.stride)
        x = np.pad(image, ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0)), mode="edge")
        x = x.astype(np.float32)[None] / 255
        y = model.apply({"params": params}, x, method="analysis")
        z = model.apply({"params": params}, y, method="hyper_analysis")
        z_hat = jnp.rint(z - medians) + medians
        found = _join(found, _measure(networks, z_hat, jnp.rint(y)))
    return found


def drawn_ranges(
    networks: LinearNetworks, medians: np.ndarray, z_tables: CodingTables, channels: int, seed: int = 0
) -> Ranges:
    """Ranges met where z is drawn from its prior, independently or constant over the picture, and y given z."""
    rng = np.random.default_rng(seed)
    found = None
    for sample in range(_SAMPLES):
        side = 1 if sample % 2 else _SIDE
        symbols = np.stack([_draw(rng, z_tables, i, side * side) for i in range(len(medians))], -1)
        z_hat = jnp.asarray(
            np.broadcast_to(symbols.reshape(side, side, -1), (_SIDE, _SIDE, len(medians)))[None] + medians, jnp.float32
        )
        found = _join(found, _measure(networks, z_hat, _draw_latents(rng, networks, z_hat, channels)))
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
        y = jnp.rint(jnp.maximum(scales, 0.11) * noise) + means
    return y


def _measure(networks: LinearNetworks, z_hat: jax.Array, y: jax.Array) -> Ranges:
    *hidden, side = _run(networks.hyper_synthesis, z_hat)
    if networks.context:
        hidden += _run(networks.context, y, side)[:-1]
    largest = [np.asarray(signal, np.float64).max((0, 1, 2)) for signal in hidden]
    return Ranges(largest, np.abs(np.asarray(y, np.float64)).max((0, 1, 2)) if networks.context else None)


def _run(layers: Sequence[LinearLayer], x: jax.Array, added: jax.Array | float = 0) -> list[jax.Array]:
    outputs = []
    for layer in layers:
        x = layer.finish(layer.sums(x) + added)
        outputs.append(x)
        added = 0
    return outputs


def _join(a: Ranges | None, b: Ranges) -> Ranges:
    if a is None:
        return b
    hidden = [np.maximum(*pair) for pair in zip(a.hidden, b.hidden, strict=True)]
    return Ranges(hidden, None if a.latents is None else np.maximum(a.latents, b.latents))
