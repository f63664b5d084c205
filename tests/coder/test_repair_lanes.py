"""Decoding streams of many lanes whose encoder had a few other indexes."""

import itertools

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.coder._repair_lanes import _subsets
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table()).coder_tables
CANDIDATES = np.array([5, 901, 333, 77], np.int32)
DISTANCES = np.array([0.3, 0.1, 0.2, 0.0])


@pytest.fixture
def indexes() -> np.ndarray:
    return np.random.default_rng(0).integers(10, 40, (4, 500)).astype(np.uint8)


@pytest.fixture
def alternatives(indexes) -> np.ndarray:
    return indexes.flat[CANDIDATES].astype(np.int32) + 1


def encoded(indexes, alternatives, flipped):
    """Symbols, and their stream by an encoder that had some of the alternatives."""
    theirs = indexes.copy()
    theirs.flat[CANDIDATES[flipped]] = alternatives[flipped]
    symbols = np.random.default_rng(1).integers(-2, 3, indexes.shape).astype(np.int32)
    return symbols, coder.encode_lanes(symbols, theirs, TABLES)


@pytest.mark.parametrize(("flipped", "tries"), [([], 0), ([3], 1), ([1], 2), ([2, 3], 5), ([0, 1, 2, 3], 15)])
def test_the_flipped_indexes_are_found_the_nearest_first(indexes, alternatives, flipped, tries):
    symbols, data = encoded(indexes, alternatives, flipped)
    found = coder.decode_lanes_repaired(data, indexes, TABLES, CANDIDATES, alternatives, DISTANCES)
    np.testing.assert_array_equal(found.symbols, symbols)
    assert found.flipped.tolist() == flipped
    assert abs(found.tries - tries) <= 1  # sums that are equal come in any order


def test_a_stream_that_no_set_explains_is_an_error(indexes, alternatives):
    _, data = encoded(indexes, alternatives, [0, 1])
    with pytest.raises(coder.StreamError, match=r"2 indexes in doubt \(3 tries, which are all there are\)"):
        coder.decode_lanes_repaired(data, indexes, TABLES, CANDIDATES[1:3], alternatives[1:3], DISTANCES[1:3])
    for limits in ({"max_tries": 2}, {"max_seconds": 0.0}):
        with pytest.raises(coder.StreamError, match="tries, the limit"):
            coder.decode_lanes_repaired(data, indexes, TABLES, CANDIDATES, alternatives, DISTANCES, **limits)


def test_arguments_that_make_no_sense_are_errors(indexes, alternatives):
    _, data = encoded(indexes, alternatives, [])
    for change in ([CANDIDATES + 2000, alternatives, DISTANCES], [CANDIDATES, alternatives + 64, DISTANCES],
                   [CANDIDATES, alternatives, DISTANCES - 1], [CANDIDATES, alternatives[1:], DISTANCES]):  # fmt: skip
        with pytest.raises(ValueError, match="does not fit 2000 indexes and 64 tables"):
            coder.decode_lanes_repaired(data, indexes, TABLES, *change)
    for limits, message in (({"max_tries": -1}, "max_tries is -1"), ({"max_seconds": np.nan}, "max_seconds is not a")):
        with pytest.raises(ValueError, match=message):
            coder.decode_lanes_repaired(data, indexes, TABLES, CANDIDATES, alternatives, DISTANCES, **limits)


def test_sets_come_in_the_order_of_their_sums():
    values = [0.5, 0.25, 1.0, 0.0, 0.25]
    found = [frozenset(chosen) for chosen in _subsets(values)]
    assert len(set(found)) == len(found) == 32
    sums = [sum(values[i] for i in chosen) for chosen in found]
    assert sums == sorted(sums)
    assert set(found) == {frozenset(c) for n in range(6) for c in itertools.combinations(range(5), n)}
