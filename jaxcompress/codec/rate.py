"""Files of a wanted quality, size or PSNR, of models whose rate is a setting."""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxcompress.codec import container
from jaxcompress.codec.errors import TargetError
from jaxcompress.codec.jxc import JxcCoder
from jaxcompress.metrics import bits_per_pixel, psnr
from jaxcompress.models import Layout, Setting
from jaxcompress.models.layout import HIGHEST_QUALITY, LOWEST_QUALITY

RATE = "rate"
"""Name of the setting that trades bits for distortion; its numbers ascend with the bits."""


class CodedPicture(NamedTuple):
    """A file, and what was reached with it.

    Attributes:
        data: bytes of the file.
        quality: quality that it was coded with, from 1 to 100; None for models of one rate.
        bpp: bits per pixel of the whole file.
        psnr: PSNR in decibels, if that was the target.
    """

    data: bytes
    quality: float | None
    bpp: float
    psnr: float | None = None


@dataclasses.dataclass(frozen=True)
class Target:
    """What a file should have, one of three.

    Attributes:
        name: "quality", "bpp" or "psnr".
        value: a number from 1 to 100, bits per pixel, or decibels.

    Raises:
        ValueError: the value is not positive and finite.
    """

    name: str
    value: float

    def __post_init__(self):
        """Checks the value."""
        if isinstance(self.value, (bool, np.bool_)) or not isinstance(self.value, (int, float, np.number)):
            raise ValueError(f"{self.name} is {self.value!r}; expected a number")
        if self.name == "quality":
            return  # the model says which there are
        if not 0 < self.value < math.inf:
            raise ValueError(f"{self.name} is {self.value}; expected a positive number")

    @classmethod
    def of(
        cls, *, quality: float | None = None, bpp: float | None = None, psnr: float | None = None
    ) -> "Target | None":
        """The target that is given; None if none is.

        Raises:
            ValueError: several are given.
        """
        given = {
            name: value for name, value in (("quality", quality), ("bpp", bpp), ("psnr", psnr)) if value is not None
        }
        if len(given) > 1:
            told = " and ".join(f"{name}={value}" for name, value in given.items())
            raise ValueError(f"{told} are asked for at once; give one of them")
        return next((cls(name, value) for name, value in given.items()), None)

    def reached(self, coded: CodedPicture) -> float:
        """What a file has of it."""
        return getattr(coded, self.name)

    def is_met(self, coded: CodedPicture) -> bool:
        """Whether a file has it: within 2 % of its bits, or 0.05 dB."""
        tolerance = 0.05 if self.name == "psnr" else 0.02 * self.value
        return abs(self.reached(coded) - self.value) <= tolerance

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{value:.2f} dB" if self.name == "psnr" else f"{value:.4f} bpp"


def rate_of(layout: Layout) -> Setting | None:
    """The setting of a model that trades bits for distortion; None if it has one rate.

    Args:
        layout: layout of the model.
    """
    return next((setting for setting in layout.settings if setting.name == RATE), None)


def numbers_of(layout: Layout, quality: float | None) -> dict[str, int]:
    """Numbers of a model's settings for a quality.

    Args:
        layout: layout of the model.
        quality: from 1 to 100; None for the default.

    Raises:
        ValueError: there is no such quality, or the model has one rate.
    """
    if quality is None:
        return layout.default_numbers
    setting = rate_of(layout)
    if setting is None:
        raise ValueError(f"quality is {quality:g}, and the model has one rate; leave it out")
    return layout.default_numbers | {RATE: setting.number_of(quality)}


class RateCoder:
    """Codes pictures to `.jxc` files of a wanted quality, size or PSNR.

    Args:
        jxc: coder of the files.
        layout: layout of the model.
        architecture: name of the model, for errors.
    """

    def __init__(self, jxc: JxcCoder, layout: Layout, architecture: str):
        self._jxc = jxc
        self._layout = layout
        self._architecture = architecture
        self._setting = rate_of(layout)
        self.qualities = range(LOWEST_QUALITY, HIGHEST_QUALITY + 1) if self._setting else range(0)
        self.default_quality = self._setting.quality_of(self._setting.default) if self._setting else None

    def code(
        self, image: np.ndarray, target: Target | None, *, nearest: bool, icc_profile: bytes, threads: int
    ) -> CodedPicture:
        """Codes a uint8 picture; see `Codec.compress`."""

        def with_quality(quality: float | None) -> CodedPicture:
            data = self._jxc.encode(image, icc_profile, threads, numbers_of(self._layout, quality))
            decibels = None
            if target is not None and target.name == "psnr":
                decibels = psnr(image, self._decode(data, image, threads))
            return CodedPicture(data, quality, bits_per_pixel(data, *image.shape[:2]), decibels)

        self.check(target)
        if target is None:
            return with_quality(self.default_quality)
        if target.name == "quality":
            return with_quality(target.value)
        setting = self._setting
        assert setting is not None  # `check` has seen to it
        return search(lambda step: with_quality(setting.quality_of(step - 1)), setting.count, target, nearest=nearest)

    def check(self, target: Target | None) -> None:
        """Raises ValueError if the model has no rate to be set, or no such quality."""
        if target is not None and not self.qualities:
            raise ValueError(
                f"{target.name}={target.value:g} is for models whose rate can be set, and these weights of "
                f"{self._architecture} have one rate; leave it out, or take other weights, such as those named light"
            )
        if target is not None and target.name == "quality" and self._setting:
            self._setting.number_of(target.value)

    def _decode(self, data: bytes, image: np.ndarray, threads: int) -> np.ndarray:
        header, strings = container.unpack(data, max_pixels=2**64)  # the encoder has accepted the picture
        return self._jxc.decode(header, strings, (slice(0, image.shape[0]), slice(0, image.shape[1])), threads)


def search(code: Callable[[int], CodedPicture], count: int, target: Target, *, nearest: bool = False) -> CodedPicture:
    """Finds the step of quality whose file comes nearest to a target, by bisection with real files.

    Args:
        code: codes a picture with a step of quality, from 1; more is taken to give more bits and decibels.
        count: number of steps.
        target: bits per pixel or PSNR to come near to.
        nearest: take the lowest or the highest quality for a target beyond both.

    Returns:
        The first file that meets the target; if none does, the nearest: neighbours may lie on either side of it.

    Raises:
        TargetError: the target is beyond what the lowest and the highest quality give, and `nearest` is off.
    """
    tried: dict[int, CodedPicture] = {}
    low, high = 0, count + 1  # between them lie the qualities that may meet it
    while high - low > 1:
        middle = (low + high) // 2
        coded = tried[middle] = code(middle)
        if target.is_met(coded):
            return coded
        low, high = (middle, high) if target.reached(coded) < target.value else (low, middle)
    if not nearest and (low == count or high == 1):
        least, most = (tried.get(end) or code(end) for end in (1, count))
        raise TargetError(
            f"{target.text(target.value)} cannot be reached: quality {least.quality} gives "
            f"{target.text(target.reached(least))}, and quality {most.quality} gives "
            f"{target.text(target.reached(most))}; nearest=True (--nearest) takes the nearer of the two"
        )
    return min(tried.values(), key=lambda coded: abs(target.reached(coded) - target.value))
