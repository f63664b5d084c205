"""Headers of version 3, which 0.1.0 wrote: `docs/jxc-format.md` has the difference. They are read, never written."""

import struct

from jaxcompress.codec.byte_reader import ByteReader, is_text
from jaxcompress.codec.coded_string import EntropyMode, SymbolOrder
from jaxcompress.codec.header import Header

VERSION = 3

HEADER_LENGTH = struct.Struct("<I")  # of all bytes before the first string

_CODING = struct.Struct("<BBB")  # entropy mode, symbol order, length of the architecture's name
_SIZES = struct.Struct("<HH II BB HHHH")  # n m, width height, channels depth, padding
_FINGERPRINTS = struct.Struct("<8s8s")
_ICC_LENGTH = struct.Struct("<I")
_CHUNKS = struct.Struct("<HHI")  # chunk height and width in latents, number of strings
_STRING = struct.Struct("<BII")  # stream format, length, checksum


def unpack_header(reader: ByteReader) -> tuple[Header, list[tuple[int, int, int]]]:
    """Reads what follows the header's length.

    Args:
        reader: at the entropy mode, and ending before the header's CRC-32.

    Returns:
        The header, and stream format, length and checksum of each string.

    Raises:
        BitstreamError: it is damaged, or of a newer program.
    """
    mode, order, name_length = reader.unpack(_CODING)
    name = reader.take(name_length)
    if not is_text(name):
        raise reader.malformed(f"the architecture's name is {name!r}; expected printable ASCII characters")
    n, m, width, height, channels, depth, *padding = reader.unpack(_SIZES)
    bits, synthesis = reader.unpack(_FINGERPRINTS)
    icc_profile = reader.take(*reader.unpack(_ICC_LENGTH))
    chunk_height, chunk_width, count = reader.unpack(_CHUNKS)
    if reader.left != count * _STRING.size:
        raise reader.malformed(f"it has {reader.left} bytes for {count} strings; expected {count * _STRING.size}")
    entries = [reader.unpack(_STRING) for _ in range(count)]
    header = Header(
        architecture=name.decode("ascii"),
        n=n,
        m=m,
        width=width,
        height=height,
        channels=channels,
        bit_depth=depth,
        padding=tuple(padding),
        bits_fingerprint=bits.hex(),
        synthesis_fingerprint=synthesis.hex(),
        chunk_size=(chunk_height, chunk_width),
        icc_profile=icc_profile,
        entropy_mode=reader.member(EntropyMode, mode),
        symbol_order=reader.member(SymbolOrder, order),
    )
    return header, entries
