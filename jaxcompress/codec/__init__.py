"""Bitstreams: pictures to bytes and back.

`Codec` is the way in. `container` reads and writes the bytes of a `.jxc` file, `compressai_format` those of
CompressAI's example codec, `picture` the image files on the other side. What needs JAX or Pillow is loaded on first
use: to tell what a file is takes neither.
"""

import importlib
from typing import TYPE_CHECKING

from jaxcompress.codec import compressai_format, container
from jaxcompress.codec.errors import BitstreamError, TargetError, WeightsMismatchError

if TYPE_CHECKING:
    from jaxcompress.codec.codec import Codec
    from jaxcompress.codec.picture import Picture, read_picture, write_picture
    from jaxcompress.codec.rate import CodedPicture

__all__ = [
    "BitstreamError",
    "Codec",
    "CodedPicture",
    "Picture",
    "TargetError",
    "WeightsMismatchError",
    "compressai_format",
    "container",
    "read_picture",
    "write_picture",
]

_HOMES = {
    "Codec": "codec",
    "CodedPicture": "rate",
    "Picture": "picture",
    "read_picture": "picture",
    "write_picture": "picture",
}


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
