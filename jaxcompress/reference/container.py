"""The header of a `.jxc` file, its strings, and what a reader refuses before it decodes anything."""

import dataclasses
import math
import zlib
from typing import Any

from jaxcompress.reference.architectures import ARCHITECTURES, LATENT_STRIDE, Architecture
from jaxcompress.reference.byte_reader import ByteReader

MAGIC = b"\x8aJXC"
VERSIONS = (3, 4)
MAX_PIXELS = 2**29
MIN_CHUNK = 16
MAX_SETTINGS = 16

# Tags of the fields known here: twice their number, and 1 if a reader must understand them.
_SETTINGS, _ICC_PROFILE = 2 * 1 + 1, 2 * 2


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
    """A `.jxc` file, field by field."""

    version: int
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
    settings: dict[str, int]
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


def read_file(data: bytes) -> File:
    """Reads the fields of a file and checks them, all checksums but those that need the model included.

    Args:
        data: the bytes of a `.jxc` file.

    Raises:
        ValueError: they are no such file, or damaged.
    """
    if len(data) < 16 or data[:4] != MAGIC:
        raise ValueError(f"this is no .jxc file: it begins with {data[:4].hex(' ')}, expected {MAGIC.hex(' ')}")
    start = ByteReader(data[4:16])
    (version,) = start.fixed("H")
    _expect("version", version, VERSIONS)
    if version == 3:
        first = 10
        (end,) = start.fixed("I")
    else:
        length = start.number()
        first = 16 - start.left
        end = first + length
    if not first + 4 <= end <= len(data) - 4:
        raise ValueError(f"the header ends after {end} bytes, the file after {len(data)}: the file is damaged")
    _check_crc(data[:end], "the header")
    _check_crc(data, "the file")

    header = ByteReader(data[first : end - 4])
    fields, entries = (_read_version_3 if version == 3 else _read_version_4)(header)
    header.finish()
    body = ByteReader(data[end:-4])
    if body.left != sum(length for _, length, _ in entries):
        raise ValueError(f"the strings have {sum(length for _, length, _ in entries)} bytes; there are {body.left}")
    strings = tuple(String(stream_format, checksum, body.take(n)) for stream_format, n, checksum in entries)
    file = File(version=version, strings=strings, **fields)
    _check_values(file)
    return file


def _check_crc(data: bytes, what: str) -> None:
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise ValueError(f"the checksum of {what} is wrong: it is damaged")


_Entry = tuple[int, ...]
"""Stream format, length and checksum of a string."""


def _read_version_4(header: ByteReader) -> tuple[dict[str, Any], list[_Entry]]:
    (modes,) = header.fixed("B")
    if modes > 7:
        raise ValueError(f"the modes are {modes}; expected 0 to 7")
    fields: dict[str, Any] = {
        "entropy_mode": modes & 1,
        "symbol_order": modes >> 1 & 1,
        "channels": 1 if modes & 4 else 3,
        "bit_depth": 8,
        "name": header.name(),
        "n": header.number(below=2**16),
        "m": header.number(below=2**16),
        "width": header.number(),
        "height": header.number(),
        "padding": _share(header.number(below=2**16), header.number(below=2**16)),
        "chunk_height": header.number(below=2**16),
        "chunk_width": header.number(below=2**16),
        "bits_fingerprint": header.take(8).hex(),
        "synthesis_fingerprint": header.take(8).hex(),
        "icc_profile": b"",
        "settings": {},
    }
    entries = []
    for _ in range(header.number()):
        number = header.number()
        entries.append((number % 4, number // 4, *header.fixed("I")))

    last = -1
    while header.left:
        tag = header.number(below=2**16)
        content = header.take(header.number())
        if tag // 2 <= last:
            raise ValueError(f"field {tag // 2} comes after field {last}; expected rising numbers")
        last = tag // 2
        if last in (_SETTINGS // 2, _ICC_PROFILE // 2) and (tag not in (_SETTINGS, _ICC_PROFILE) or not content):
            raise ValueError(f"field {last} has the tag {tag} and {len(content)} bytes, which no writer gives it")
        if tag == _SETTINGS:
            fields["settings"] = _read_settings(ByteReader(content))
        elif tag == _ICC_PROFILE:
            fields["icc_profile"] = content
        elif tag % 2:
            raise ValueError(f"the file needs field {last}, which this decoder does not know")
    return fields, entries


def _read_settings(content: ByteReader) -> dict[str, int]:
    settings: dict[str, int] = {}
    while content.left:
        name = content.name()
        if name in settings or len(settings) == MAX_SETTINGS:
            raise ValueError(f"the setting {name!r} is there twice, or there are more than {MAX_SETTINGS}")
        settings[name] = content.number()
    return settings


def _read_version_3(header: ByteReader) -> tuple[dict[str, Any], list[_Entry]]:
    fields: dict[str, Any] = {"settings": {}}
    fields["entropy_mode"], fields["symbol_order"], length = header.fixed("BBB")
    fields["name"] = header.take(length).decode("ascii", errors="replace")
    fields["n"], fields["m"] = header.fixed("HH")
    fields["width"], fields["height"] = header.fixed("II")
    fields["channels"], fields["bit_depth"] = header.fixed("BB")
    fields["padding"] = Padding(*header.fixed("HHHH"))
    fields["bits_fingerprint"], fields["synthesis_fingerprint"] = header.take(8).hex(), header.take(8).hex()
    fields["icc_profile"] = header.take(*header.fixed("I"))
    fields["chunk_height"], fields["chunk_width"], count = header.fixed("HHI")
    return fields, [header.fixed("BII") for _ in range(count)]


def _check_values(file: File) -> None:
    if file.name not in ARCHITECTURES:
        raise ValueError(f"the architecture is {file.name!r}; expected one of {', '.join(ARCHITECTURES)}")
    model = file.architecture
    _expect("entropy mode", file.entropy_mode, (0, 1) if model.has_hyperprior else (0,))
    _expect("symbol order", file.symbol_order, (0, 1) if model.is_autoregressive else (0,))
    if file.settings.keys() != model.settings.keys():
        raise ValueError(f"the file has the settings {file.settings}; expected {', '.join(model.settings) or 'none'}")
    for name, number in file.settings.items():
        if number >= model.settings[name].count:
            raise ValueError(f"the {name} is {number}; expected 0 to {model.settings[name].count - 1}")
    _expect("number of channels", file.channels, (1, 3))
    _expect("bit depth", file.bit_depth, (8,))
    for field in ("n", "m", "width", "height", "chunk_height", "chunk_width"):
        if getattr(file, field) == 0:
            raise ValueError(f"the {field.replace('_', ' ')} is 0")

    expected = _share(-file.height % model.stride, -file.width % model.stride)
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
        _expect("stream format", string.stream_format, (0, 1) if model.in_one_pass or i == 0 else (0,))


def _expect(what: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"the {what} is {value}; expected {' or '.join(map(str, allowed))}")


def _share(rows: int, columns: int) -> Padding:
    """So many rows and columns of zeros, shared evenly between both sides."""
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
