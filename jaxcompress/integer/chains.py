"""From chains of real-valued layers and the signals they met to integer networks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxcompress.integer import steps
from jaxcompress.integer.calibrate import Signals
from jaxcompress.integer.layer import RANGES, SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.linear import NOT_FINITE, LinearLayer, LinearNetworks, UnsupportedNetworkError
from jaxcompress.integer.network import MEAN_BITS, SCALE_BITS, IntegerNetworks
from jaxcompress.integer.setting_tables import (
    FACTOR_LIMIT,
    LARGEST_MULTIPLIER,
    MULTIPLIER_SHIFTS,
    OFFSET_LIMIT,
    SettingTables,
)
from jaxcompress.integer.steps import Signal

# Outputs for means that are multiplied count in this part of the finest step of their sums.
_MEAN_PART = 2.0**-3


def quantize_networks(
    networks: LinearNetworks,
    signals: Signals,
    margin: float,
    medians: np.ndarray,
    thresholds: np.ndarray,
    channels: int,
    step: Callable[[], Any] = lambda: None,
) -> IntegerNetworks:
    """Chooses steps layer after layer, and rounds weights.

    Args:
        networks: the layers.
        signals: what entered each of them.
        margin: room beyond the largest signals.
        medians: float64 `[N]`, of z.
        thresholds: int32 `[R - 1]`, of scales in units of 2^-12.
        channels: of y.
        step: called after each layer.

    Raises:
        UnsupportedNetworkError: signals that are not finite.
    """
    if not all(np.isfinite(sample).all() for chain in signals.chains() for seen in chain for sample in seen):
        raise UnsupportedNetworkError(NOT_FINITE)
    maker = _Maker(networks, margin, channels, step)
    *hidden, last = networks.hyper_synthesis
    of_z = Signal(np.ones(len(medians)), SYMBOL_RANGE, medians)
    hyper, entering = maker.hidden(hidden, signals.hyper_synthesis, of_z)
    if not networks.context and not networks.passes:
        mean_steps = maker.mean_steps([(last, entering)])
        end = maker.end(last, signals.hyper_synthesis[-1], entering, mean_steps)
        settings = maker.settings(mean_steps, None)
        return IntegerNetworks((*hyper, end), thresholds, channels, settings=settings)

    chains = [networks.context] if networks.context else networks.passes
    signals_of = [signals.context] if networks.context else signals.passes
    latents, shifts, multipliers = maker.latents([sample for seen in signals_of for sample in seen[0]])
    least = steps.reach(last, entering) / steps.LARGEST_SUM
    side_steps = maker.side_steps(chains, signals_of, latents, least)
    begun = [
        maker.after_side(layers, seen, latents, side_steps) for layers, seen in zip(chains, signals_of, strict=True)
    ]
    mean_steps = maker.mean_steps([(layers[-1], signal) for layers, (_, signal) in zip(chains, begun, strict=True)])
    made = tuple(
        (*before, maker.end(layers[-1], seen[-1], signal, mean_steps))
        for (before, signal), layers, seen in zip(begun, chains, signals_of, strict=True)
    )
    sums = steps.sums_of_outputs(steps.finest_steps(last, entering), side_steps)
    hyper.append(maker.rounded(last, entering, sums, signals.hyper_synthesis[-1]))
    return IntegerNetworks(
        tuple(hyper),
        thresholds,
        channels,
        made[0] if networks.context else (),
        shifts,
        () if networks.context else made,
        maker.settings(mean_steps, multipliers),
    )


class _Maker:
    """Makes the integer layers of one model's networks; arguments as of `quantize_networks`."""

    def __init__(self, networks: LinearNetworks, margin: float, channels: int, step: Callable[[], Any]):
        self._settings = networks.settings
        self._margin = margin
        self._channels = channels
        self._step = step

    def rounded(self, layer: LinearLayer, signal: Signal, sums: steps.Sums, seen: Sequence[np.ndarray]) -> IntegerLayer:
        """A layer of integers for the signal that enters it."""
        made = steps.rounded_layer(layer, signal, sums, seen)
        self._step()
        return made

    def hidden(
        self, layers: Sequence[LinearLayer], seen: Sequence[list[np.ndarray]], signal: Signal
    ) -> tuple[list[IntegerLayer], Signal]:
        """Hidden layers, and what leaves them; `seen` are the signals that enter each, and the one after."""
        made = []
        for i, (layer, inputs) in enumerate(zip(layers, seen, strict=False)):
            sums, outputs = steps.hidden_sums(layer, signal, self._provided(layers, seen, i))
            made.append(self.rounded(layer, signal, sums, inputs))
            signal = Signal(outputs, RANGES[layer.activation])
        return made, signal

    def _provided(self, layers: Sequence[LinearLayer], seen: Sequence[list[np.ndarray]], i: int) -> np.ndarray:
        """The largest outputs of layer i that there is to be room for."""
        largest = self._margin * steps.largest_values(seen[i + 1])
        if i + 1 < len(layers) and layers[i + 1].skip:
            return steps.before_skip(largest, self._margin * steps.largest_values(seen[i + 2]))
        return largest

    def latents(self, samples: Sequence[np.ndarray]) -> tuple[Signal, np.ndarray, np.ndarray | None]:
        """What a context or a pass sees of latents, with their shifts and, if any, multipliers."""
        if self._settings is None or self._settings.latent_gains is None:
            shifts = steps.latent_shifts(samples)
            return Signal(2.0 ** (shifts - MEAN_BITS), SYMBOL_RANGE), shifts.astype(np.uint8), None
        of_channels = steps.latent_steps(samples)
        multipliers, shifts = _fixed_point(self._settings.latent_gains / of_channels * 2.0**-MEAN_BITS)
        return Signal(of_channels, SYMBOL_RANGE), shifts, multipliers

    def side_steps(
        self,
        chains: Sequence[Sequence[LinearLayer]],
        seen: Sequence[Sequence[list[np.ndarray]]],
        latents: Signal,
        least: np.ndarray,
    ) -> np.ndarray:
        """The steps of side information, which are those of the sums of every chain's first layer."""
        finest = np.maximum.reduce([least, *(steps.finest_steps(layers[0], latents) for layers in chains)])
        provided = [self._provided(layers[:-1], of_chain, 0) for layers, of_chain in zip(chains, seen, strict=True)]
        outputs = np.maximum(np.maximum.reduce(provided) / RANGES[chains[0][0].activation][1], finest)
        return steps.sums_of_outputs(finest, outputs).steps

    def after_side(
        self, layers: Sequence[LinearLayer], seen: Sequence[list[np.ndarray]], latents: Signal, side_steps: np.ndarray
    ) -> tuple[list[IntegerLayer], Signal]:
        """The layers of a chain that goes on from side information, but for the last, and what leaves them."""
        first, *others = layers[:-1]
        wanted = self._provided(layers[:-1], seen, 0) / RANGES[first.activation][1]
        shifts = np.maximum(np.ceil(np.log2(wanted / side_steps) - 1e-9), 0)
        made = self.rounded(first, latents, steps.Sums(side_steps, shifts.astype(np.int8)), seen[0])
        more, signal = self.hidden(others, seen[1:], Signal(side_steps * 2**shifts, RANGES[first.activation]))
        return [made, *more], signal

    def mean_steps(self, ends: Sequence[tuple[LinearLayer, Signal]]) -> np.ndarray:
        """The steps of outputs for means `[M]` of last layers, given with what enters them."""
        if self._settings is None:
            return np.full(self._channels, 2.0**-MEAN_BITS)
        finest = np.maximum.reduce([steps.finest_steps(*of_end) for of_end in ends])
        # None of them is clamped.
        largest = np.maximum.reduce([steps.reach(*of_end) for of_end in ends])
        return np.maximum(finest * _MEAN_PART, largest / FACTOR_LIMIT)[self._channels :]

    def end(
        self, layer: LinearLayer, seen: Sequence[np.ndarray], signal: Signal, mean_steps: np.ndarray
    ) -> IntegerLayer:
        """The last layer, for scales and means."""
        phases = layer.factor**2  # before the shuffle
        units = np.repeat(np.append(np.full(self._channels, 2.0**-SCALE_BITS), mean_steps), phases)
        units = units[: layer.kernel.shape[-1]]
        # Coarser only where weights are so large that an output could leave int32.
        units = np.maximum(units, steps.reach(layer, signal) / steps.LARGEST_SUM)
        return self.rounded(layer, signal, steps.sums_of_outputs(steps.finest_steps(layer, signal), units), seen)

    def settings(self, mean_steps: np.ndarray, latent_multipliers: np.ndarray | None) -> SettingTables | None:
        """The tables of the setting, if there is one."""
        if self._settings is None:
            return None
        multipliers, shifts = _fixed_point(self._settings.mean_gains * mean_steps * 2.0**MEAN_BITS)
        offsets = np.rint(self._settings.scale_offsets * 2**SCALE_BITS).clip(1 - OFFSET_LIMIT, OFFSET_LIMIT - 1)
        return SettingTables(multipliers, shifts, offsets.astype(np.int32), latent_multipliers)


def _fixed_point(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers and shifts of positive factors `[count, M]`, which are limited to what a multiplier can be."""
    shifts = np.floor(np.log2(LARGEST_MULTIPLIER / factors.max(0)))
    shifts = np.clip(shifts, *MULTIPLIER_SHIFTS)
    multipliers = np.minimum(np.rint(factors * 2.0**shifts), LARGEST_MULTIPLIER)
    return multipliers.astype(np.int32), shifts.astype(np.uint8)
