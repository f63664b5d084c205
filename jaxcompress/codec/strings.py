"""Symbols to one string of a file and back, in the stream format that suits their number."""

import numpy as np

from jaxcompress import coder
from jaxcompress.codec.coded_string import CodedString, StreamFormat

LANES_FROM = 2**16
"""Symbols from which lanes save time that somebody may notice."""
PART_SYMBOLS = 2**17
"""Of a part of a stream of lanes, which a thread takes as a whole."""
PART_BYTES = 2304
"""Of a part of a stream of lanes, at least: lanes cost some 20 bytes a part, so this is 1 %."""


def encode_symbols(
    symbols: np.ndarray,
    indexes: np.ndarray,
    tables: coder.CdfTables,
    *,
    native: bool,
    threads: int,
    isa: str | None = None,
) -> CodedString:
    """Codes symbols whose tables are all known.

    Args:
        symbols: integers of any shape.
        indexes: of their tables, of the same shape.
        tables: of the coder.
        native: any format will do, not only CompressAI's.
        threads: how many may work at most.
        isa: of the loops of lanes, the fastest if not given.
    """
    if native and symbols.size >= LANES_FROM:
        parts = max(1, symbols.size // PART_SYMBOLS)
        data = coder.encode_lanes(symbols, indexes, tables, threads=threads, parts=parts, isa=isa)
        worthwhile = len(data) // PART_BYTES
        if 0 < worthwhile < parts:
            data = coder.encode_lanes(symbols, indexes, tables, threads=threads, parts=worthwhile, isa=isa)
        if worthwhile:
            return CodedString(data, StreamFormat.LANES)
    return CodedString(coder.encode(symbols, indexes, tables))


def decode_symbols(
    string: CodedString, indexes: np.ndarray, tables: coder.CdfTables, *, threads: int, isa: str | None = None
) -> np.ndarray:
    """Decodes symbols: the inverse of `encode_symbols`.

    Args:
        string: what it returned.
        indexes: what it was given.
        tables: what it was given.
        threads: how many may work at most.
        isa: as there.

    Returns:
        int32, of the shape of the indexes.

    Raises:
        StreamError: the string is damaged, or was not made with these tables and indexes.
    """
    if string.format == StreamFormat.LANES:
        return coder.decode_lanes(string.data, indexes, tables, threads=threads, isa=isa)
    return coder.decode(string.data, indexes, tables)
