"""The `.jxc` container: what its bytes are. `docs/jxc-format.md` writes them out; the two must agree.

Everything that decides the picture is in the file: sizes, padding, which model and (by fingerprint) which weights,
how the strings were coded. The header and every string have a CRC-32, so that a part can be read alone, and one of all
bytes closes the file. Reading checks every field before anything is allocated.
No JAX here: `jaxcompress info` needs none.
"""

import dataclasses
import mmap
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from jaxcompress.codec.coded_string import CodedString, EntropyMode, StreamFormat, SymbolOrder
from jaxcompress.codec.errors import BitstreamError

MAGIC = b"\x8aJXC"
VERSION = 3
MAX_PIXELS = 2**29
MIN_CHUNK = 16
"""Latents along a side of a chunk, at least, unless y has fewer: each chunk costs a run of networks."""

_START = struct.Struct("<4sHI")  # magic, version, header length
_CODING = struct.Struct("<BBB")  # entropy mode, symbol order, length of the architecture's name
# n m, width height, channels depth, padding, fingerprints, ICC length
_FIXED = struct.Struct("<HH II BB HHHH 8s8s I")
_CHUNKS = struct.Struct("<HHI")  # chunk height and width in latents, number of strings
_STRING = struct.Struct("<BII")  # stream format, length, checksum
_CRC = struct.Struct("<I")


@dataclasses.dataclass(frozen=True)
class Header:
    """All fields of a `.jxc` file but its strings.

    Attributes:
        architecture: model name, ASCII, up to 255 characters.
        n: width of the transforms.
        m: channels of y.
        width: of the picture, in pixels, before padding.
        height: likewise.
        channels: 3 for colour, 1 for grey.
        bit_depth: of a sample; 8.
        padding: zeros added (top, bottom, left, right), in pixels.
        bits_fingerprint: 16 hex digits, see `Weights.bits_fingerprint`.
        synthesis_fingerprint: 16 hex digits, see `Weights.synthesis_fingerprint`.
        chunk_size: (height, width) of a chunk of y, in latents.
        icc_profile: colour profile of the picture, or nothing.
        entropy_mode: see `EntropyMode`.
        symbol_order: see `SymbolOrder`.
    """

    architecture: str
    n: int
    m: int
    width: int
    height: int
    channels: int
    bit_depth: int
    padding: tuple[int, int, int, int]
    bits_fingerprint: str
    synthesis_fingerprint: str
    chunk_size: tuple[int, int]
    icc_profile: bytes = b""
    entropy_mode: EntropyMode = EntropyMode.FLOAT
    symbol_order: SymbolOrder = SymbolOrder.RASTER

    @property
    def padded_height(self) -> int:
        """Rows of the padded picture."""
        return self.height + self.padding[0] + self.padding[1]

    @property
    def padded_width(self) -> int:
        """Columns of the padded picture."""
        return self.width + self.padding[2] + self.padding[3]


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
        The bytes of the file.

    Raises:
        ValueError: a value does not fit its field (a side of 2**32 pixels, a string of 4 GiB).
    """
    name = header.architecture.encode("ascii")
    try:
        body = _CODING.pack(header.entropy_mode, header.symbol_order, len(name)) + name
        body += _FIXED.pack(
            header.n,
            header.m,
            header.width,
            header.height,
            header.channels,
            header.bit_depth,
            *header.padding,
            bytes.fromhex(header.bits_fingerprint),
            bytes.fromhex(header.synthesis_fingerprint),
            len(header.icc_profile),
        )
        body += header.icc_profile + _CHUNKS.pack(*header.chunk_size, len(strings))
        body += b"".join(_STRING.pack(string.format, len(string.data), string.checksum) for string in strings)
        head = _START.pack(MAGIC, VERSION, _START.size + len(body) + _CRC.size) + body
        data = b"".join([head, _CRC.pack(zlib.crc32(head)), *(string.data for string in strings)])
    except struct.error as error:
        raise ValueError(f"a field of the container overflows: {error}; header {header}") from error
    return data + _CRC.pack(zlib.crc32(data))


def header_bytes(data: bytes) -> int:
    """How many bytes of a file are not strings: the header and the two checksums.

    Args:
        data: a file that `pack` wrote, which is not checked.
    """
    return _START.unpack_from(data)[2] + _CRC.size


def unpack(data: bytes | mmap.mmap, *, max_pixels: int = MAX_PIXELS, in_part: bool = False) -> JxcFile:
    """Reads a file, and checks all that can be checked without the weights.

    Args:
        data: the whole file.
        max_pixels: refuse pictures of more pixels (padding included).
        in_part: some of the strings are all that will be read. Then only the header is read and checked here, and each
            string by its own checksum when it is decoded.

    Returns:
        Header and strings, which `Codec.decompress` takes as well.

    Raises:
        BitstreamError: it is no `.jxc` file, of a newer version, damaged, or too large.
    """
    if data[:4] != MAGIC:
        raise BitstreamError(f"not a .jxc file: it starts with {data[:4].hex() or 'nothing'}, not {MAGIC.hex()}")
    if len(data) < _START.size + _CRC.size:
        raise BitstreamError(f"the file is cut off: {len(data)} bytes are shorter than any .jxc file")
    _, version, header_length = _START.unpack_from(data)
    if version != VERSION:
        then = "update it" if version > VERSION else "code the picture again"
        raise BitstreamError(f"the file has .jxc version {version}, this program reads version {VERSION}: {then}")
    view = memoryview(data)
    fits = _START.size + _CRC.size <= header_length <= len(data)
    if not fits or not _has_checksum(view[:header_length]) or not (in_part or _has_checksum(view)):
        raise BitstreamError("the file is damaged or cut off: a CRC-32 does not match its content")
    # From here on the file is as somebody wrote it, which is no reason to trust it.
    try:
        header, entries = _unpack_header(bytes(data[: header_length - _CRC.size]))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise BitstreamError(f"the file's header is malformed: {error}") from error
    _check(header, len(entries), max_pixels)
    total = sum(length for _, length, _ in entries)
    if header_length + total + _CRC.size != len(data):
        raise BitstreamError(
            f"the file's strings should take {total} bytes; {len(data) - header_length - _CRC.size} are there"
        )
    strings, start, source = [], header_length, memoryview(data) if in_part else data
    for stream_format, length, checksum in entries:
        strings.append(CodedString(source[start : start + length], stream_format, checksum))
        start += length
    return JxcFile(header, strings)


def _has_checksum(data: memoryview) -> bool:
    """Whether data ends with the CRC-32 of the bytes before."""
    return zlib.crc32(data[: -_CRC.size]) == _CRC.unpack_from(data, len(data) - _CRC.size)[0]


def _unpack_header(data: bytes) -> tuple[Header, list[tuple[StreamFormat, int, int]]]:
    position = _START.size
    mode, order, name_length = _CODING.unpack_from(data, position)
    position += _CODING.size
    architecture = data[position : position + name_length].decode("ascii")
    position += name_length
    fields = _FIXED.unpack_from(data, position)
    n, m, width, height, channels, depth, *padding, bits, synthesis, icc_length = fields
    position += _FIXED.size
    icc_profile = data[position : position + icc_length]
    position += icc_length
    chunk_height, chunk_width, count = _CHUNKS.unpack_from(data, position)
    position += _CHUNKS.size
    if position + count * _STRING.size != len(data):
        raise BitstreamError(
            f"the file's header has {len(data)} bytes, its fields take {position + count * _STRING.size}"
        )
    strings = [_STRING.unpack_from(data, position + i * _STRING.size) for i in range(count)]
    try:
        mode, order = EntropyMode(mode), SymbolOrder(order)
        entries = [(StreamFormat(stream_format), length, checksum) for stream_format, length, checksum in strings]
    except ValueError as error:
        raise BitstreamError(
            f"the file was coded in a way that this program does not know ({error}): update it"
        ) from error
    header = Header(
        architecture,
        n,
        m,
        width,
        height,
        channels,
        depth,
        tuple(padding),
        bits.hex(),
        synthesis.hex(),
        (chunk_height, chunk_width),
        icc_profile,
        mode,
        order,
    )
    return header, entries


def _check(header: Header, strings: int, max_pixels: int) -> None:
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
    sides = [-(-side // 16) for side in (header.padded_height, header.padded_width)]
    height, width = header.chunk_size
    if height < min(sides[0], MIN_CHUNK) or width < min(sides[1], MIN_CHUNK):
        raise BitstreamError(
            f"the file's chunks are {height} x {width} latents; expected at least {MIN_CHUNK} each way"
        )
    chunks = -(-sides[0] // height) * -(-sides[1] // width)
    if strings not in (chunks, chunks + 1):  # with z, where there is one
        raise BitstreamError(f"there are {strings} strings, where the picture has {chunks} chunks")
