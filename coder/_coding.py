"""Tables, encoding and decoding; the conventions are in the docstring of the package."""

import os
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _rans
from ._arrays import float32_array, index_array, int32_array

# What the annotations say for objects with the buffer protocol (collections.abc.Buffer is in Python 3.12).
Buffer = bytes | bytearray | memoryview


class CdfTables:
    """A set of distributions, checked and prepared for coding once.

    Row r codes the values ``offsets[r] + s`` for the symbols s = 0 to ``lengths[r] - 3``, with probability
    ``(cdf[r, s + 1] - cdf[r, s]) / 65536``. Its last symbol, ``lengths[r] - 2``, is the escape: any other
    value up to about 2^27 away is coded as the escape and up to 8 nibbles.

    ``len(tables)`` is the number of rows R. The object does not change and threads may share it.
    """

    __slots__ = ("_lanes", "_native")

    def __init__(self, cdf: ArrayLike, lengths: ArrayLike, offsets: ArrayLike):
        """Checks and prepares tables.

        Args:
            cdf: [R, W] integers, one distribution a row, from 0 to 65536 strictly increasing, padded on the
                right with anything. `pmf_to_cdf` makes rows.
            lengths: [R] integers, 3 to W: the entries of each row that count, from the 0 to the 65536.
            offsets: [R] integers, -2^30 to 2^30: the value of each row's first symbol.

        Raises:
            ValueError: arguments that are not as above; the message names the entry.
        """
        arrays = []
        for name, values, ndim in (("cdf", cdf, 2), ("lengths", lengths, 1), ("offsets", offsets, 1)):
            array = int32_array(name, values)
            if array.ndim != ndim:
                raise ValueError(f"{name} has shape {array.shape}, expected {ndim} dimensions")
            arrays.append(array)
        self._native = _rans.CdfTables(*arrays)
        self._lanes: _rans.LaneTables | None = None

    def __len__(self) -> int:
        """The number of tables R."""
        return len(self._native)


def encode(symbols: ArrayLike, indexes: ArrayLike, tables: CdfTables) -> bytes:
    """Encodes symbols, each with the table that its index names.

    Args:
        symbols: integers of any shape.
        indexes: integers of the same shape, 0 to ``len(tables) - 1``; uint8 is taken as it is.
        tables: the distributions.

    Returns:
        The stream, a multiple of 4 and at least 8 bytes.

    Raises:
        ValueError: other dtypes, different shapes, an index without a table, or a symbol too far (about
            2^27) from its table's values, as NaN and infinity are when they are cast to int32.

    Source: Duda 2013, arXiv:1311.2540. CompressAI: ``RansEncoder.encode_with_indexes``.
    """
    return _rans.encode(symbols, indexes, _native(tables))


def decode(data: Buffer, indexes: ArrayLike, tables: CdfTables) -> NDArray[np.int32]:
    """Decodes a whole stream.

    Args:
        data: the stream, bytes or anything like it.
        indexes: what `encode` was given.
        tables: what `encode` was given.

    Returns:
        The symbols, int32 of the shape of `indexes`.

    Raises:
        StreamError: the stream is damaged, or was not made with these tables and indexes.
        ValueError: indexes of another dtype, or without a table.

    CompressAI: ``RansDecoder.decode_with_indexes``.
    """
    decoder = Decoder(data, tables)
    symbols = decoder.decode(indexes)
    decoder.finish()
    return symbols


def encode_batch(
    symbols: Sequence[ArrayLike], indexes: Sequence[ArrayLike], tables: CdfTables, *, threads: int | None = None
) -> list[bytes]:
    """Encodes several pictures, each into a stream of its own; the bytes are those of `encode`.

    It is faster than one call for each, even with one thread: the processor codes several streams in the time that
    one would leave it waiting.

    Args:
        symbols: for each picture, integers of any shape.
        indexes: for each picture, the indexes of its symbols, as in `encode`.
        tables: the distributions.
        threads: how many pictures may be coded by threads of their own; None for one for each CPU that this process
            may use.

    Returns:
        The streams.

    Raises:
        ValueError: what `encode` refuses, of the first picture that has it, which the message names; unequal numbers
            of pictures; threads below 1.
    """
    symbol_arrays = [int32_array(f"picture {i}: symbols", values) for i, values in enumerate(symbols)]
    arrays = _index_arrays(indexes)
    if len(symbol_arrays) != len(arrays):
        raise ValueError(f"there are symbols of {len(symbol_arrays)} pictures but indexes of {len(arrays)}")
    return _rans.encode_batch(symbol_arrays, arrays, _native(tables), _thread_count(threads))


def decode_batch(
    streams: Sequence[Buffer], indexes: Sequence[ArrayLike], tables: CdfTables, *, threads: int | None = None
) -> list[NDArray[np.int32]]:
    """Decodes the streams of several pictures, as `decode` does one, but faster, as `encode_batch` is.

    Args:
        streams: for each picture, the stream, bytes or anything like it.
        indexes: for each picture, what its symbols were encoded with.
        tables: what they were encoded with.
        threads: as in `encode_batch`.

    Returns:
        The symbols of each picture, int32 of the shape of its indexes: parts of one block of memory, which lives as
        long as any of them.

    Raises:
        StreamError: what `decode` raises, of the first picture that has it, which the message names.
        ValueError: likewise; unequal numbers of pictures; threads below 1.
    """
    data = [_bytes(stream, f"picture {i}: data") for i, stream in enumerate(streams)]
    arrays = _index_arrays(indexes)
    if len(data) != len(arrays):
        raise ValueError(f"there are {len(data)} streams but indexes of {len(arrays)} pictures")
    return _rans.decode_batch(data, arrays, _native(tables), _thread_count(threads))


class Encoder:
    """Encodes a stream group by group, for models that find their symbols group by group.

    Call `encode` for each group in the order of decoding, then `finish`. The stream is that of one `encode` of all
    groups, which may be decoded in other groups.

    CompressAI: ``BufferedRansEncoder``.
    """

    __slots__ = ("_native",)

    def __init__(self, tables: CdfTables):
        """Begins a stream.

        Args:
            tables: the distributions.
        """
        self._native = _rans.Encoder(_native(tables))

    def encode(self, symbols: ArrayLike, indexes: ArrayLike) -> None:
        """Takes the next symbols.

        A call that raises leaves the encoder as it was.

        Args:
            symbols: integers of any shape.
            indexes: integers of the same shape, 0 to ``len(tables) - 1``; uint8 is taken as it is.

        Raises:
            ValueError: as the function `encode`; positions in messages count from the start of the group.
        """
        self._native.encode(symbols, indexes)

    def finish(self) -> bytes:
        """The stream of all groups so far. More may follow, for a longer stream."""
        return self._native.finish()


class Decoder:
    """Decodes a stream group by group, for models whose indexes depend on what is decoded so far.

    Call `decode` for each group in the order of encoding, then `finish`.

    CompressAI: ``RansDecoder.set_stream`` and ``decode_stream``.
    """

    __slots__ = ("_native",)

    def __init__(self, data: Buffer, tables: CdfTables):
        """Begins to decode a stream.

        Args:
            data: the stream, bytes or anything like it, copied unless it is bytes.
            tables: what `encode` was given.

        Raises:
            StreamError: the stream cannot be one by its size or its first 8 bytes.
        """
        self._native = _rans.Decoder(_bytes(data), _native(tables))

    def decode(self, indexes: ArrayLike) -> NDArray[np.int32]:
        """Decodes the next symbols, one for each index.

        A call that raises leaves the decoder where it was.

        Args:
            indexes: integers of any shape, 0 to ``len(tables) - 1``; uint8 is taken as it is.

        Returns:
            The symbols, int32 of the shape of `indexes`.

        Raises:
            StreamError: the stream ends too early or holds what no encoder writes.
            ValueError: indexes of another dtype, or without a table.
        """
        return self._native.decode(indexes)

    def finish(self) -> None:
        """Checks that the stream ends with the last symbol decoded.

        Raises:
            StreamError: something is left of the stream, or the coder is not where encoding began.
        """
        self._native.finish()


def pmf_to_cdf(pmf: ArrayLike, *, precision: SupportsIndex = 16) -> NDArray[np.int32]:
    """Quantizes a probability mass function so that every symbol can be coded.

    Args:
        pmf: [n] real numbers, at least 0, with a sum of about 1 (they are normalised after a first rounding
            to 2^-precision); n is 1 to 2^precision. Taken as float32.
        precision: 1 to 16. `CdfTables` needs 16.

    Returns:
        int32 [n + 1], strictly increasing from 0 to 2^precision.

    Raises:
        ValueError: values that are negative, not finite, all (close to) 0, or with a sum of
            2^(32 - precision) or more; more symbols than 2^precision; another dtype, shape or precision.

    CompressAI: ``pmf_to_quantized_cdf``.
    """
    array = float32_array("pmf", pmf)
    if array.ndim != 1:
        raise ValueError(f"pmf has shape {array.shape}, expected 1 dimension")
    return _rans.pmf_to_cdf(array, precision)


def _native(tables: CdfTables) -> _rans.CdfTables:
    if not isinstance(tables, CdfTables):
        raise TypeError(f"tables is {type(tables).__name__}, expected CdfTables; make it from cdf, lengths, offsets")
    return tables._native


def _bytes(data: Buffer, name: str = "data") -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return memoryview(data).tobytes()
    except TypeError:
        raise TypeError(f"{name} is {type(data).__name__}, expected bytes or a bytes-like object") from None


def _index_arrays(indexes: Sequence[ArrayLike]) -> list[NDArray]:
    """The indexes of each picture as arrays of one dtype, uint8 if all are."""
    arrays = [index_array(f"picture {i}: indexes", values) for i, values in enumerate(indexes)]
    if all(array.dtype == np.uint8 for array in arrays):
        return arrays
    return [array.astype(np.int32, copy=False) for array in arrays]


def _thread_count(threads: int | None) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise ValueError(f"threads is {threads}, expected at least 1, or None for one for each CPU")
    return threads
