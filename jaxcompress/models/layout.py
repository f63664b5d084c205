"""What a model is, as data: its latents in the order they are decoded, its networks, and the knobs of its files."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from jaxcompress.priors import Prior, check_passes

LOWEST_QUALITY, HIGHEST_QUALITY = 1, 100
"""Ends of the scale of qualities for models whose rate is a setting."""

_F = TypeVar("_F", bound=Callable)


@dataclasses.dataclass(frozen=True)
class Latent:
    """A signal that is coded.

    Attributes:
        name: "y", "z".
        stride: pixels in a cell, each way.
        channels: symbols in a cell.
        prior: how they are coded.

    Raises:
        ValueError: the passes of the prior overlap, or leave a symbol out.
    """

    name: str
    stride: int
    channels: int
    prior: Prior

    def __post_init__(self):
        """Checks the prior."""
        check_passes(self.prior, self.channels)


@dataclasses.dataclass(frozen=True)
class Network:
    """A stage of a model: a method that runs a network.

    Attributes:
        name: the paper's, such as "g_a"; of its parameters, too.
        stage: name of the method.
        reads: the signal that goes in: "x" (the picture), a latent's name, or "hyper" (side information of the last
            latent).
        writes: the signal that comes out.
        decides_bits: whether tables or means depend on it.
        reach: cells of the coarser of both signals that an output can depend on, each way, beyond its own; None if it
            is not known, so that the network has to run on whole pictures.
    """

    name: str
    stage: str
    reads: str
    writes: str
    decides_bits: bool = False
    reach: int | None = None

    @property
    def decodes(self) -> bool:
        """Whether a decoder runs it."""
        return self.decides_bits or self.writes == "x"


@dataclasses.dataclass(frozen=True)
class Setting:
    """A knob of a model that travels in a file, as a whole number.

    Attributes:
        name: of the keyword argument that stages take it by, one float32 for each picture `[N]`.
        low: value of number 0.
        high: value of the last number.
        default: the number used where none is asked for.
        count: how many numbers there are.

    Raises:
        ValueError: fewer than two numbers, values that do not ascend, or a default that is none of the numbers.
    """

    name: str
    low: float
    high: float
    default: int
    count: int = 145

    def __post_init__(self):
        """Checks the numbers."""
        if not (self.count >= 2 and self.low < self.high and self.default in range(self.count)):
            raise ValueError(
                f"the setting {self.name} has {self.count} numbers from {self.low} to {self.high}, number "
                f"{self.default} by default; expected at least 2, ascending values, and one of the numbers"
            )

    def number_of(self, quality: float) -> int:
        """The number that comes nearest to a quality on the scale that people use, from 1 to 100.

        Args:
            quality: 1 for number 0, 100 for the last number, evenly between.

        Raises:
            ValueError: it is not from 1 to 100.
        """
        if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
            raise ValueError(f"quality is {quality:g}; expected a number from {LOWEST_QUALITY} to {HIGHEST_QUALITY}")
        return round((quality - LOWEST_QUALITY) * (self.count - 1) / (HIGHEST_QUALITY - LOWEST_QUALITY))

    def quality_of(self, number: int) -> float:
        """The quality of a number, whole or with one decimal place: the inverse of `number_of`.

        Args:
            number: 0 to `count - 1`.
        """
        quality = LOWEST_QUALITY + (HIGHEST_QUALITY - LOWEST_QUALITY) * number / (self.count - 1)
        return round(quality) if self.number_of(round(quality)) == number else round(quality, 1)

    def value(self, number: int) -> float:
        """The value of a number, from `low` to `high`.

        Args:
            number: 0 to `count - 1`.

        Raises:
            ValueError: there is no such number.
        """
        if number not in range(self.count):
            raise ValueError(f"{self.name} has no number {number!r}; expected 0 to {self.count - 1}")
        return self.low + (self.high - self.low) * number / (self.count - 1)


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a model is.

    Attributes:
        latents: in the order they are decoded; the last is what the picture is made from.
        networks: its stages, in the order a picture passes them.
        settings: its knobs.
        shared: names of parameters that networks share with the one that writes the picture, such as its gains.
    """

    latents: tuple[Latent, ...]
    networks: tuple[Network, ...]
    settings: tuple[Setting, ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def last(self) -> Latent:
        """The latent that the picture is made from."""
        return self.latents[-1]

    @property
    def side(self) -> Latent | None:
        """The latent that side information is made from, if there is one."""
        return self.latents[-2] if len(self.latents) > 1 else None

    @property
    def stride(self) -> int:
        """Multiple that the sides of a padded picture are of."""
        return max(latent.stride for latent in self.latents)

    @property
    def decides_by_networks(self) -> bool:
        """Whether any network decides bits: tables alone are exact anywhere."""
        return any(network.decides_bits for network in self.networks)

    @property
    def synthesis_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that turn the last latent into a picture."""
        return (*(network.name for network in self.networks if network.writes == "x"), *self.shared)

    def network(self, stage: str) -> Network:
        """The network of a stage.

        Raises:
            KeyError: the model has no such stage.
        """
        for network in self.networks:
            if network.stage == stage:
                return network
        raise KeyError(stage)

    def stride_of(self, signal: str) -> int:
        """Pixels in a cell of a signal, each way."""
        if signal == "x":
            return 1
        named = {latent.name: latent.stride for latent in self.latents}
        return named.get(signal, self.last.stride)

    def samples(self, network: Network) -> tuple[int, int]:
        """Samples of what a network reads and writes in a cell of the coarser of the two, each way."""
        strides = self.stride_of(network.reads), self.stride_of(network.writes)
        return max(strides) // strides[0], max(strides) // strides[1]

    def values(self, numbers: dict[str, int]) -> dict[str, np.ndarray]:
        """What stages take for settings of one picture.

        Args:
            numbers: by name, as in a file.

        Returns:
            float32 `[1]` by name.

        Raises:
            ValueError: a setting is missing, unknown, or has no such number.
        """
        if set(numbers) != {setting.name for setting in self.settings}:
            known = ", ".join(setting.name for setting in self.settings) or "none"
            raise ValueError(f"the settings are {', '.join(sorted(numbers)) or 'none'}; the model has {known}")
        return {setting.name: np.array([setting.value(numbers[setting.name])], np.float32) for setting in self.settings}

    @property
    def default_numbers(self) -> dict[str, int]:
        """The numbers of the settings where none are asked for."""
        return {setting.name: setting.default for setting in self.settings}


def sees(cells: int) -> Callable[[_F], _F]:
    """States how far the outputs of a network depend on its inputs, see `Network.reach`.

    It decorates a method that makes a network, and one that runs it (0 cells more, if it does nothing else). An
    override without the statement runs on whole pictures.

    Args:
        cells: of the coarser of the two signals, each way.
    """
    return functools.partial(_state, reach=cells)


def runs(*networks: str) -> Callable[[_F], _F]:
    """States that a method computes nothing but these networks, so that another program can compute it from them.

    Args:
        networks: names of attributes of the model, in the order they run.
    """
    return functools.partial(_state, runs=networks)


def _state(method: Any, **facts: Any) -> Any:
    for name, value in facts.items():
        setattr(method, f"_jaxcompress_{name}", value)
    return method


def reach_of(model: Any, *methods: str) -> int | None:
    """How far methods of a model see together; None if one does not say.

    Args:
        model: a module.
        methods: names.
    """
    found = [getattr(getattr(type(model), method, None), "_jaxcompress_reach", None) for method in methods]
    reaches = [reach for reach in found if reach is not None]
    return sum(reaches) if len(reaches) == len(methods) else None


def is_plain(model: Any, method: str) -> bool:
    """Whether a method of a model is stated to compute nothing but its networks, see `runs`."""
    return hasattr(getattr(type(model), method, None), "_jaxcompress_runs")
