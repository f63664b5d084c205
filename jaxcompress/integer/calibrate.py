"""Signals that enter each layer while pictures are coded: what networks are quantized for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.integer.linear import LinearNetworks, run_chain
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding

# Pictures for which the networks are checked.
_CHECKED = 3
# Values of a setting that pictures are coded at, and how many lie between those of two pictures that follow.
_VALUES = 9
_PICTURE_STEP = 2


class Signals(NamedTuple):
    """What enters each layer, by layer and picture: arrays `[h, w, in]`.

    Attributes:
        hyper_synthesis: of the first layer, symbols of z.
        context: of the first layer, latents; of models without a context, empty.
        passes: of each pass, of its first layer the latents decoded before, times `latent_gains`.
    """

    hyper_synthesis: list[list[np.ndarray]]
    context: list[list[np.ndarray]]
    passes: Sequence[list[list[np.ndarray]]] = ()

    @classmethod
    def none_of(cls, networks: LinearNetworks) -> "Signals":
        """Signals of no pictures yet."""
        chains = [networks.hyper_synthesis, networks.context, *networks.passes]
        empty: list[list[list[np.ndarray]]] = [[[] for _ in chain] for chain in chains]
        return cls(empty[0], empty[1], empty[2:])

    def chains(self) -> list[list[list[np.ndarray]]]:
        """Those of all chains."""
        return [self.hyper_synthesis, self.context, *self.passes]


def signals_of_pictures(
    model: CompressionModel,
    params: Any,
    networks: LinearNetworks,
    medians: np.ndarray,
    pictures: Iterable[np.ndarray],
    check: Callable[[jax.Array, jax.Array, dict[str, int]], None],
    step: Callable[[], Any],
) -> Signals:
    """Codes pictures, and keeps what enters each layer; pictures at two values each of a setting, if there is one.

    Args:
        model: the module.
        params: its parameters.
        networks: what was read of it.
        medians: float32 `[N]`, of z.
        pictures: uint8 `[H, W, 3]`.
        check: called with y, z_hat and the numbers of the model's settings for a few pictures.
        step: called after each picture.
    """
    found = Signals.none_of(networks)
    params = jax.device_put(params)
    for i, picture in enumerate(pictures):
        for number in _numbers(model, i):
            numbers = {setting.name: number for setting in model.layout.settings if number is not None}
            y, z = _analyse(model, params, picture, numbers)
            if i < _CHECKED:
                check(y, jnp.rint(z - medians) + medians, numbers)
            keep_signals(found, networks, medians, y, z, number)
        step()
    return found


def _numbers(model: CompressionModel, i: int) -> Sequence[int | None]:
    """Values of the model's setting at which picture i is coded; all pictures together meet all of the range."""
    if not model.layout.settings:
        return (None,)
    last = model.layout.settings[0].count - 1
    return [round(last * ((_PICTURE_STEP * i + offset) % _VALUES) / (_VALUES - 1)) for offset in (0, _VALUES // 2)]


def keep_signals(
    found: Signals,
    networks: LinearNetworks,
    medians: np.ndarray,
    y: jax.Array,
    z: jax.Array,
    number: int | None = None,
) -> None:
    """Adds what enters each layer while latents `[1, h, w, C]` of a picture are coded, at a number of the setting."""
    z_hat = jnp.rint(z - medians) + medians
    *hidden, side = run_chain(networks.hyper_synthesis, z_hat, number)
    _keep(found.hyper_synthesis, [z_hat - medians, *hidden])
    if networks.context:
        # Rounded alone, without the mean: near enough, and known for all positions at once.
        y_hat = jnp.rint(y)
        _keep(found.context, [y_hat, *run_chain(networks.context, y_hat, number, side)[:-1]])
    for kept, signals in zip(found.passes, _signals_of_passes(networks, y, side, number), strict=True):
        _keep(kept, signals)


def _signals_of_passes(
    networks: LinearNetworks, y: jax.Array, side: jax.Array, number: int | None
) -> Iterator[list[jax.Array]]:
    y_hat = jnp.zeros_like(y)
    for layers, selected in zip(
        networks.passes, networks.selections((y.shape[1], y.shape[2], y.shape[3])), strict=True
    ):
        seen = networks.seen(y_hat, number)
        *hidden, outputs = run_chain(layers, seen, number, side)
        yield [seen, *hidden]
        _, means = networks.end(outputs, y.shape[-1], number)
        means = jnp.zeros(()) if means is None else means
        y_hat = jnp.where(selected, jnp.rint(y - means) + means, y_hat)


def _analyse(
    model: CompressionModel, params: Any, picture: np.ndarray, numbers: dict[str, int]
) -> tuple[jax.Array, jax.Array]:
    top, bottom, left, right = centered_padding(picture.shape[0], picture.shape[1], model.layout.stride)
    settings: dict[str, Any] = dict(model.layout.values(numbers))
    edges = (top, bottom), (left, right), (0, 0)
    x = np.pad(picture, edges, mode="edge").astype(np.float32)[None] / 255
    y: Any = model.apply({"params": params}, x, method="analysis", **settings)
    z: Any = model.apply({"params": params}, y, method="hyper_analysis", **settings)
    return y, z


def _keep(kept: list[list[np.ndarray]], signals: list[jax.Array]) -> None:
    for pictures, signal in zip(kept, signals, strict=True):
        pictures.append(np.asarray(signal[0]))
