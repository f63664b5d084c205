"""The header of a `.jxc` file, its strings, and what a reader refuses before it decodes anything."""

import dataclasses
import math
import struct
import zlib

from jaxcompress.reference.architectures import ARCHITECTURES, LATENT_STRIDE, Architecture

MAGIC = b"\x8aJXC"
VERSION = 3
MAX_PIXELS = 2**29
MIN_CHUNK = 16


@dataclasses.dataclass(frozen=True)
class Padding:
    """Rows and columns of zeros around the picture."""

    top: int
    bottom: int
    left: int
    right: int


@dataclasses.dataclass(frozen=True)
class String:
    """A stream of symbols: its format (0: rANS, 1: lanes), checksum and bytes."""

    stream_format: int
    checksum: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class File:
    """A `.jxc` file, field by field, in the order of the file."""

    entropy_mode: int
    symbol_order: int
    name: str
    n: int
    m: int
    width: int
    height: int
    channels: int
    bit_depth: int
    padding: Padding
    bits_fingerprint: str
    synthesis_fingerprint: str
    icc_profile: bytes
    chunk_height: int
    chunk_width: int
    strings: tuple[String, ...]

    @property
    def architecture(self) -> Architecture:
        """What its name stands for."""
        return ARCHITECTURES[self.name]

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Height and width of y."""
        padding = self.padding
        height = padding.top + self.height + padding.bottom
        width = padding.left + self.width + padding.right
        return height // LATENT_STRIDE, width // LATENT_STRIDE

    @property
    def chunks(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the rectangles of y, each a string, in their order."""
        height, width = self.latent_shape
        return [
            (slice(top, min(top + self.chunk_height, height)), slice(left, min(left + self.chunk_width, width)))
            for top in range(0, height, self.chunk_height)
            for left in range(0, width, self.chunk_width)
        ]


class _Reader:
    """Takes fields off the front of a header."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise ValueError(f"the header ends after {len(self._data)} bytes, in the middle of a field")
        return self._data[self._at - count : self._at]

    def numbers(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))

    def number(self, layout: str) -> int:
        return self.numbers(layout)[0]

    def finish(self) -> None:
        if self._at != len(self._data):
            raise ValueError(f"the header has {len(self._data) - self._at} bytes after its last field")


def read_file(data: bytes) -> File:
    """Reads the fields of a file and checks them, all checksums but those that need the model included.

    Args:
        data: the bytes of a `.jxc` file.

    Raises:
        ValueError: they are no such file, or damaged.
    """
    if len(data) < 10 or data[:4] != MAGIC:
        raise ValueError(f"this is no .jxc file: it begins with {data[:4].hex(' ')}, expected {MAGIC.hex(' ')}")
    version, header_length = struct.unpack("<HI", data[4:10])
    if version != VERSION:
        raise ValueError(f"the file has version {version}; expected {VERSION}")
    if not 14 <= header_length <= len(data) - 4:
        raise ValueError(f"the header has {header_length} bytes, the file {len(data)}: the file is damaged")
    _check_crc(data[:header_length], "the header")
    _check_crc(data, "the file")
    file = _read_fields(data[10 : header_length - 4], data[header_length:-4])
    _check_values(file)
    return file


def _check_crc(data: bytes, what: str) -> None:
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise ValueError(f"the checksum of {what} is wrong: it is damaged")


def _read_fields(header: bytes, body: bytes) -> File:
    fields = _Reader(header)
    entropy_mode, symbol_order = fields.numbers("BB")
    name = fields.take(fields.number("B")).decode("ascii", errors="replace")
    n, m = fields.numbers("HH")
    width, height = fields.numbers("II")
    channels, bit_depth = fields.numbers("BB")
    padding = Padding(*fields.numbers("HHHH"))
    bits, synthesis = fields.take(8).hex(), fields.take(8).hex()
    icc_profile = fields.take(fields.number("I"))
    chunk_height, chunk_width = fields.numbers("HH")
    entries = [fields.numbers("BII") for _ in range(fields.number("I"))]
    fields.finish()

    strings: list[String] = []
    at = 0
    for stream_format, length, checksum in entries:
        strings.append(String(stream_format, checksum, body[at : at + length]))
        at += length
    if at != len(body):
        raise ValueError(f"the strings have {at} bytes by the header; there are {len(body)}")
    return File(
        entropy_mode, symbol_order, name, n, m, width, height, channels, bit_depth, padding, bits, synthesis,
        icc_profile, chunk_height, chunk_width, tuple(strings),
    )  # fmt: skip


def _check_values(file: File) -> None:
    if file.name not in ARCHITECTURES:
        raise ValueError(f"the architecture is {file.name!r}; expected one of {', '.join(ARCHITECTURES)}")
    model = file.architecture
    _expect("entropy mode", file.entropy_mode, (0, 1) if model.has_hyperprior else (0,))
    _expect("symbol order", file.symbol_order, (0, 1) if model.is_autoregressive else (0,))
    _expect("number of channels", file.channels, (1, 3))
    _expect("bit depth", file.bit_depth, (8,))
    for field in ("n", "m", "width", "height", "chunk_height", "chunk_width"):
        if getattr(file, field) == 0:
            raise ValueError(f"the {field.replace('_', ' ')} is 0")

    expected = _padding(file.height, file.width, model.stride)
    if file.padding != expected:
        raise ValueError(f"the padding is {file.padding}; the picture and the model ask for {expected}")
    pixels = math.prod(file.latent_shape) * LATENT_STRIDE**2
    if pixels > MAX_PIXELS:
        raise ValueError(f"the picture has {pixels} pixels, padding included; at most {MAX_PIXELS} are decoded")

    for side, chunk in zip(file.latent_shape, (file.chunk_height, file.chunk_width), strict=True):
        if chunk < min(side, MIN_CHUNK):
            raise ValueError(f"chunks are {chunk} latents along a side of {side}; expected at least {MIN_CHUNK}")
    _expect("number of strings", len(file.strings), (model.has_hyperprior + len(file.chunks),))
    for i, string in enumerate(file.strings):
        _expect("stream format", string.stream_format, (0,) if model.is_autoregressive and i > 0 else (0, 1))


def _expect(what: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"the {what} is {value}; expected {' or '.join(map(str, allowed))}")


def _padding(height: int, width: int, stride: int) -> Padding:
    rows, columns = -height % stride, -width % stride
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
