"""The repair search for streams of many lanes."""

import heapq
import time
from collections.abc import Iterator
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import index_array
from ._coding import Buffer, CdfTables
from ._lanes import decode_lanes
from ._rans import StreamError
from ._repair import Repaired, doubt_arrays, limits


def decode_lanes_repaired(
    data: Buffer,
    indexes: ArrayLike,
    tables: CdfTables,
    candidates: ArrayLike,
    alternatives: ArrayLike,
    distances: ArrayLike,
    *,
    max_tries: SupportsIndex = 10_000,
    max_seconds: float = 1.0,
) -> Repaired:
    """Decodes a stream of `encode_lanes` although a few indexes may be others than its encoder had.

    Arguments, result and errors are those of `decode_repaired`, but for three things. Every set is decoded from the
    beginning, since lanes are fast and fail at their ends only. There may be any number of candidates. And the first
    set with which the stream decodes is taken, without a look at whether it can be decoded in two ways.

    Raises:
        StreamError: no set of the tries allowed decodes.
        ValueError: see `decode_repaired`.
    """
    indexes = index_array("indexes", indexes)
    positions, others, values = doubt_arrays(candidates, alternatives, distances)
    for name, array, valid in (
        ("candidates", positions, (positions >= 0) & (positions < indexes.size)),
        ("alternatives", others, (others >= 0) & (others < len(tables))),
        ("distances", values, (values >= 0) & np.isfinite(values)),
    ):
        if array.shape != positions.shape or not valid.all():
            raise ValueError(f"{name} is {array}, which does not fit {indexes.size} indexes and {len(tables)} tables")
    most_tries, most_seconds = limits(max_tries, max_seconds)
    began = time.perf_counter()
    first: StreamError | None = None
    why = "which are all there are"
    for tries, chosen in enumerate(_subsets(values.tolist())):
        if tries > most_tries or (tries and time.perf_counter() - began > most_seconds):
            tries, why = tries - 1, "the limit"
            break
        tried = indexes.copy()
        tried.flat[positions[chosen]] = others[chosen]
        try:
            return Repaired(decode_lanes(data, tried, tables), np.sort(np.array(chosen, np.int64)), tries)
        except StreamError as error:
            first = first or error
    raise StreamError(
        f"{first}; nor does it decode with other tables for some of the {len(positions)} indexes in doubt "
        f"({tries} tries, {why})"
    )


def _subsets(values: list[float]) -> Iterator[list[int]]:
    """Sets of places, in the order of the sums of their values, which are at least 0; the empty one first."""
    order = sorted(range(len(values)), key=values.__getitem__)
    yield []
    waiting = [(values[order[0]], [0])] if order else []
    while waiting:
        total, chosen = heapq.heappop(waiting)
        yield [order[i] for i in chosen]
        # Each set comes from one other: that with its last place taken back by one, or left out.
        if (after := chosen[-1] + 1) < len(order):
            more = total + values[order[after]]
            heapq.heappush(waiting, (more, [*chosen, after]))
            heapq.heappush(waiting, (more - values[order[chosen[-1]]], [*chosen[:-1], after]))
