"""The networks that choose tables and means, in exact integers: `docs/integer.md`."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxcompress.reference.convolution import convolve, shuffle

_ACTIVATIONS = ("none", "relu", "leaky")
_RANGES = {"relu": (0, 255), "leaky": (-8, 247)}
_SYMBOL_RANGE = (-128, 127)
_SUM_LIMIT = 2**30
_MEAN_LIMIT = 2**21


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution, and what happens to its sums. All arrays are int64 here.

    Attributes:
        kernel: `[k, k, in, out]`.
        bias: `[out]`.
        shift: `[out]`.
        factor: of the shuffle into space.
        activation: "none", "relu" or "leaky".
        input_range: the least and the greatest input.
        tap_bias: `[k, k, out]`, or None.
    """

    kernel: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    factor: int
    activation: str
    input_range: tuple[int, int]
    tap_bias: np.ndarray | None

    def __post_init__(self):
        """Refuses what could leave an int32 elsewhere, or is no layer."""
        if len(self.kernel) % 2 == 0 or len(self.kernel) > 21:
            raise ValueError(f"an integer layer has a kernel of {len(self.kernel)} x {len(self.kernel)}")
        if self.shift.min() < -16 or self.shift.max() > 30:
            raise ValueError(f"an integer layer has shifts from {self.shift.min()} to {self.shift.max()}")
        largest = max(map(abs, self.input_range)) * np.abs(self.kernel).sum((0, 1, 2)) + np.abs(self.bias)
        if self.tap_bias is not None:
            largest += np.abs(self.tap_bias).sum((0, 1))
        largest <<= np.maximum(-self.shift, 0)
        if largest.max() >= _SUM_LIMIT:
            raise ValueError(f"sums of an integer layer could reach {largest.max()}; expected less than {_SUM_LIMIT}")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The layer of `[H, W, in]`."""
        return shuffle(self.finish(self.bias + convolve(x, self.kernel, self.tap_bias)), self.factor)

    def finish(self, sums: np.ndarray) -> np.ndarray:
        """What leaves the layer, from the sums `[..., out]`."""
        if self.activation == "leaky":
            sums = np.where(sums >= 0, sums, (sums >> 7) + (sums >> 9) + (sums >> 12))
        outputs = _round(sums, self.shift)
        return outputs if self.activation == "none" else np.clip(outputs, *_RANGES[self.activation])


class Networks:
    """From symbols of z to indexes of tables and means.

    Args:
        arrays: those under `integer/` of a weights file, by what follows in their names.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.channels = int(arrays["channels"][0])
        self.thresholds = arrays["thresholds"]
        self.hyper_synthesis = _read_layers(arrays, "hyper_synthesis")
        self.context = _read_layers(arrays, "context")
        self.latent_shifts = arrays.get("latent_shifts", np.zeros(0)).astype(np.int64)

    def run_hyper_synthesis(self, symbols: np.ndarray) -> np.ndarray:
        """Its last layer's outputs `[4 h, 4 w, ...]`, for symbols of z `[h, w, N]`."""
        x = np.clip(symbols, *_SYMBOL_RANGE)
        for layer in self.hyper_synthesis:
            x = layer(x)
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

    def shift_latents(self, latents: np.ndarray) -> np.ndarray:
        """What the context sees of latents in 64ths, `[..., M]`."""
        return np.clip(_round(latents, self.latent_shifts), *_SYMBOL_RANGE)

    def indexes_and_means(self, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Indexes of tables, and means in 64ths if there are any, `[..., M]` each, from a last layer's outputs."""
        scales, means = outputs[..., : self.channels], outputs[..., self.channels :]
        indexes = np.searchsorted(self.thresholds, scales)  # how many thresholds are less
        return indexes, np.clip(means, -_MEAN_LIMIT, _MEAN_LIMIT) if means.size else None


def _round(x: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """`x * 2^-shift`, rounded half up."""
    right, left = np.maximum(shift, 0), np.maximum(-shift, 0)
    return ((x << left) + ((1 << right) >> 1)) >> right


def _read_layers(arrays: Mapping[str, np.ndarray], part: str) -> list[Layer]:
    layers: list[Layer] = []
    while f"{part}/{len(layers)}/kernel" in arrays:
        i = len(layers)
        kernel, bias, shift = (arrays[f"{part}/{i}/{name}"].astype(np.int64) for name in ("kernel", "bias", "shift"))
        tap_bias = arrays.get(f"{part}/{i}/tap_bias")
        factor, activation, low, high = arrays[f"{part}/{i}/form"].tolist()
        if tap_bias is not None:
            tap_bias = tap_bias.astype(np.int64)
        layers.append(Layer(kernel, bias, shift, factor, _ACTIVATIONS[activation], (low, high), tap_bias))
    return layers
