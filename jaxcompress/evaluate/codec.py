"""What is evaluated: a codec, learned or classical, as the evaluation sees it."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

Quality = int | float | str
"""What a codec calls the setting that trades rate for distortion; a name or a number, as its users know it."""

_LISTED = 12
"""Number of qualities that an error lists; of more it gives the ends."""


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded picture.

    Attributes:
        pixels: uint8 `[H, W, 3]`.
        seconds: wall time of the decoder alone, without reading its output.
        compile_seconds: what it took longer the first time it met a picture of this size.
    """

    pixels: np.ndarray
    seconds: float
    compile_seconds: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Encoded:
    """A coded picture.

    Attributes:
        data: the file; empty if its size was only estimated.
        seconds: wall time of the encoder alone, without making its input.
        compile_seconds: as of `Decoded`.
        header_bytes: bytes of `data` that say what is coded and how, and are not counted if only strings are.
        estimated_bits: what an ideal coder would need by the model's likelihoods, if there is a model.
        reconstruction: where nothing was coded but bits estimated, what a decoder would give.
    """

    data: bytes
    seconds: float
    compile_seconds: float = 0.0
    header_bytes: int = 0
    estimated_bits: float | None = None
    reconstruction: Decoded | None = None

    def bits(self, *, count_header: bool = True) -> float:
        """What is counted for the rate.

        Args:
            count_header: whether a header is.
        """
        if self.reconstruction is not None:
            assert self.estimated_bits is not None
            return self.estimated_bits
        return 8.0 * (len(self.data) - (0 if count_header else self.header_bytes))


class PictureCodec(abc.ABC):
    """A codec under test. Its methods are called from several threads at once.

    Attributes:
        name: of its curve, such as "JPEG".
        description: what it is and how it is set, in a line.
        subsampling: of the chroma planes, such as "4:4:4".
        settings: all settings, from the fewest bits to the most.
        qualities: those of a curve, in the same order, unless told otherwise.
        suffix: of its files, such as ".jpg".
    """

    name: str
    description: str
    subsampling: str
    settings: Sequence[Quality]
    qualities: Sequence[Quality]
    suffix: str

    def check_quality(self, quality: Quality) -> Quality:
        """The quality as the codec takes it.

        Args:
            quality: what a user asks for.

        Raises:
            ValueError: the codec has no such quality.
        """
        if quality not in self.settings:
            few = len(self.settings) <= _LISTED
            known = (
                f"one of {', '.join(map(str, self.settings))}" if few else f"{self.settings[0]} to {self.settings[-1]}"
            )
            raise ValueError(f"{self.name} has no quality {quality!r}; expected {known}")
        return quality

    @abc.abstractmethod
    def versions(self) -> dict[str, str]:
        """Versions of the programs and libraries that code, by name.

        Raises:
            MissingExecutableError: one is not there.
        """

    def facts(self) -> dict[str, Any]:
        """What else a reader of the results wants to know, by name."""
        return {}

    def stop(self) -> None:  # noqa: B027 - most codecs have nothing to stop
        """Ends what runs in other threads, for nobody waits for it any more; nothing unless that may take long."""

    @abc.abstractmethod
    def encode(self, pixels: np.ndarray, quality: Quality) -> Encoded:
        """Codes a picture.

        Args:
            pixels: uint8 `[H, W, 3]`, sRGB.
            quality: one of `settings`.

        Raises:
            CodecError: the encoder failed; with what it said.
        """

    @abc.abstractmethod
    def decode(self, data: bytes, quality: Quality, shape: tuple[int, int]) -> Decoded:
        """Decodes what `encode` made.

        Args:
            data: the file.
            quality: it was coded with.
            shape: height and width of the picture, for codecs whose files do not tell.

        Raises:
            CodecError: the decoder failed; with what it said.
        """


class CodecError(ValueError):
    """An encoder or a decoder failed on a picture."""


class MissingExecutableError(ValueError):
    """A program that a codec needs was not found."""
