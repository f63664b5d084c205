"""The networks that choose tables and means, in integers: how their layers follow each other, and their arrays."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from jaxcompress.integer.layer import SYMBOL_RANGE, IntegerLayer

SCALE_BITS = 12
"""Scales are compared with thresholds in units of 2^-12."""

MEAN_BITS = 6
"""Means lie on a grid of 2^-6."""

MEAN_LIMIT = 2**21
"""The largest mean, in units of that grid."""

SIDE_LIMIT = 2**29
"""Of side information, and of what a context adds to it."""

LATENT_SHIFT_LIMIT = 30
"""Of latents in 64ths."""


@dataclasses.dataclass(frozen=True, eq=False)
class IntegerNetworks:
    """The entropy-parameter networks of a model, in integers.

    Attributes:
        hyper_synthesis: from symbols of z to outputs (scales, then means if there are any), or for an autoregressive
            model to the side information that its context adds to.
        thresholds: int32 `[R - 1]`, ascending: a scale takes the table whose number is that of thresholds below it.
        channels: of y.
        context: of an autoregressive model: the context and the first 1x1 layer in one, whose sums go on from the side
            information (which has the bias), and the other 1x1 layers. What `coder.IntegerContextModel` runs.
        latent_shifts: uint8 `[M]`, how far a latent in 64ths is shifted right before the context sees it.
    """

    hyper_synthesis: tuple[IntegerLayer, ...]
    thresholds: np.ndarray
    channels: int
    context: tuple[IntegerLayer, ...] = ()
    latent_shifts: np.ndarray | None = None

    def __post_init__(self):
        """Checks that the layers follow each other."""
        for name in ("thresholds", "latent_shifts"):
            if (array := getattr(self, name)) is not None:
                array = np.array(array)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        if self.thresholds.dtype != np.int32 or self.thresholds.ndim != 1:
            raise ValueError(f"thresholds are {self.thresholds.dtype} {self.thresholds.shape}; expected int32 [R - 1]")
        if (falls := np.flatnonzero(np.diff(self.thresholds.astype(np.int64)) <= 0)).size:
            pair = self.thresholds[falls[0] : falls[0] + 2].tolist()
            raise ValueError(f"threshold {falls[0] + 1} does not lie above the one before: {pair}")
        if len(self.thresholds) > 255:
            raise ValueError(f"there are {len(self.thresholds)} thresholds; expected at most 255")
        if bool(self.context) != (self.latent_shifts is not None):
            raise ValueError("a context needs latent_shifts, and nothing else does")
        if not self.hyper_synthesis:
            raise ValueError("there are no layers of hyper_synthesis")
        for layers in (self.hyper_synthesis, self.context):
            _check_chain(layers)
        outputs = (self.context or self.hyper_synthesis)[-1].outputs
        if outputs != 2 * self.channels and (self.context or outputs != self.channels):
            raise ValueError(
                f"there are {outputs} outputs; expected scales, and means if any, of {self.channels} latents"
            )
        if self.context:
            self._check_context(self.context[0], self.hyper_synthesis[-1])

    def _check_context(self, first: IntegerLayer, side: IntegerLayer) -> None:
        """Checks for what `coder.IntegerContextModel` counts on."""
        shifts = np.asarray(self.latent_shifts)
        inputs = first.kernel.shape[2:3]
        if shifts.dtype != np.uint8 or shifts.shape != inputs or shifts.max(initial=0) > LATENT_SHIFT_LIMIT:
            raise ValueError(
                f"latent_shifts are {shifts.dtype} {shifts.shape}, up to {shifts.max(initial=0)}; expected uint8 "
                f"{inputs}, up to {LATENT_SHIFT_LIMIT}"
            )
        if len(self.context) < 2:
            raise ValueError("the context is a single layer; expected 1x1 layers after it")
        if inputs != (self.channels,):
            raise ValueError(f"the context sees {inputs[0]} channels of latents; expected {self.channels}")
        size, seen = len(first.kernel), len(first.kernel) ** 2 // 2
        if size < 3 or first.kernel.reshape(size**2, -1)[seen:].any():
            raise ValueError("the context's kernel sees latents that are not decoded before it")
        if side.kernel.shape[-1] != first.kernel.shape[-1] or side.factor != 1:
            raise ValueError(
                f"side information has {side.kernel.shape[-1]} channels (factor {side.factor}), which the context's "
                f"first layer with {first.kernel.shape[-1]} sums cannot go on from"
            )
        if first.bias.any() or first.tap_bias is not None:
            raise ValueError("the context's first layer has a bias; expected all of it in the side information")
        if any(layer.kernel.shape[:2] != (1, 1) or layer.tap_bias is not None for layer in self.context[1:]):
            raise ValueError("a layer of the context after its first sees other positions; expected 1x1 kernels")
        if any(layer.factor != 1 for layer in self.context) or any(x.activation != "leaky" for x in self.context[:-1]):
            raise ValueError("a layer of the context is followed by other than a leaky ReLU")
        if any((layer.shift < 0).any() for layer in self.context[:-1]):
            raise ValueError("a hidden layer of the context shifts to the left; expected shifts from 0 on")
        if max(side.output_bound().max(initial=0), first.bound().max(initial=0)) >= SIDE_LIMIT:
            raise ValueError(f"side information or what the context adds to it could reach {SIDE_LIMIT}")

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by path, such as "hyper_synthesis/0/kernel"."""
        found = {"thresholds": self.thresholds, "channels": np.array([self.channels], np.int32)}
        if self.latent_shifts is not None:
            found["latent_shifts"] = self.latent_shifts
        for part in _PARTS:
            for i, layer in enumerate(getattr(self, part)):
                found |= {f"{part}/{i}/{name}": array for name, array in _layer_arrays(layer).items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "IntegerNetworks":
        """The inverse of `arrays`.

        Raises:
            ValueError: arrays that are missing, unknown, or make no network.
        """
        try:
            parts = {part: _layers(arrays, part) for part in _PARTS}
            networks = cls(
                thresholds=arrays["thresholds"],
                channels=_numbers(arrays, "channels", 1)[0],
                latent_shifts=arrays.get("latent_shifts"),
                **parts,
            )
        except KeyError as error:
            raise ValueError(f"the integer networks lack the array {error}") from error
        if unknown := sorted(set(arrays) - set(networks.arrays())):
            raise ValueError(f"the integer networks have no place for {', '.join(unknown)}")
        return networks


_PARTS = ("hyper_synthesis", "context")
_ACTIVATIONS = ("none", "relu", "leaky")


def _check_chain(layers: tuple[IntegerLayer, ...]) -> None:
    if layers and layers[0].input_range != SYMBOL_RANGE:
        raise ValueError(f"a first layer takes inputs in {layers[0].input_range}; expected {SYMBOL_RANGE}")
    if layers and layers[-1].output_range is not None:
        raise ValueError(f"a last layer has the activation {layers[-1].activation}; expected none")
    for before, layer in itertools.pairwise(layers):
        channels = before.outputs
        if layer.kernel.shape[2] != channels or layer.input_range != before.output_range:
            raise ValueError(
                f"a layer of {layer.kernel.shape[2]} inputs in {layer.input_range} follows one of {channels} outputs "
                f"in {before.output_range}"
            )


def _layer_arrays(layer: IntegerLayer) -> dict[str, np.ndarray]:
    """Its arrays, and what else it is as an array of its own: factor, activation and range of inputs."""
    names = [name for name in ("kernel", "bias", "shift", "tap_bias") if getattr(layer, name) is not None]
    form = np.array([layer.factor, _ACTIVATIONS.index(layer.activation), *layer.input_range], np.int32)
    return {name: getattr(layer, name) for name in names} | {"form": form}


def _layers(arrays: Mapping[str, np.ndarray], part: str) -> tuple[IntegerLayer, ...]:
    count = len({path.split("/")[1] for path in arrays if path.startswith(f"{part}/")})
    return tuple(_layer(arrays, f"{part}/{i}/") for i in range(count))


def _layer(arrays: Mapping[str, np.ndarray], prefix: str) -> IntegerLayer:
    factor, activation, low, high = _numbers(arrays, prefix + "form", 4)
    if activation not in range(len(_ACTIVATIONS)):
        raise ValueError(f"{prefix}form has activation {activation}; expected 0 to {len(_ACTIVATIONS) - 1}")
    return IntegerLayer(
        arrays[prefix + "kernel"],
        arrays[prefix + "bias"],
        arrays[prefix + "shift"],
        factor,
        _ACTIVATIONS[activation],
        arrays.get(prefix + "tap_bias"),
        (low, high),
    )


def _numbers(arrays: Mapping[str, np.ndarray], name: str, count: int) -> list[int]:
    array = arrays[name]
    if array.dtype != np.int32 or array.shape != (count,):
        raise ValueError(f"{name} is {array.dtype} {array.shape}; expected int32 ({count},)")
    return array.tolist()
