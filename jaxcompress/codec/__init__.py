"""Bitstreams: pictures to bytes and back.

`Codec` is the way in. `container` reads and writes the bytes of a `.jxc` file, `compressai_format` those of
CompressAI's example codec, `picture` the image files on the other side.
"""

from jaxcompress.codec.codec import Codec
from jaxcompress.codec.errors import BitstreamError, WeightsMismatchError
from jaxcompress.codec.picture import Picture, read_picture, write_picture

__all__ = ["BitstreamError", "Codec", "Picture", "WeightsMismatchError", "read_picture", "write_picture"]
