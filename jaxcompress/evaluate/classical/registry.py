"""Classical codecs by name."""

from jaxcompress.evaluate.classical.base import ClassicalCodec
from jaxcompress.evaluate.classical.options import Options
from jaxcompress.evaluate.classical.pictures import Bpg, FfmpegJpeg2000, JpegXl, OpenJpeg
from jaxcompress.evaluate.classical.pillow import Avif, Jpeg, Jpeg2000, WebP
from jaxcompress.evaluate.classical.video import X265, Av1, Hm, Vtm

_CLASSES: tuple[type[ClassicalCodec], ...] = (
    *(Jpeg, WebP, Jpeg2000, Avif),
    *(OpenJpeg, FfmpegJpeg2000, JpegXl, Av1, X265, Hm, Vtm, Bpg),
)
CODECS = {codec.key: codec for codec in _CLASSES}


def names() -> list[str]:
    """What codecs there are; whether their programs are there, `versions` of each tells."""
    return list(CODECS)


def create(name: str, options: Options | None = None) -> ClassicalCodec:
    """A classical codec.

    Args:
        name: one of `names`.
        options: how it is set, and where its programs are.

    Raises:
        ValueError: there is no such codec, or it has not what the options ask for.
    """
    if name not in CODECS:
        raise ValueError(f"there is no codec {name!r}; there are {', '.join(CODECS)}")
    return CODECS[name](options or Options())
