"""Pictures on disk, and a codec whose results are known."""

import zlib
from pathlib import Path

import numpy as np
import pytest

import jaxcompress
from jaxcompress.codec import read_picture, write_picture
from jaxcompress.evaluate import CodecError, Decoded, Encoded, PictureCodec

KINGFISHER = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """uint8 `[512, 768, 3]`."""
    return read_picture(KINGFISHER).pixels


@pytest.fixture
def folder(tmp_path, photograph) -> Path:
    """Two crops of a photograph, of odd sizes and large enough for MS-SSIM, one of them in a folder below."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    write_picture(folder / "a.png", photograph[100:270, 200:371])
    write_picture(folder / "below" / "b.png", photograph[200:363, 300:500])
    return folder


class Quantizer(PictureCodec):
    """A codec small enough to know all about: pixels rounded to multiples of a step, and deflated.

    Fails on pictures whose first value is `refused`.
    """

    name = "Quantizer 4:4:4"
    description = "pixels rounded to a multiple"
    subsampling = "4:4:4"
    settings = tuple(range(128, 0, -1))
    qualities = (64, 16, 4)
    suffix = ".z"

    def __init__(self, refused: int | None = None):
        self.refused = refused

    def versions(self):
        return {"zlib": zlib.ZLIB_VERSION}

    def encode(self, pixels, quality):
        if pixels[0, 0, 0] == self.refused:
            raise CodecError("the encoder left after 3 bytes")
        levels = np.rint(pixels / quality).astype(np.uint8)
        return Encoded(b"head" + zlib.compress(levels.tobytes()), seconds=0.25, header_bytes=4)

    def decode(self, data, quality, shape):
        levels = np.frombuffer(zlib.decompress(data[4:]), np.uint8).reshape(*shape, 3)
        return Decoded(np.minimum(levels.astype(int) * quality, 255).astype(np.uint8), seconds=0.125)


@pytest.fixture(scope="session")
def quantizer() -> type[Quantizer]:
    """The class."""
    return Quantizer
