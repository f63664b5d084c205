"""The networks that choose tables and means, in exact integers: `docs/integer.md`."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxcompress.reference.convolution import convolve, shuffle

_ACTIVATIONS = ("none", "relu", "leaky")
_RANGES = {"relu": (0, 255), "leaky": (-8, 247)}
_SYMBOL_RANGE = (-128, 127)
_SUM_LIMIT = 2**30
_SIDE_LIMIT = 2**29  # of each of two sums that are added
_LATENT_LIMIT = 2**22
_MEAN_LIMIT = 2**21
_MEAN_OUTPUT_LIMIT = 2**23  # before a multiplier


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution, and what happens to its sums. All arrays are int64 here.

    Attributes:
        kernel: `[k, k, in, out]`.
        bias: `[out]`, or `[count, out]` with a row for each number of the model's setting.
        shift: `[out]`.
        factor: of the shuffle into space.
        activation: "none", "relu" or "leaky".
        input_range: the least and the greatest input.
        tap_bias: `[k, k, out]`, or None.
        skip: `[out]`, shifts of the inputs that are added behind the activation, or None.
    """

    kernel: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    factor: int
    activation: str
    input_range: tuple[int, int]
    tap_bias: np.ndarray | None
    skip: np.ndarray | None

    def __post_init__(self):
        """Refuses what could leave an int32 elsewhere, or is no layer."""
        if len(self.kernel) % 2 == 0 or len(self.kernel) > 21:
            raise ValueError(f"an integer layer has a kernel of {len(self.kernel)} x {len(self.kernel)}")
        if self.shift.min() < -16 or self.shift.max() > 30:
            raise ValueError(f"an integer layer has shifts from {self.shift.min()} to {self.shift.max()}")
        if self.skip is not None:
            same = self.kernel.shape[2] == self.kernel.shape[3] and self.factor == 1 and self.activation != "none"
            if not same or self.skip.min() < 0 or self.skip.max() > 22:
                raise ValueError(f"an integer layer cannot add its inputs, shifted by {self.skip.tolist()}")
        largest = self.largest_sums() << np.maximum(-self.shift, 0)
        if largest.max() >= _SUM_LIMIT:
            raise ValueError(f"sums of an integer layer could reach {largest.max()}; expected less than {_SUM_LIMIT}")

    def largest_sums(self) -> np.ndarray:
        """What no magnitude of a sum exceeds, `[out]`."""
        largest_input = max(map(abs, self.input_range))
        largest = largest_input * np.abs(self.kernel).sum((0, 1, 2)) + np.abs(np.atleast_2d(self.bias)).max(0)
        if self.tap_bias is not None:
            largest += np.abs(self.tap_bias).sum((0, 1))
        if self.skip is not None:
            largest += largest_input << self.skip
        return largest

    def __call__(self, x: np.ndarray, number: int = 0) -> np.ndarray:
        """The layer of `[H, W, in]`, at a number of the model's setting."""
        return shuffle(self.finish(self.sums(x, number), x), self.factor)

    def sums(self, x: np.ndarray, number: int = 0) -> np.ndarray:
        """The sums `[H, W, out]`."""
        bias = self.bias if self.bias.ndim == 1 else self.bias[number]
        return bias + convolve(x, self.kernel, self.tap_bias)

    def finish(self, sums: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """What leaves the layer, from the sums `[..., out]` and its inputs `[..., in]`, which only `skip` needs."""
        if self.activation == "leaky":
            sums = np.where(sums >= 0, sums, (sums >> 7) + (sums >> 9) + (sums >> 12))
        if self.activation == "relu":
            sums = np.maximum(sums, 0)
        if self.skip is not None and x is not None:
            sums = sums + (x << self.skip)
        outputs = _round(sums, self.shift)
        return outputs if self.activation == "none" else np.clip(outputs, *_RANGES[self.activation])


class Networks:
    """From symbols of z to indexes of tables and means.

    Args:
        arrays: those under `integer/` of a weights file, by what follows in their names.

    Raises:
        ValueError: they are no such networks, or their sums could overflow elsewhere.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.channels = int(arrays["channels"][0])
        self.thresholds = arrays["thresholds"]
        self.hyper_synthesis = _read_layers(arrays, "hyper_synthesis")
        self.context = _read_layers(arrays, "context")
        self.passes: list[list[Layer]] = []
        while layers := _read_layers(arrays, f"pass_{len(self.passes)}"):
            self.passes.append(layers)
        for first in (chain[0] for chain in (self.context, *self.passes) if chain):
            side = self.hyper_synthesis[-1]
            largest = max(first.largest_sums().max(), _round(side.largest_sums(), side.shift).max() + 1)
            if largest >= _SIDE_LIMIT:
                raise ValueError(f"side information, or what is added to it, could reach {largest}")
        self.latent_shifts = arrays.get("latent_shifts", np.zeros(1)).astype(np.int64)
        self._latent_multipliers = _read_factors(arrays, "latent_multipliers", self.latent_shifts)
        self._mean_shifts = arrays.get("mean_shifts", np.zeros(1)).astype(np.int64)
        self._mean_multipliers = _read_factors(arrays, "mean_multipliers", self._mean_shifts)
        self._scale_offsets = arrays.get("scale_offsets", np.zeros((1, 1))).astype(np.int64)
        if np.abs(self._scale_offsets).max() >= _SIDE_LIMIT:
            raise ValueError(f"an offset of scales has a magnitude of {np.abs(self._scale_offsets).max()}")

    def run_hyper_synthesis(self, symbols: np.ndarray, number: int) -> np.ndarray:
        """Its last layer's outputs `[4 h, 4 w, ...]`.

        Args:
            symbols: of z, `[h, w, N]`.
            number: of the model's setting.
        """
        x = np.clip(symbols, *_SYMBOL_RANGE)
        for layer in self.hyper_synthesis:
            x = layer(x, number)
        return x

    def run_context(self, seen: np.ndarray, side: np.ndarray) -> np.ndarray:
        """The last layer's outputs for one position.

        Args:
            seen: `[k, k, M]`, what `shift_latents` makes of the latents around it, zero where they come later.
            side: `[X]`, its side information.
        """
        first, *others = self.context
        x = first.finish(side + np.tensordot(seen, first.kernel, 3))
        for layer in others:
            x = layer.finish(layer.bias + x @ layer.kernel[0, 0])
        return x

    def run_pass(self, count: int, latents: np.ndarray, side: np.ndarray, number: int) -> np.ndarray:
        """The last layer's outputs `[h, w, ...]` for a pass.

        Args:
            count: how many passes came before it.
            latents: `[h, w, M]` in 64ths, zero where they come later.
            side: `[h, w, X]`, side information of the chunk.
            number: of the model's setting.
        """
        first, *others = self.passes[count]
        x = first.finish(side + first.sums(self.shift_latents(latents, number), number))
        for layer in others:
            x = layer(x, number)
        return x

    def shift_latents(self, latents: np.ndarray, number: int = 0) -> np.ndarray:
        """What the context sees of latents in 64ths, `[..., M]`."""
        if self._latent_multipliers is not None:
            latents = np.clip(latents, -_LATENT_LIMIT, _LATENT_LIMIT) * self._latent_multipliers[number]
        return np.clip(_round(latents, self.latent_shifts), *_SYMBOL_RANGE)

    def indexes_and_means(self, outputs: np.ndarray, number: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
        """Indexes of tables, and means in 64ths if there are any, `[..., M]` each, from a last layer's outputs."""
        scales, means = outputs[..., : self.channels], outputs[..., self.channels :]
        offsets = self._scale_offsets[min(number, len(self._scale_offsets) - 1)]
        indexes = np.searchsorted(self.thresholds, scales + offsets)  # how many thresholds are less
        if not means.size:
            return indexes, None
        if self._mean_multipliers is not None:
            means = np.clip(means, -_MEAN_OUTPUT_LIMIT, _MEAN_OUTPUT_LIMIT) * self._mean_multipliers[number]
            means = _round(means, self._mean_shifts)
        return indexes, np.clip(means, -_MEAN_LIMIT, _MEAN_LIMIT)


def _round(x: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """`x * 2^-shift`, rounded half up."""
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    return ((x << left) + ((1 << right) >> 1)) >> right


def _read_factors(arrays: Mapping[str, np.ndarray], name: str, shifts: np.ndarray) -> np.ndarray | None:
    """Multipliers `[count, M]` by the numbers of a setting, if there are any, checked with their shifts."""
    if name not in arrays:
        return None
    factors = arrays[name].astype(np.int64)
    if factors.min() < 0 or factors.max() > 2**18 or shifts.min() < 13 or shifts.max() > 30:
        raise ValueError(
            f"{name} are {factors.min()} to {factors.max()}, shifts {shifts.min()} to {shifts.max()}; expected 0 to "
            f"{2**18}, and 13 to 30"
        )
    return factors


def _read_layers(arrays: Mapping[str, np.ndarray], part: str) -> list[Layer]:
    layers: list[Layer] = []
    while f"{part}/{len(layers)}/kernel" in arrays:
        folder = f"{part}/{len(layers)}"
        kernel, bias, shift = (arrays[f"{folder}/{name}"].astype(np.int64) for name in ("kernel", "bias", "shift"))
        tap_bias, skip = (
            arrays[f"{folder}/{name}"].astype(np.int64) if f"{folder}/{name}" in arrays else None
            for name in ("tap_bias", "skip")
        )
        factor, activation, low, high = arrays[f"{folder}/form"].tolist()
        layers.append(Layer(kernel, bias, shift, factor, _ACTIVATIONS[activation], (low, high), tap_bias, skip))
    return layers
