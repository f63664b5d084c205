"""The networks that choose tables and means, in integers: how their layers follow each other."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from jaxcompress.integer import arrays as array_names
from jaxcompress.integer.layer import SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.setting_tables import MULTIPLIER_SHIFTS, SettingTables

SCALE_BITS = 12
"""Scales are compared with thresholds in units of 2^-12."""

MEAN_BITS = 6
"""Means lie on a grid of 2^-6."""

MEAN_LIMIT = 2**21
"""The largest mean, in units of that grid."""

SIDE_LIMIT = 2**29
"""Limit of side information, and of what a context adds to it."""

LATENT_SHIFT_LIMIT = 30
"""Largest right shift of latents in 64ths."""


@dataclasses.dataclass(frozen=True, eq=False)
class IntegerNetworks:
    """The entropy-parameter networks of a model, in integers.

    A prior that codes y in one pass has `hyper_synthesis` alone, whose outputs are scales, then means if there are any.
    For all others `hyper_synthesis` gives side information, which the sums of another chain go on from: `context` of
    an autoregressive model, or one of `passes` for each pass of a prior that has a few.

    Attributes:
        hyper_synthesis: from symbols of z to outputs or side information.
        thresholds: int32 `[R - 1]`, ascending: a scale takes the table whose number is that of thresholds below it.
        channels: of y.
        context: of an autoregressive model: the context and the first 1x1 layer in one, whose sums go on from the side
            information (which has the bias), and the other 1x1 layers. What `coder.IntegerContextModel` runs.
        latent_shifts: uint8 `[M]`, how far a latent in 64ths is shifted right before the context or a pass sees it.
        passes: of a prior in several passes, a chain for each. Its first layer sees the latents of the passes before,
            and its sums are added to the side information.
        settings: what depends on a setting besides biases, or None.

    Raises:
        ValueError: layers that do not follow each other, or sums that could overflow.
    """

    hyper_synthesis: tuple[IntegerLayer, ...]
    thresholds: np.ndarray
    channels: int
    context: tuple[IntegerLayer, ...] = ()
    latent_shifts: np.ndarray | None = None
    passes: tuple[tuple[IntegerLayer, ...], ...] = ()
    settings: SettingTables | None = None

    def __post_init__(self):
        """Checks that the layers follow each other."""
        for name in ("thresholds", "latent_shifts"):
            if (array := getattr(self, name)) is not None:
                array = np.array(array)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        self._check_thresholds()
        if self.context and self.passes:
            raise ValueError("there are a context and passes; expected one of the two")
        if bool(self.context or self.passes) != (self.latent_shifts is not None):
            raise ValueError("a context needs latent_shifts, so do passes, and nothing else does")
        if not self.hyper_synthesis:
            raise ValueError("there are no layers of hyper_synthesis")
        for layers in self.chains.values():
            _check_chain(layers)
        self._check_settings()
        for last in [chain[-1] for chain in self.passes] or [(self.context or self.hyper_synthesis)[-1]]:
            needs_means = self.context or self.settings is not None
            if last.outputs != 2 * self.channels and (needs_means or last.outputs != self.channels):
                raise ValueError(
                    f"there are {last.outputs} outputs; expected scales, and means if any, of {self.channels} latents"
                )
        if self.context:
            self._check_context(self.context[0], self.hyper_synthesis[-1])
        for chain in self.passes:
            self._check_pass(chain)

    @property
    def chains(self) -> Mapping[str, tuple[IntegerLayer, ...]]:
        """All chains of layers by name: "hyper_synthesis", then "context", or "pass_0" and so on."""
        found = {"hyper_synthesis": self.hyper_synthesis}
        if self.context:
            found["context"] = self.context
        return found | {array_names.PASS.format(number): chain for number, chain in enumerate(self.passes)}

    @property
    def count(self) -> int | None:
        """Number of values of the setting that the networks depend on; None if they depend on none."""
        counts = [layer.count for chain in self.chains.values() for layer in chain]
        counts.append(None if self.settings is None else self.settings.count)
        return next((count for count in counts if count is not None), None)

    def _check_thresholds(self) -> None:
        if self.thresholds.dtype != np.int32 or self.thresholds.ndim != 1:
            raise ValueError(f"thresholds are {self.thresholds.dtype} {self.thresholds.shape}; expected int32 [R - 1]")
        if (falls := np.flatnonzero(np.diff(self.thresholds.astype(np.int64)) <= 0)).size:
            pair = self.thresholds[falls[0] : falls[0] + 2].tolist()
            raise ValueError(f"threshold {falls[0] + 1} does not lie above the one before: {pair}")
        if len(self.thresholds) > 255:
            raise ValueError(f"there are {len(self.thresholds)} thresholds; expected at most 255")

    def _check_settings(self) -> None:
        """Checks that everything which depends on the setting knows the same number of values."""
        layers = [layer for chain in self.chains.values() for layer in chain]
        counts = {layer.count for layer in layers if layer.count is not None}
        if self.settings is not None:
            counts.add(self.settings.count)
            if self.settings.scale_offsets.shape[1] != self.channels:
                raise ValueError(
                    f"scale_offsets have {self.settings.scale_offsets.shape[1]} columns; expected {self.channels}"
                )
            if (self.settings.latent_multipliers is None) == bool(self.passes):
                raise ValueError("passes that depend on a setting need latent_multipliers, and nothing else does")
        if len(counts) > 1:
            raise ValueError(f"a setting has {' and '.join(map(str, sorted(counts)))} values; expected one count")
        if counts and self.context:
            raise ValueError("a context depends on a setting; expected passes")

    def _check_latent_shifts(self, first: IntegerLayer, name: str) -> None:
        shifts = np.asarray(self.latent_shifts)
        inputs = first.kernel.shape[2:3]
        low = 0 if self.settings is None else MULTIPLIER_SHIFTS[0]
        lowest, highest = shifts.min(initial=LATENT_SHIFT_LIMIT), shifts.max(initial=low)
        if shifts.dtype != np.uint8 or shifts.shape != inputs or highest > LATENT_SHIFT_LIMIT or lowest < low:
            raise ValueError(
                f"latent_shifts are {shifts.dtype} {shifts.shape}, from {lowest} up to {highest}; expected uint8 "
                f"{inputs}, up to {LATENT_SHIFT_LIMIT} and at least {low}"
            )
        if inputs != (self.channels,):
            raise ValueError(f"the {name} sees {inputs[0]} channels of latents; expected {self.channels}")

    def _check_sums_after_side(self, first: IntegerLayer) -> None:
        side = self.hyper_synthesis[-1]
        if side.kernel.shape[-1] != first.kernel.shape[-1] or side.factor != 1:
            raise ValueError(
                f"side information has {side.kernel.shape[-1]} channels (factor {side.factor}), which the context's "
                f"first layer with {first.kernel.shape[-1]} sums cannot go on from"
            )
        if max(side.output_bound().max(initial=0), first.bound().max(initial=0)) >= SIDE_LIMIT:
            raise ValueError(f"side information or what the context adds to it could reach {SIDE_LIMIT}")

    def _check_context(self, first: IntegerLayer, side: IntegerLayer) -> None:
        """Checks for what `coder.IntegerContextModel` counts on."""
        self._check_latent_shifts(first, "context")
        if len(self.context) < 2:
            raise ValueError("the context is a single layer; expected 1x1 layers after it")
        size, seen = len(first.kernel), len(first.kernel) ** 2 // 2
        if size < 3 or first.kernel.reshape(size**2, -1)[seen:].any():
            raise ValueError("the context's kernel sees latents that are not decoded before it")
        if first.bias.any() or first.tap_bias is not None:
            raise ValueError("the context's first layer has a bias; expected all of it in the side information")
        if any(layer.kernel.shape[:2] != (1, 1) or layer.tap_bias is not None for layer in self.context[1:]):
            raise ValueError("a layer of the context after its first sees other positions; expected 1x1 kernels")
        if any(layer.factor != 1 for layer in self.context) or any(x.activation != "leaky" for x in self.context[:-1]):
            raise ValueError("a layer of the context is followed by other than a leaky ReLU")
        if any(layer.skip is not None for layer in self.context):
            raise ValueError("a layer of the context adds its own input; expected no skip")
        if any((layer.shift < 0).any() for layer in self.context[:-1]):
            raise ValueError("a hidden layer of the context shifts to the left; expected shifts from 0 on")
        self._check_sums_after_side(first)

    def _check_pass(self, chain: Sequence[IntegerLayer]) -> None:
        first = chain[0]
        self._check_latent_shifts(first, "pass")
        if len(chain) < 2 or first.skip is not None or first.tap_bias is not None:
            raise ValueError(
                "a pass is a single layer, or its first has skip or tap_bias; expected one whose sums are added to the "
                "side information, and others after it"
            )
        if any(layer.factor != 1 for layer in chain):
            raise ValueError("a layer of a pass shuffles its channels; expected a factor of 1")
        if (first.shift < 0).any():
            raise ValueError("the first layer of a pass shifts to the left; expected shifts from 0 on")
        self._check_sums_after_side(first)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by path, such as "hyper_synthesis/0/kernel"."""
        found = {"thresholds": self.thresholds, "channels": np.array([self.channels], np.int32)}
        if self.latent_shifts is not None:
            found["latent_shifts"] = self.latent_shifts
        if self.settings is not None:
            found |= self.settings.arrays()
        return found | array_names.of_chains(self.chains)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "IntegerNetworks":
        """The inverse of `arrays`.

        Raises:
            ValueError: arrays that are missing, unknown, or make no network.
        """
        try:
            chains = array_names.read_chains(arrays)
            networks = cls(
                hyper_synthesis=chains.pop("hyper_synthesis", ()),
                thresholds=arrays["thresholds"],
                channels=array_names.numbers(arrays, "channels", 1)[0],
                context=chains.pop("context", ()),
                latent_shifts=arrays.get("latent_shifts"),
                passes=tuple(chains.values()),
                settings=SettingTables.from_arrays(arrays),
            )
        except KeyError as error:
            raise ValueError(f"the integer networks lack the array {error}") from error
        if unknown := sorted(set(arrays) - set(networks.arrays())):
            raise ValueError(f"the integer networks have no place for {', '.join(unknown)}")
        return networks


def _check_chain(layers: Sequence[IntegerLayer]) -> None:
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
