"""The stream format of many lanes: several times faster, for symbols whose indexes are all known before."""

import operator
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _rans
from ._arrays import index_array, int32_array
from ._coding import Buffer, CdfTables, _bytes, _native

_LANES = (32, 64)
_MAX_PARTS = 128


def encode_lanes(
    symbols: ArrayLike,
    indexes: ArrayLike,
    tables: CdfTables,
    *,
    lanes: SupportsIndex = 32,
    threads: SupportsIndex = 1,
    parts: SupportsIndex | None = None,
    isa: str | None = None,
) -> bytes:
    """Encodes symbols, each with the table that its index names, in the format of many lanes.

    The stream is not CompressAI's; `decode_lanes` reads it. It is some 20 bytes longer than that of `encode` for
    32 lanes, some 40 for 64, for each part, and 0.1 % longer for long streams.

    Args:
        symbols: integers of any shape.
        indexes: integers of the same shape, 0 to ``len(tables) - 1``; uint8 is taken as it is.
        tables: the distributions.
        lanes: 32 or 64. 64 are faster on some processors.
        threads: how many threads may share the parts. The stream is the same for any number.
        parts: 1 to 128, into which the symbols are cut so that threads can share them here and in decoding.
            None for one part for each 131072 symbols.
        isa: for tests, one of ``instruction_sets("lanes")``; the fastest if None. The stream is the same for all.

    Returns:
        The stream.

    Raises:
        ValueError: other dtypes, different shapes, an index without a table, or a symbol too far (about 2^27)
            from its table's values, as NaN and infinity are when they are cast to int32; arguments other than
            above.

    Source: Duda 2013, arXiv:1311.2540, in lanes as in F. Giesen, "Interleaved entropy coders", 2014,
    arXiv:1402.3392; docs/lanes-format.md has the bytes.
    """
    symbols = int32_array("symbols", symbols)
    indexes = index_array("indexes", indexes)
    if symbols.shape != indexes.shape:
        raise ValueError(
            f"symbols has shape {symbols.shape} but indexes has shape {indexes.shape}; give one index per symbol"
        )
    lanes = operator.index(lanes)
    if lanes not in _LANES:
        raise ValueError(f"lanes is {lanes}, expected 32 or 64")
    if parts is not None:
        parts = operator.index(parts)
        if not 1 <= parts <= _MAX_PARTS:
            raise ValueError(f"parts is {parts}, expected 1 to {_MAX_PARTS}")
    return _rans.encode_lanes(
        symbols, indexes, _lane_tables(tables), lanes=lanes, parts=parts, threads=_thread_count(threads), isa=isa
    )


def decode_lanes(
    data: Buffer, indexes: ArrayLike, tables: CdfTables, *, threads: SupportsIndex = 1, isa: str | None = None
) -> NDArray[np.int32]:
    """Decodes a whole stream of `encode_lanes`.

    Args:
        data: the stream, bytes or anything like it.
        indexes: what `encode_lanes` was given.
        tables: what `encode_lanes` was given.
        threads: how many threads may share the parts of the stream.
        isa: as in `encode_lanes`.

    Returns:
        The symbols, int32 of the shape of `indexes`.

    Raises:
        StreamError: the stream is damaged, or was not made with these tables and indexes.
        ValueError: indexes of another dtype, or without a table; threads below 1; an `isa` that is not there.
    """
    indexes = index_array("indexes", indexes)
    return _rans.decode_lanes(_bytes(data), indexes, _lane_tables(tables), threads=_thread_count(threads), isa=isa)


def _lane_tables(tables: CdfTables) -> _rans.LaneTables:
    native = _native(tables)
    if tables._lanes is None:
        # Threads that come here at the same time make the same; the last stays.
        tables._lanes = _rans.LaneTables(native)
    return tables._lanes


def _thread_count(threads: SupportsIndex) -> int:
    count = operator.index(threads)
    if count < 1:
        raise ValueError(f"threads is {count}, expected at least 1")
    return count
