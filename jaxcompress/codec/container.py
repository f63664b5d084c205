"""The `.jxc` container: what its bytes are. `docs/jxc-format.md` writes them out; the two must agree.

Everything that decides the picture is in the file: sizes, padding, which model, with which settings and (by
fingerprint) which weights, how the strings were coded. The header and every string have a CRC-32, so that a part can be
read alone, and one of all bytes closes the file. Reading checks every field before anything is allocated. What only the
model knows, such as the number of chunks, is checked by the codec.
No JAX here: `jaxcompress info` needs none.
"""

import mmap
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from jaxcompress.codec import version_3
from jaxcompress.codec.byte_reader import ByteReader, pack_number, pack_text
from jaxcompress.codec.coded_string import CodedString, EntropyMode, StreamFormat, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.fields import pack_fields, unpack_fields
from jaxcompress.codec.header import Header

__all__ = ["MAGIC", "MAX_PIXELS", "VERSION", "Header", "pack", "unpack", "version_of"]

MAGIC = b"\x8aJXC"
VERSION = 4
MAX_PIXELS = 2**29

_START = struct.Struct("<4sH")  # magic, version
_FINGERPRINTS = struct.Struct("<8s8s")
_CRC = struct.Struct("<I")

_SHORTEST = 16  # bytes; no file is shorter
_SIZE_LIMIT = 2**16  # of N, M, the padding, and a chunk
_INTEGER, _WAVEFRONT, _GREY = 1, 2, 4  # bits of the byte that says how the picture was coded
_FORMATS = 4  # stream formats that fit in front of a string's length


class JxcFile(NamedTuple):
    """A file that was read.

    Attributes:
        header: all fields but the strings.
        strings: z (if the model has one), then the chunks of y in raster order.
    """

    header: Header
    strings: list[CodedString]


def pack(header: Header, strings: Sequence[CodedString]) -> bytes:
    """Writes a file.

    Args:
        header: its fields.
        strings: z (if the model has one), then the chunks of y in raster order, with their checksums.

    Returns:
        The bytes of the file, of version 4.

    Raises:
        ValueError: a value does not fit its field (a side of 2**32 pixels, a string of 1 GiB), or the file has no
            place for it (16 bits, padding that is not shared evenly).
    """
    head, body = _START.pack(MAGIC, VERSION), _pack_header(header)
    body += pack_number(len(strings))
    for string in strings:
        body += pack_number(_FORMATS * len(string.data) + string.format) + _pack_checksum(string)
    body += pack_fields(header)
    head += pack_number(len(body) + _CRC.size) + body
    data = b"".join([head, _CRC.pack(zlib.crc32(head)), *(string.data for string in strings)])
    return data + _CRC.pack(zlib.crc32(data))


def header_bytes(data: bytes) -> int:
    """How many bytes of a file are not strings: the header and the two checksums.

    Args:
        data: a file that `pack` wrote, which is not checked.
    """
    return _header_ends(data, version_of(data))[1] + _CRC.size


def unpack(data: bytes | mmap.mmap, *, max_pixels: int = MAX_PIXELS, in_part: bool = False) -> JxcFile:
    """Reads a file, and checks all that can be checked without the weights.

    Args:
        data: the whole file, of version 3 or 4.
        max_pixels: refuse pictures of more pixels (padding included).
        in_part: some of the strings are all that will be read. Then only the header is read and checked here, and each
            string by its own checksum when it is decoded.

    Returns:
        Header and strings, which `Codec.decompress` takes as well.

    Raises:
        BitstreamError: it is no `.jxc` file, of a newer version, damaged, or too large.
    """
    version = version_of(data)
    reader = _header_reader(data, version)
    if not in_part and not _has_checksum(memoryview(data)):
        raise _damaged()
    # From here on the file is as somebody wrote it, which is no reason to trust it.
    header, entries = version_3.unpack_header(reader) if version == version_3.VERSION else _unpack_header(reader)
    _check(header, max_pixels)
    start, source = reader.position + _CRC.size, memoryview(data) if in_part else data
    total = sum(length for _, length, _ in entries)
    if start + total + _CRC.size != len(data):
        raise BitstreamError(f"the file's strings should take {total} bytes; {len(data) - start - _CRC.size} are there")
    strings = []
    for stream_format, length, checksum in entries:
        known = reader.member(StreamFormat, stream_format)
        strings.append(CodedString(source[start : start + length], known, checksum))
        start += length
    return JxcFile(header, strings)


def version_of(data: bytes | mmap.mmap) -> int:
    """The version of the format that a file is written in.

    Args:
        data: the whole file, or its first bytes.

    Raises:
        BitstreamError: it is no `.jxc` file, or of a version that is not read here.
    """
    if data[:4] != MAGIC:
        raise BitstreamError(f"not a .jxc file: it starts with {data[:4].hex() or 'nothing'}, not {MAGIC.hex()}")
    if len(data) < _START.size:
        raise BitstreamError(f"the file is cut off: {len(data)} bytes are shorter than any .jxc file")
    version = _START.unpack_from(data)[1]
    if not version_3.VERSION <= version <= VERSION:
        then = "update it" if version > VERSION else "code the picture again"
        raise BitstreamError(
            f"the file has .jxc version {version}, this program reads versions {version_3.VERSION} to {VERSION}: {then}"
        )
    return version


def _header_reader(data: bytes | mmap.mmap, version: int) -> ByteReader:
    """A reader at the first field after the header's length, of a header whose checksum is right."""
    if len(data) < _SHORTEST:
        raise BitstreamError(f"the file is cut off: {len(data)} bytes are shorter than any .jxc file")
    start, end = _header_ends(data, version)
    if not start + _CRC.size <= end <= len(data) - _CRC.size or not _has_checksum(memoryview(data)[:end]):
        raise _damaged()
    header = ByteReader(data[: end - _CRC.size])
    header.take(start)
    return header


def _header_ends(data: bytes | mmap.mmap, version: int) -> tuple[int, int]:
    """Where the first field after the header's length begins, and where the header ends with its checksum."""
    reader = ByteReader(data[:_SHORTEST])
    reader.take(_START.size)
    if version == version_3.VERSION:
        (end,) = reader.unpack(version_3.HEADER_LENGTH)
        return reader.position, end
    length = reader.number()
    return reader.position, reader.position + length


def _has_checksum(data: memoryview) -> bool:
    """Whether data ends with the CRC-32 of the bytes before."""
    return zlib.crc32(data[: -_CRC.size]) == _CRC.unpack_from(data, len(data) - _CRC.size)[0]


def _damaged() -> BitstreamError:
    return BitstreamError("the file is damaged or cut off: a CRC-32 does not match its content")


def _pack_checksum(string: CodedString) -> bytes:
    if string.checksum is None:
        raise ValueError("a string has no checksum; expected the CRC-32 that docs/jxc-format.md describes")
    return _CRC.pack(string.checksum)


def _pack_header(header: Header) -> bytes:
    """The fields from the header's length to the number of strings."""
    top, bottom, left, right = header.padding
    if header.channels not in (1, 3) or header.bit_depth != 8 or header.padding != _shared(top + bottom, left + right):
        raise ValueError(
            f"the container holds 1 or 3 channels of 8 bits and padding that is shared evenly; got {header}"
        )
    modes = _INTEGER * header.entropy_mode + _WAVEFRONT * header.symbol_order + _GREY * (header.channels == 1)
    return b"".join(
        [
            bytes([modes]),
            pack_text(header.architecture),
            *(pack_number(size, below=_SIZE_LIMIT) for size in (header.n, header.m)),
            *(pack_number(size) for size in (header.width, header.height)),
            *(pack_number(size, below=_SIZE_LIMIT) for size in (top + bottom, left + right, *header.chunk_size)),
            bytes.fromhex(header.bits_fingerprint + header.synthesis_fingerprint),
        ]
    )


def _unpack_header(reader: ByteReader) -> tuple[Header, list[tuple[int, int, int]]]:
    """All fields after the header's length; and stream format, length and checksum of each string."""
    modes = reader.take(1)[0]
    if modes > _INTEGER | _WAVEFRONT | _GREY:
        raise BitstreamError(f"the file was coded in a way that this program does not know (modes {modes}): update it")
    architecture = reader.text()
    n, m = (reader.number(below=_SIZE_LIMIT) for _ in range(2))
    width, height = (reader.number() for _ in range(2))
    rows, columns, chunk_height, chunk_width = (reader.number(below=_SIZE_LIMIT) for _ in range(4))
    bits, synthesis = reader.unpack(_FINGERPRINTS)
    entries = []
    for _ in range(reader.number()):
        length, stream_format = divmod(reader.number(), _FORMATS)
        entries.append((stream_format, length, *reader.unpack(_CRC)))
    fields = unpack_fields(reader)
    header = Header(
        architecture=architecture,
        n=n,
        m=m,
        width=width,
        height=height,
        channels=1 if modes & _GREY else 3,
        bit_depth=8,
        padding=_shared(rows, columns),
        bits_fingerprint=bits.hex(),
        synthesis_fingerprint=synthesis.hex(),
        chunk_size=(chunk_height, chunk_width),
        entropy_mode=EntropyMode.INTEGER if modes & _INTEGER else EntropyMode.FLOAT,
        symbol_order=SymbolOrder.WAVEFRONT if modes & _WAVEFRONT else SymbolOrder.RASTER,
        **fields,
    )
    return header, entries


def _shared(rows: int, columns: int) -> tuple[int, int, int, int]:
    """Padding of so many rows and columns in all."""
    return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2


def _check(header: Header, max_pixels: int) -> None:
    if not header.width or not header.height:
        raise BitstreamError(f"the file says its picture is {header.width} x {header.height} pixels")
    if header.padded_width * header.padded_height > max_pixels:
        raise BitstreamError(
            f"the picture has {header.width} x {header.height} pixels, with padding {header.padded_width} x "
            f"{header.padded_height}, more than the limit of {max_pixels}; pass max_pixels (--max-pixels) to decode it "
            f"all the same"
        )
    if header.channels not in (1, 3) or header.bit_depth != 8:
        raise BitstreamError(
            f"the file has {header.channels} channels of {header.bit_depth} bits; this program reads 1 or 3 of 8"
        )
    if not (header.n and header.m and all(header.chunk_size)):
        height, width = header.chunk_size
        raise BitstreamError(
            f"the file's model has the sizes N {header.n} and M {header.m}, its chunks are {height} x {width} latents; "
            f"expected at least 1 of each"
        )
