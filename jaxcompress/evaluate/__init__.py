"""Rate-distortion evaluation: runs of learned and classical codecs, and what is made of them."""

from jaxcompress.evaluate.codec import CodecError, Decoded, Encoded, MissingExecutableError, PictureCodec, Quality
from jaxcompress.evaluate.curve import Curve, load_curve

__all__ = [
    "CodecError",
    "Curve",
    "Decoded",
    "Encoded",
    "MissingExecutableError",
    "PictureCodec",
    "Quality",
    "load_curve",
]
