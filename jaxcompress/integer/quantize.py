"""From trained weights to integer networks, without training: `quantize_entropy`."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tqdm import tqdm

from jaxcompress.entropy import bottleneck_medians
from jaxcompress.integer.calibrate import Signals, signals_of_pictures
from jaxcompress.integer.drawn import drawn_pictures
from jaxcompress.integer.layer import RANGES, SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.linear import LinearLayer, LinearNetworks, UnsupportedNetworkError, linear_networks
from jaxcompress.integer.network import MEAN_BITS, SCALE_BITS, IntegerNetworks
from jaxcompress.integer.rounding import moments, round_weights

if TYPE_CHECKING:  # weights hold integer networks
    from jaxcompress.weights import Weights

# Of latents that the context sees, less, for they are many and what they lose by being coarse counts.
_LATENT_MARGIN = 1.4
_LARGEST_WEIGHT = 127
# Of what a sum could reach, before weights are rounded: far below `SUM_LIMIT`, for rounding adds to it.
_LARGEST_SUM = 2**27
# Outputs of 8 bits that are shifted by as much stay below that.
_LARGEST_SHIFT = 19
# Of the median channel's range, the least that any channel gets.
_LEAST_RANGE = 0.05


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
            leaky ReLU between them, or signals that are not finite.
        ValueError: a margin that is not finite or below 1, or images of another type or shape.

    Source: after Ballé, Johnston and Minnen 2019, "Integer networks for data compression with latent-variable models",
    with the requantization by shifts alone.
    """
    if not 1 <= margin < np.inf:
        raise ValueError(f"margin is {margin!r}; expected a finite number of at least 1")
    model = weights.model()
    networks = linear_networks(model, weights.params)
    medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]), np.float32)
    pictures = [*drawn_pictures(), *map(_checked_picture, images)]
    scale_table = np.asarray(weights.tables["gaussian_conditional"].scale_table, np.float64)
    thresholds = np.rint(scale_table[:-1] * 2**SCALE_BITS).astype(np.int32)
    options = margin, medians.astype(np.float64), thresholds, weights.m
    layers = len(networks.hyper_synthesis) + len(networks.context)
    with tqdm(total=len(pictures) + layers, desc="integer networks", leave=False, disable=not progress) as bar:
        signals = signals_of_pictures(model, weights.params, networks, medians, pictures, bar.update)
        try:
            integer = _quantize(networks, signals, *options, bar.update)
        except ValueError as error:  # such as tables whose scales lie too close
            raise UnsupportedNetworkError(f"there is no integer twin of the networks: {error}") from error
    return dataclasses.replace(weights, integer=integer)


def _checked_picture(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"a picture to quantize for is {image.dtype} {image.shape}; expected uint8 [H, W, 3]")
    return image


class _Signal(NamedTuple):
    """What enters a layer: integers in a range, each times the step of its channel, plus an offset.

    The offset is there only where the signal is, not in the margin around it.
    """

    steps: np.ndarray
    range: tuple[int, int]
    offsets: np.ndarray | None = None


class _Sums(NamedTuple):
    """What a layer's sums count in, and how far they are shifted to become outputs."""

    steps: np.ndarray
    shifts: np.ndarray


def _quantize(
    networks: LinearNetworks,
    signals: Signals,
    margin: float,
    medians: np.ndarray,
    thresholds: np.ndarray,
    channels: int,
    step: Callable[[], Any] = lambda: None,
) -> IntegerNetworks:
    """Chooses steps layer after layer, and rounds weights; calls `step` after each."""

    def rounded(*of_layer: Any) -> IntegerLayer:
        layer = _rounded(*of_layer)
        step()
        return layer

    def hide(layers: Sequence[LinearLayer], seen: list[list[np.ndarray]], signal: _Signal, least: Any = 0):
        """Hidden layers, and what leaves them; no sum of the first counts in less than `least`."""
        made = []
        for layer, inputs, outputs in zip(layers, seen, seen[1:], strict=False):
            sums, steps = _hidden_sums(layer, signal, margin * _largest(outputs), least)
            made.append(rounded(layer, signal, sums, inputs))
            signal, least = _Signal(steps, RANGES[layer.activation]), 0
        return made, signal

    def end(layer: LinearLayer, seen: list[np.ndarray], signal: _Signal) -> IntegerLayer:
        outputs = np.arange(layer.kernel.shape[-1]) // layer.factor**2  # before the shuffle
        units = np.where(outputs < channels, 2.0**-SCALE_BITS, 2.0**-MEAN_BITS)
        # Coarser only where weights are so large that an output could leave int32.
        units = np.maximum(units, _reach(layer, signal) / _LARGEST_SUM)
        return rounded(layer, signal, _sums(_finest(layer, signal), units), seen)

    if not all(np.isfinite(sample).all() for part in signals for seen in part for sample in seen):
        raise UnsupportedNetworkError("the networks' signals are not finite: sums overflow while pictures are coded")
    *hidden, last = networks.hyper_synthesis
    hyper, signal = hide(hidden, signals.hyper_synthesis, _Signal(np.ones(len(medians)), SYMBOL_RANGE, medians))
    if not networks.context:
        return IntegerNetworks((*hyper, end(last, signals.hyper_synthesis[-1], signal)), thresholds, channels)

    *between, final = networks.context
    shifts = np.ceil(np.log2(_largest(signals.context[0]) * _LATENT_MARGIN * 2**MEAN_BITS / SYMBOL_RANGE[1]))
    shifts = np.clip(shifts, 0, _LARGEST_SHIFT)
    latents = _Signal(2.0 ** (shifts - MEAN_BITS), SYMBOL_RANGE)
    least = _reach(last, signal) / _LARGEST_SUM
    context, leaving = hide(between, signals.context, latents, least)
    context.append(end(final, signals.context[-1], leaving))
    # Side information is what the sums of the context begin with: it counts in their steps.
    steps = _hidden_sums(between[0], latents, margin * _largest(signals.context[1]), least)[0].steps
    sums = _sums(_finest(last, signal), steps)
    hyper.append(rounded(last, signal, sums, signals.hyper_synthesis[-1]))
    return IntegerNetworks(tuple(hyper), thresholds, channels, tuple(context), shifts.astype(np.uint8))


def _largest(samples: list[np.ndarray]) -> np.ndarray:
    """By channel, float64 `[C]`, and at least a part of the median channel's, should one hardly have been active."""
    largest = np.maximum.reduce([np.abs(sample.astype(np.float64)).max((0, 1)) for sample in samples])
    # Where most are never active, of the largest; and anything will do where all are dead.
    return np.maximum(largest, _LEAST_RANGE * (np.median(largest) or largest.max() or 1.0))


def _hidden_sums(
    layer: LinearLayer, signal: _Signal, largest: np.ndarray, least: np.ndarray | float
) -> tuple[_Sums, np.ndarray]:
    """Sums of a hidden layer, and the steps of its outputs, whose largest values are given."""
    clamp = RANGES[layer.activation][1]
    # No output is finer than its sums.
    phases = layer.factor**2
    finest = np.maximum(_finest(layer, signal), least)
    outputs = np.maximum(largest / clamp, finest.reshape(-1, phases).max(-1))
    return _sums(finest, np.repeat(outputs, phases)), outputs


def _sums(finest: np.ndarray, outputs: np.ndarray) -> _Sums:
    """Sums in steps that are at least as given, for outputs of these steps."""
    shifts = np.floor(np.log2(outputs / np.maximum(finest, outputs * 2.0**-_LARGEST_SHIFT)))
    return _Sums(outputs / 2.0**shifts, shifts.astype(np.int8))


def _finest(layer: LinearLayer, signal: _Signal) -> np.ndarray:
    """The finest steps of each output's sums that 8-bit weights and 32-bit sums allow."""
    largest_weights = np.abs(_effective(layer, signal)).max((0, 1, 2))
    return np.maximum(largest_weights / _LARGEST_WEIGHT, _reach(layer, signal) / _LARGEST_SUM)


def _reach(layer: LinearLayer, signal: _Signal) -> np.ndarray:
    """The largest that a sum of each output could be."""
    weights = np.abs(_effective(layer, signal)).sum((0, 1, 2))
    return max(map(abs, signal.range)) * weights + np.abs(layer.bias) + np.abs(_offsets(layer, signal)).sum((0, 1))


def _offsets(layer: LinearLayer, signal: _Signal) -> np.ndarray:
    """What the offsets of inputs add, by tap and output."""
    if signal.offsets is None:
        return np.zeros((1, 1, layer.kernel.shape[-1]))
    return np.einsum("klio,i->klo", layer.kernel, signal.offsets)


def _effective(layer: LinearLayer, signal: _Signal) -> np.ndarray:
    return layer.kernel * signal.steps[:, None]


def _rounded(layer: LinearLayer, signal: _Signal, sums: _Sums, seen: list[np.ndarray]) -> IntegerLayer:
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
    )


def _rounded_kernel(kernel: np.ndarray, phases: int, inputs: list[np.ndarray]) -> np.ndarray:
    """Whole numbers for a kernel `[k, k, in, out]`; taps that a phase or a mask leaves out stay 0."""
    flat = kernel.reshape(-1, kernel.shape[-1])
    used = np.asarray(flat.any(-1))
    seen = moments(inputs, len(kernel), used)
    kept = flat[used]
    rounded = np.zeros_like(kept)
    for phase in range(phases):
        weights = kept[:, phase::phases]
        rows = np.flatnonzero(weights.any(-1))
        if len(rows):
            rounded[rows, phase::phases] = round_weights(weights[rows], seen[np.ix_(rows, rows)], _LARGEST_WEIGHT)
    whole = np.zeros_like(flat)
    whole[used] = rounded
    return whole.reshape(kernel.shape)
