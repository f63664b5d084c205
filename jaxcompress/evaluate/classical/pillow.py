"""JPEG, WebP, JPEG 2000 and AVIF as Pillow writes them, with its default settings where nothing else is said."""

import abc
import io
import time
from typing import Any, ClassVar

import numpy as np
import PIL
from PIL import Image, features

from jaxcompress.evaluate.classical.base import ClassicalCodec
from jaxcompress.evaluate.classical.options import Parameter
from jaxcompress.evaluate.codec import CodecError, MissingExecutableError

_FROM_0_TO_100 = tuple(range(101))
_BY_FIVES = tuple(range(5, 96, 5))  # the points of CompressAI's curves
_FAILURES = (OSError, ValueError, SystemError, SyntaxError, MemoryError, Image.DecompressionBombError)


class PillowCodec(ClassicalCodec):
    """A format of Pillow's.

    Attributes:
        format: what Pillow calls it.
        library: that Pillow was built with, and what Pillow calls that.
    """

    format: ClassVar[str]
    library: ClassVar[tuple[str, str]]

    def versions(self) -> dict[str, str]:
        """Of Pillow and of the library inside; see `PictureCodec`."""
        Image.init()
        if self.format not in Image.SAVE:
            raise MissingExecutableError(f"Pillow {PIL.__version__} has no {self.format}: pip install --upgrade pillow")
        name, feature = self.library
        return {"Pillow": PIL.__version__, name: features.version(feature) or "unknown"}

    def _encode(self, pixels: np.ndarray, quality: int | float) -> tuple[bytes, float]:
        picture = Image.fromarray(pixels)
        file = io.BytesIO()
        settings = self._settings(quality)
        start = time.perf_counter()
        try:
            picture.save(file, self.format, **settings)
        except _FAILURES as error:
            raise CodecError(f"Pillow could not write this picture as {self.format}: {error}") from error
        return file.getvalue(), time.perf_counter() - start

    def _decode(self, data: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
        start = time.perf_counter()
        try:
            with Image.open(io.BytesIO(data), formats=[self.format]) as picture:
                picture.load()
                seconds = time.perf_counter() - start
                return np.asarray(picture.convert("RGB")), seconds
        except _FAILURES as error:
            raise CodecError(f"Pillow could not read this {self.format} file: {error}") from error

    @abc.abstractmethod
    def _settings(self, quality: int | float) -> dict[str, Any]:
        """Arguments of Pillow's `save`."""


class Jpeg(PillowCodec):
    """JPEG by libjpeg-turbo, 4:2:0 unless told otherwise.

    4:2:0 is what Pillow writes by default, and with it everyone who says no more than a quality: the published curves
    of JPEG, CompressAI's among them, are of 4:2:0.
    """

    key = "jpeg"
    title = "JPEG"
    about = "JPEG by Pillow"
    suffix = ".jpg"
    format = "JPEG"
    library = ("libjpeg-turbo", "libjpeg_turbo")
    subsamplings = ("4:2:0", "4:4:4", "4:2:2")
    parameters: ClassVar = {
        "optimize": Parameter(False, "Huffman tables made for the picture"),
        "progressive": Parameter(False, "several scans, which are usually smaller"),
    }
    settings = _FROM_0_TO_100[1:]
    qualities = _BY_FIVES

    def _settings(self, quality: int | float) -> dict[str, Any]:
        return {"quality": quality, "subsampling": self.subsampling, **self.values}


class WebP(PillowCodec):
    """Lossy WebP by libwebp, which has no other subsampling than 4:2:0; as CompressAI ran it."""

    key = "webp"
    title = "WebP"
    about = "WebP by Pillow"
    suffix = ".webp"
    format = "WEBP"
    library = ("libwebp", "webp")
    subsamplings = ("4:2:0",)
    parameters: ClassVar = {
        "method": Parameter(4, "effort: 0 is fast, 6 is small", tuple(range(7))),
    }
    settings = _FROM_0_TO_100
    qualities = _BY_FIVES

    def _settings(self, quality: int | float) -> dict[str, Any]:
        return {"quality": quality, **self.values}


class Jpeg2000(PillowCodec):
    """JPEG 2000 by OpenJPEG: irreversible wavelet and colour transform, at a compression ratio.

    The ratio is of 24 bits: 24 bits per pixel divided by it are what a file has, as exactly as the coder can.
    """

    key = "jpeg2000"
    title = "JPEG 2000"
    about = "JPEG 2000 by Pillow"
    suffix = ".jp2"
    quality_name = "compression ratio"
    format = "JPEG2000"
    library = ("OpenJPEG", "jpg_2000")
    settings = tuple(round(ratio, 2) for ratio in np.geomspace(1000, 1.5, 200).tolist())
    qualities = tuple(range(190, 9, -10))

    def _settings(self, quality: int | float) -> dict[str, Any]:
        return {"quality_mode": "rates", "quality_layers": [quality], "irreversible": True, "mct": 1}


class Avif(PillowCodec):
    """AVIF by libavif and libaom, in one thread and one tile, for PSNR: for what libavif chooses, PSNR is lower."""

    key = "avif"
    title = "AVIF"
    about = "AVIF by Pillow"
    suffix = ".avif"
    format = "AVIF"
    library = ("libavif", "avif")
    subsamplings = ("4:4:4", "4:2:0", "4:2:2")
    parameters: ClassVar = {
        "speed": Parameter(6, "0 is slow and small, 10 is fast", tuple(range(11))),
        "tune": Parameter(
            "psnr", "what libaom makes the best of; `default`: what libavif chooses", ("psnr", "ssim", "default")
        ),
    }
    settings = _FROM_0_TO_100
    qualities = _BY_FIVES

    def _settings(self, quality: int | float) -> dict[str, Any]:
        tune = self.values["tune"]
        return {
            "quality": quality,
            "subsampling": self.subsampling,
            "speed": self.values["speed"],
            "max_threads": 1,
            "autotiling": False,
            "advanced": {} if tune == "default" else {"tune": tune},
        }
