"""Codecs that are programs: files in, files out, in a folder that is gone afterwards."""

import abc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from jaxcompress.evaluate.classical import yuv
from jaxcompress.evaluate.classical.base import ClassicalCodec
from jaxcompress.evaluate.classical.options import Options
from jaxcompress.evaluate.classical.programs import Program, Running, complain, run


class ExecutableCodec(ClassicalCodec):
    """A codec with a program that codes and one that decodes.

    Attributes:
        encoder: codes.
        decoder: decodes.
        picture: name of the file that the encoder reads and the decoder writes, with the suffix that tells its format.
    """

    encoder: ClassVar[Program]
    decoder: ClassVar[Program]
    picture: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ("folder", "encoder", "decoder", "timeout")

    def __init__(self, options: Options):
        """See `ClassicalCodec`."""
        super().__init__(options)
        self._running = Running()

    def stop(self) -> None:
        """Kills the programs that run; the codec is of no use afterwards."""
        self._running.stop()

    def versions(self) -> dict[str, str]:
        """Of the two programs, by the names of their files; see `PictureCodec`."""
        found = {self._encoder(): self.encoder, self._decoder(): self.decoder}
        return {Path(path).name: program.version(path) for path, program in found.items()}

    @abc.abstractmethod
    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """Arguments of the encoder, which makes the file `coded` of the file `picture`.

        Args:
            quality: as `check_quality` gives it.
            shape: height and width of what the encoder reads.
        """

    @abc.abstractmethod
    def decode_command(self) -> list[str]:
        """Arguments of the decoder, which makes the file `picture` of the file `coded`."""

    @property
    def coded(self) -> str:
        """Name of the coded file."""
        return f"coded{self.suffix}"

    def _encode(self, pixels: np.ndarray, quality: int | float) -> tuple[bytes, float]:
        encoder, (height, width) = self._encoder(), pixels.shape[:2]
        with _folder() as folder:
            self._write(folder / self.picture, pixels)
            command = [encoder, *self.encode_command(quality, self._read_by_encoder((height, width)))]
            seconds = run(command, folder, self.options.timeout, self._running)
            coded = folder / self.coded
            if not coded.is_file() or not coded.stat().st_size:
                raise complain(command, folder, "it wrote no file")
            return coded.read_bytes(), seconds

    def _decode(self, data: bytes, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
        decoder = self._decoder()
        with _folder() as folder:
            (folder / self.coded).write_bytes(data)
            command = [decoder, *self.decode_command()]
            seconds = run(command, folder, self.options.timeout, self._running)
            picture = folder / self.picture
            if not picture.is_file():
                raise complain(command, folder, "it wrote no file")
            try:
                return self._read(picture, shape), seconds
            except (OSError, ValueError, SyntaxError) as error:
                raise complain(command, folder, f"what it wrote is no such picture: {error}") from error

    def _encoder(self) -> str:
        return self.encoder.find(self.options.encoder, self.options.folder)

    def _decoder(self) -> str:
        return self.decoder.find(self.options.decoder, self.options.folder)

    def _read_by_encoder(self, shape: tuple[int, int]) -> tuple[int, int]:
        return shape

    def _write(self, path: Path, pixels: np.ndarray) -> None:
        Image.fromarray(pixels).save(path)

    def _read(self, path: Path, shape: tuple[int, int]) -> np.ndarray:
        """The picture, of whatever size it is."""
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))


class PlanarCodec(ExecutableCodec):
    """A codec of video, which sees a picture as planes of YCbCr, converted as in `yuv`."""

    picture = "picture.yuv"
    subsamplings = yuv.SUBSAMPLINGS

    def _read_by_encoder(self, shape: tuple[int, int]) -> tuple[int, int]:
        return yuv.coded_size(shape, self.subsampling)

    def _write(self, path: Path, pixels: np.ndarray) -> None:
        path.write_bytes(yuv.to_planes(pixels, self.subsampling))

    def _read(self, path: Path, shape: tuple[int, int]) -> np.ndarray:
        return yuv.from_planes(path.read_bytes(), shape, self.subsampling)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jaxcompress-") as name:
        yield Path(name)
