"""Rate-distortion evaluation: runs of learned and classical codecs, and what is made of them."""

from jaxcompress.evaluate.codec import CodecError, Decoded, Encoded, MissingExecutableError, PictureCodec, Quality
from jaxcompress.evaluate.curve import Curve, load_curve
from jaxcompress.evaluate.find_close import Found, find_close
from jaxcompress.evaluate.learned import LearnedCodec, curve_name
from jaxcompress.evaluate.measure import DEFAULT_METRICS, METRICS, measure
from jaxcompress.evaluate.pictures import Source, find_pictures
from jaxcompress.evaluate.run import Failure, Settings, Target, run

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "CodecError",
    "Curve",
    "Decoded",
    "Encoded",
    "Failure",
    "Found",
    "LearnedCodec",
    "MissingExecutableError",
    "PictureCodec",
    "Quality",
    "Settings",
    "Source",
    "Target",
    "curve_name",
    "find_close",
    "find_pictures",
    "load_curve",
    "measure",
    "run",
]
