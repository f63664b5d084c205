"""Classical codecs: formats of Pillow's, and encoders and decoders that are programs."""

from jaxcompress.evaluate.classical.base import ClassicalCodec
from jaxcompress.evaluate.classical.options import Options, Parameter
from jaxcompress.evaluate.classical.registry import CODECS, create, names

__all__ = ["CODECS", "ClassicalCodec", "Options", "Parameter", "create", "names"]
