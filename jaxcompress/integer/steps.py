"""Integer layers from real-valued ones: the steps that signals and sums count in, and rounded weights."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxcompress.integer.layer import LARGEST_SKIP, RANGES, SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.linear import LinearLayer
from jaxcompress.integer.network import MEAN_BITS
from jaxcompress.integer.rounding import moments, round_weights

_LARGEST_WEIGHT = 127
# Largest sum before weights are rounded: far below `SUM_LIMIT`, for rounding adds to it.
LARGEST_SUM = 2**27
# Largest right shift: 8-bit outputs shifted by this still fit `LARGEST_SUM`.
_LARGEST_SHIFT = 19
# Least range of any channel, as a part of the median channel's.
_LEAST_RANGE = 0.05
# Latents seen by the context get a smaller margin: there are many of them, and coarse steps cost rate.
_LATENT_MARGIN = 1.4


class Signal(NamedTuple):
    """Input of a layer: integers in a range, each times the step of its channel, plus an offset.

    The offset is there only where the signal is, not in the margin around it.
    """

    steps: np.ndarray
    range: tuple[int, int]
    offsets: np.ndarray | None = None


class Sums(NamedTuple):
    """Steps of a layer's sums, right shifts of sums to outputs, and left shifts of inputs that are added (or None)."""

    steps: np.ndarray
    shifts: np.ndarray
    skips: np.ndarray | None = None


def largest_values(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Largest magnitude by channel, float64 `[C]`; for channels that were hardly active a part of the median one."""
    largest = np.maximum.reduce([np.abs(sample.astype(np.float64)).max((0, 1)) for sample in samples])
    # Where most are never active, of the largest; and anything will do where all are dead.
    return np.maximum(largest, _LEAST_RANGE * (np.median(largest) or largest.max() or 1.0))


def latent_shifts(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Right shifts of latents in 64ths, float64 `[M]`, so that 8 bits hold them."""
    shifts = np.ceil(np.log2(largest_values(samples) * _LATENT_MARGIN * 2**MEAN_BITS / SYMBOL_RANGE[1]))
    return np.clip(shifts, 0, _LARGEST_SHIFT)


def latent_steps(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Steps of latents, float64 `[M]`, so that 8 bits hold them."""
    return largest_values(samples) * _LATENT_MARGIN / SYMBOL_RANGE[1]


def hidden_sums(
    layer: LinearLayer, signal: Signal, largest: np.ndarray, least: np.ndarray | float = 0
) -> tuple[Sums, np.ndarray]:
    """Sums of a hidden layer, in steps of at least `least`, and the steps of its outputs up to `largest`."""
    clamp = RANGES[layer.activation][1]
    if layer.skip:
        return _skipping_sums(layer, signal, largest / clamp)
    # No output is finer than its sums.
    phases = layer.factor**2
    finest = np.maximum(finest_steps(layer, signal), least)
    outputs = np.maximum(largest / clamp, finest.reshape(-1, phases).max(-1))
    return sums_of_outputs(finest, np.repeat(outputs, phases)), outputs


def _skipping_sums(layer: LinearLayer, signal: Signal, wanted: np.ndarray) -> tuple[Sums, np.ndarray]:
    """Sums of a layer that adds its input: their steps, and the outputs', are the input's times powers of two."""
    skips = np.floor(np.log2(signal.steps / finest_steps(layer, signal)))
    skips = np.clip(skips, 0, LARGEST_SKIP - 3)  # below `SUM_LIMIT` with what the sums are
    coarser = np.maximum(np.ceil(np.log2(wanted / signal.steps) - 1e-9), 0)
    sums = Sums(signal.steps / 2**skips, (skips + coarser).astype(np.int8), skips.astype(np.int8))
    return sums, signal.steps * 2**coarser


def before_skip(largest: np.ndarray, largest_after: np.ndarray) -> np.ndarray:
    """Largest values to provide for, where the next layer adds its input: a power of two between the two, if near."""
    ratio = np.log2(largest_after / largest)
    part = ratio - np.floor(ratio)
    return np.where(part < 0.5, largest * 2**part, largest)


def sums_of_outputs(finest: np.ndarray, outputs: np.ndarray) -> Sums:
    """Sums in steps that are at least as given, for outputs of these steps."""
    shifts = np.floor(np.log2(outputs / np.maximum(finest, outputs * 2.0**-_LARGEST_SHIFT)))
    return Sums(outputs / 2.0**shifts, shifts.astype(np.int8))


def finest_steps(layer: LinearLayer, signal: Signal) -> np.ndarray:
    """The finest steps of each output's sums that 8-bit weights and 32-bit sums allow."""
    largest_weights = np.abs(_effective(layer, signal)).max((0, 1, 2))
    return np.maximum(largest_weights / _LARGEST_WEIGHT, reach(layer, signal) / LARGEST_SUM)


def reach(layer: LinearLayer, signal: Signal) -> np.ndarray:
    """The largest that a sum of each output could be."""
    weights = np.abs(_effective(layer, signal)).sum((0, 1, 2))
    bias = np.abs(layer.bias.reshape(-1, layer.bias.shape[-1])).max(0)
    return max(map(abs, signal.range)) * weights + bias + np.abs(_offsets(layer, signal)).sum((0, 1))


def _offsets(layer: LinearLayer, signal: Signal) -> np.ndarray:
    """Sums of the offsets of inputs, by tap and output."""
    if signal.offsets is None:
        return np.zeros((1, 1, layer.kernel.shape[-1]))
    return np.einsum("klio,i->klo", layer.kernel, signal.offsets)


def _effective(layer: LinearLayer, signal: Signal) -> np.ndarray:
    return layer.kernel * signal.steps[:, None]


def rounded_layer(layer: LinearLayer, signal: Signal, sums: Sums, seen: Sequence[np.ndarray]) -> IntegerLayer:
    """The layer in integers, whose weights are rounded for inputs such as those `seen`."""
    kernel, bias = _effective(layer, signal) / sums.steps, layer.bias / sums.steps
    inputs = [np.clip(np.floor(sample / signal.steps + 0.5), *signal.range) for sample in seen]
    rounded = _rounded_kernel(kernel, layer.factor**2, inputs)
    tap_bias = None
    if signal.offsets is not None:
        tap_bias = np.rint(_offsets(layer, signal) / sums.steps).astype(np.int32)
    return IntegerLayer(
        kernel=rounded.astype(np.int8),
        bias=np.rint(bias).astype(np.int32),
        shift=sums.shifts,
        factor=layer.factor,
        activation=layer.activation,
        tap_bias=tap_bias,
        input_range=signal.range,
        skip=sums.skips,
    )


def _rounded_kernel(kernel: np.ndarray, phases: int, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Whole numbers for a kernel `[k, k, in, out]`; taps that a phase or a mask leaves out stay 0."""
    flat = kernel.reshape(-1, kernel.shape[-1])
    used = np.asarray(flat.any(-1))
    whole = np.zeros_like(flat)
    if not used.any():
        return whole.reshape(kernel.shape)
    seen = moments(inputs, len(kernel), used)
    kept = flat[used]
    rounded = np.zeros_like(kept)
    for phase in range(phases):
        weights = kept[:, phase::phases]
        rows = np.flatnonzero(weights.any(-1))
        if len(rows):
            rounded[rows, phase::phases] = round_weights(weights[rows], seen[np.ix_(rows, rows)], _LARGEST_WEIGHT)
    whole[used] = rounded
    return whole.reshape(kernel.shape)
