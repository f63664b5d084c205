"""Decoding with indexes of which a few may be others than the encoder's."""

import math
from typing import NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _rans
from ._arrays import index_array, int32_array
from ._coding import Buffer, CdfTables, _bytes, _native


class Repaired(NamedTuple):
    """What `decode_repaired` found.

    Attributes:
        symbols: int32, of the shape of the indexes.
        flipped: which candidates had their alternative in the encoder, ascending; none if the stream decodes as it is.
        tries: decodings after the first, which uses the indexes as they are.
    """

    symbols: NDArray[np.int32]
    flipped: NDArray[np.int64]
    tries: int


def decode_repaired(
    data: Buffer,
    indexes: ArrayLike,
    tables: CdfTables,
    candidates: ArrayLike,
    alternatives: ArrayLike,
    distances: ArrayLike,
    *,
    max_tries: SupportsIndex = 4096,
    max_seconds: float = 1.0,
) -> Repaired:
    """Decodes a whole stream although a few indexes may be others than its encoder had.

    Indexes that come out of floating-point arithmetic may differ between machines where a number lies on the edge
    between two tables. `decode` notices, by the end of the stream; this goes on to try sets of alternatives, in the
    order of the sums of their distances, until the stream ends exactly as it must. A set is decoded from its last
    flip on, and not at all if what comes before that flip does not decode.

    A wrong set passes by chance with a probability below 2^-31 for each try. But about one flip in 10,000, between
    neighbouring tables of Gaussians, does not show at all: where both tables give the code that is read the same
    interval, only this symbol changes. `decode` cannot notice; here, after a search, it raises. Nor does damage to the
    nibbles of an escaped value show, for which a container needs a checksum.

    Args:
        data: the stream, bytes or anything like it.
        indexes: as for `decode`.
        tables: as for `decode`.
        candidates: [K] integers, K at most 64: positions in the flattened indexes, different from each other.
        alternatives: [K] integers: the index that each of them may have been.
        distances: [K] real numbers, finite and at least 0: how far each is from the edge, in any unit.
        max_tries: tries before it gives up.
        max_seconds: likewise, seconds by the clock.

    Returns:
        See `Repaired`.

    Raises:
        StreamError: no set was found within the limits, and the message says how many were tried; or the stream can be
            decoded in two ways, a single candidate apart.
        ValueError: arguments that are not as above.
    """
    doubts = doubt_arrays(candidates, alternatives, distances)
    found = _rans.decode_repaired(
        _bytes(data), index_array("indexes", indexes), _native(tables), *doubts, *limits(max_tries, max_seconds)
    )
    return Repaired(*found)


def limits(max_tries: SupportsIndex, max_seconds: float) -> tuple[int, float]:
    """The limits of a search as numbers.

    Raises:
        ValueError: tries below 0, or seconds that are not a number.
    """
    tries, seconds = int(max_tries), float(max_seconds)
    if tries < 0:
        raise ValueError(f"max_tries is {tries}, expected at least 0")
    if math.isnan(seconds):
        raise ValueError("max_seconds is not a number")
    return tries, seconds


def doubt_arrays(
    candidates: ArrayLike, alternatives: ArrayLike, distances: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """The arguments of a search as arrays of the types that it takes.

    Raises:
        ValueError: one is not of one dimension, or not of integers (`distances`: real numbers).
    """
    positions, others = int32_array("candidates", candidates), int32_array("alternatives", alternatives)
    values = np.array(distances, np.float64)
    for name, shape in (("candidates", positions.shape), ("alternatives", others.shape), ("distances", values.shape)):
        if len(shape) != 1:
            raise ValueError(f"{name} has shape {shape}, expected 1 dimension")
    return positions, others, values
