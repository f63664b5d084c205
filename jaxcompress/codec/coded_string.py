"""How a string is coded: the stream format, the order of its symbols, and the arithmetic that chose their tables."""

import enum
from typing import NamedTuple


class EntropyMode(enum.IntEnum):
    """How scales and means are computed."""

    FLOAT = 0
    """By the floating-point networks; another device may fail to decode, and then raises."""
    INTEGER = 1
    """By integer networks, `docs/integer.md`; every device decodes it."""


class SymbolOrder(enum.IntEnum):
    """In which order the symbols of y are coded."""

    RASTER = 0
    """CompressAI's: channels, rows, columns; for autoregressive models rows, columns, channels."""
    WAVEFRONT = 1
    """Of autoregressive models: fronts of positions that do not see each other, rows, channels."""


class StreamFormat(enum.IntEnum):
    """How one string is coded."""

    RANS64 = 0
    """One 64-bit rANS state, CompressAI's format."""
    LANES = 1
    """Many interleaved 32-bit rANS states, `docs/lanes-format.md`."""


class CodedString(NamedTuple):
    """A string and how it is coded.

    Attributes:
        data: its bytes.
        format: see `StreamFormat`.
        checksum: CRC-32 of what integer networks make of z for it (nothing in other modes, and for z) and then of its
            bytes; or None where a container has none.
    """

    data: bytes | memoryview
    format: StreamFormat = StreamFormat.RANS64
    checksum: int | None = None
