"""What all classical codecs share: their options, and the checks of what goes in and comes out."""

import abc
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from jaxcompress.evaluate.classical.options import Options, Parameter, parse_parameters
from jaxcompress.evaluate.codec import CodecError, Decoded, Encoded, PictureCodec, Quality


class ClassicalCodec(PictureCodec):
    """A codec that was not learned.

    Attributes:
        key: what the registry calls it.
        title: what a plot calls it.
        about: what codes, in a few words.
        quality_name: what its users call the setting.
        subsamplings: those that it has; the first is the default.
        parameters: those that it has, by name.
        fields: names of the `Options` that it takes beside `subsampling` and `parameters`.
        values: of its parameters, by name.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    quality_name: ClassVar[str] = "quality"
    subsamplings: ClassVar[tuple[str, ...]] = ("4:4:4",)
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    fields: ClassVar[tuple[str, ...]] = ()
    settings: Sequence[int | float]
    qualities: Sequence[int | float]

    def __init__(self, options: Options):
        """Checks the options; programs are looked for when they are needed.

        Args:
            options: what the user said.

        Raises:
            ValueError: the codec has not what was asked for.
        """
        for field in ("folder", "encoder", "decoder", "config", "timeout"):
            if getattr(options, field) is not None and field not in self.fields:
                raise ValueError(f"{self.key} has no option {field!r}: {self.about} takes {self._takes()}")
        if options.subsampling not in (None, *self.subsamplings):
            raise ValueError(
                f"{self.key} has no subsampling {options.subsampling}; it has {', '.join(self.subsamplings)}"
            )
        if options.timeout is not None and not options.timeout > 0:
            raise ValueError(f"the timeout is {options.timeout} s; expected more than 0")
        self.options = options
        self.values = parse_parameters(self.key, self.parameters, options.parameters)
        self.subsampling = options.subsampling or self.subsamplings[0]
        self.name = self.title if self.subsampling == self.subsamplings[0] else f"{self.title} {self.subsampling}"
        self.description = ", ".join((self.about, self.subsampling, *self._details()))

    def encode(self, pixels: np.ndarray, quality: Quality) -> Encoded:
        """See `PictureCodec`; also raises ValueError for a quality that the codec has not."""
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"the picture is {pixels.dtype} {list(pixels.shape)}; expected uint8 [H, W, 3]")
        data, seconds = self._encode(pixels, self.check_quality(quality))
        if not data:
            raise CodecError(f"{self.key} made an empty file")
        return Encoded(data, seconds)

    def decode(self, data: bytes, quality: Quality, shape: tuple[int, int]) -> Decoded:
        """See `PictureCodec`."""
        pixels, seconds = self._decode(data, shape)
        if pixels.shape != (*shape, 3):
            raise CodecError(f"{self.key} decoded a picture {list(pixels.shape)}; {[*shape, 3]} had been coded")
        return Decoded(pixels, seconds)

    def check_quality(self, quality: Quality) -> int | float:
        """The quality as a number that the codec takes.

        Args:
            quality: any between the first and the last of `settings`; whole, if those are.

        Raises:
            ValueError: it is something else.
        """
        whole = all(isinstance(setting, int) for setting in self.settings)
        low, high = sorted((self.settings[0], self.settings[-1]))
        kind = "a whole number" if whole else "a number"
        if isinstance(quality, (bool, str)) or not low <= quality <= high or (whole and quality != int(quality)):
            raise ValueError(
                f"the {self.quality_name} of {self.key} is {quality!r}; expected {kind} from {low} to {high}"
            )
        return int(quality) if whole else float(quality)

    @abc.abstractmethod
    def _encode(self, pixels: np.ndarray, quality: int | float) -> tuple[bytes, float]:
        """The file, and the seconds that it took."""

    @abc.abstractmethod
    def _decode(self, data: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
        """The picture, and the seconds that it took."""

    def _details(self) -> list[str]:
        return [f"{name} {str(value).lower()}" for name, value in self.values.items()]

    def _takes(self) -> str:
        return ", ".join(("subsampling", "parameters", *self.fields))
