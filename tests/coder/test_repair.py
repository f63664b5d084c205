"""Decoding although some of the encoder's indexes were others."""

import numpy as np
import pytest

from jaxcompress import coder

CANDIDATES = np.array([300, 40, 170, 41, 299])
DISTANCES = np.array([1, 2, 3.5, 4, 8])
EVERY = np.s_[:]


@pytest.fixture(params=[np.uint8, np.int32], ids=["uint8", "int32"])
def indexes(coded, request):
    return coded.indexes.astype(request.param)


def repair(coded, indexes, flipped, which=EVERY, **options):
    """Decodes a stream whose encoder had the alternatives of these candidates."""
    alternatives = indexes[CANDIDATES].astype(int) + 1
    theirs = indexes.copy()
    theirs[CANDIDATES[flipped]] = alternatives[flipped]
    data = coder.encode(coded.symbols, theirs, coded.tables)
    arrays = (array[which] for array in (CANDIDATES, alternatives, DISTANCES))
    return coder.decode_repaired(data, indexes, coded.tables, *arrays, **options)


# By the sums: 1, 2, 1 + 2, 3.5, 4, 1 + 3.5, 1 + 4, ...
@pytest.mark.parametrize(
    ("flipped", "tries"), [([], 0), ([0], 1), ([1], 2), ([0, 1], 3), ([2], 4), ([0, 2], 6), ([3], 5), ([0, 3], 7)]
)
def test_flipped_indexes_are_found_in_the_order_of_the_distances(coded, indexes, flipped, tries):
    found = repair(coded, indexes, flipped)
    np.testing.assert_array_equal(found.symbols, coded.symbols)
    assert found.flipped.tolist() == flipped
    assert found.tries == tries


@pytest.mark.parametrize("flipped", [[0, 4], [1, 3], [0, 1, 2, 3, 4]], ids=str)
def test_neighbours_and_many_are_found(coded, indexes, flipped):
    found = repair(coded, indexes, flipped)
    np.testing.assert_array_equal(found.symbols, coded.symbols)
    assert found.flipped.tolist() == flipped
    assert 0 < found.tries <= 31


def test_symbols_have_the_shape_of_the_indexes(coded):
    shape = (4, 10, 100)
    found = coder.decode_repaired(coded.data, coded.indexes.reshape(shape), coded.tables, [], [], [])
    np.testing.assert_array_equal(found.symbols, coded.symbols.reshape(shape))


def test_an_index_that_is_in_no_doubt_is_not_found(coded, indexes):
    message = r"3 indexes in doubt makes the stream decode \(7 tries, which are all that could\); as it is, the stream"
    with pytest.raises(coder.StreamError, match=message):
        repair(coded, indexes, [3], np.s_[:3])
    with pytest.raises(coder.StreamError, match=r"^the stream (ends|has)"):
        repair(coded, indexes, [3], np.s_[:0])


def test_limits_end_the_search(coded, indexes):
    with pytest.raises(coder.StreamError, match=r"\(3 tries, the limit\)"):
        repair(coded, indexes, [2], max_tries=3)
    assert repair(coded, indexes, [2], max_tries=4).tries == 4
    with pytest.raises(coder.StreamError, match=r"\(0 tries in the limit of 0 s\)"):
        repair(coded, indexes, [0], max_seconds=0)
    assert repair(coded, indexes, [], max_tries=0, max_seconds=0).tries == 0


def test_what_comes_after_the_failure_is_not_tried(coded):
    # Half of the stream is gone, so decoding fails halfway whatever comes later.
    data = coded.data[: len(coded.data) // 8 * 4]
    late, early = [3000, 3100, 3200], [3000, 50, 3200]
    with pytest.raises(coder.StreamError, match=r"\(0 tries, which are all that could\); as it is, .* ends before"):
        coder.decode_repaired(data, coded.indexes, coded.tables, late, [5, 5, 5], [0, 0, 0])
    with pytest.raises(coder.StreamError, match=r"\(1 tries, which are all that could\)"):
        coder.decode_repaired(data, coded.indexes, coded.tables, early, [5, 5, 5], [0, 0, 0])


# Code 0 to 99 is one symbol of both, with other values; so is code 50000 and up, with the same value.
TWINS = coder.CdfTables([[0, 100, 300, 50000, 65535, 65536], [0, 100, 400, 50000, 65535, 65536]], [6, 6], [0, 0])
SHIFTED = coder.CdfTables([[0, 100, 300, 50000, 65535, 65536], [0, 100, 400, 50000, 65535, 65536]], [6, 6], [0, 7])


@pytest.mark.parametrize("place", [0, 7])
def test_a_symbol_that_may_have_two_values_raises(place):
    symbols = np.array([2, 2, 1, 2, 1, 2, 2, 2, 3, 2, 2, 1] * 20)
    symbols[place] = 0
    indexes = np.zeros(240, int)
    theirs = indexes.copy()
    theirs[4] = 1
    for tables, is_ambiguous in ((TWINS, False), (SHIFTED, True)):
        data = coder.encode(symbols + 7 * (is_ambiguous * theirs), theirs, tables)
        arguments = data, indexes, tables, [4, place], [1, 1], [1, 2]
        if is_ambiguous:
            with pytest.raises(coder.StreamError, match=f"two ways, with table 0 or 1 at position {place}"):
                coder.decode_repaired(*arguments)
        else:
            np.testing.assert_array_equal(coder.decode_repaired(*arguments).symbols, symbols)
    # What decodes as it is, is not searched.
    data = coder.encode(symbols, indexes, SHIFTED)
    found = coder.decode_repaired(data, indexes, SHIFTED, [4, place], [1, 1], [1, 2])
    np.testing.assert_array_equal(found.symbols, symbols)


def test_two_ways_that_part_for_some_symbols_and_meet_again_raise():
    # Tables 0 and 1 have intervals of one width, 500 apart. The state is then 500 more, and the next symbol,
    # under table 2 with its intervals of width 500, is a neighbour: with that the states are the same again.
    rows = [[0, 1000, 2000, 65535, 65536], [0, 500, 1500, 65535, 65536], [*range(0, 5001, 500), 65535, 65536]]
    lengths = [len(row) for row in rows]
    tables = coder.CdfTables([row + [0] * (max(lengths) - len(row)) for row in rows], lengths, [0, 0, 0])
    indexes = np.array([0, 0, 2, *[0] * 100])
    theirs = np.where(np.arange(103) == 40, 2, indexes)
    found = 0
    for variant in range(20):
        symbols = np.array([2, 1, 3, *[2] * variant, 1, *[2] * (99 - variant)])
        data = coder.encode(symbols, theirs, tables)
        two_ways = np.where(np.arange(103) == 1, 1, theirs)
        try:
            others = coder.decode(data, two_ways, tables)
        except coder.StreamError:
            continue
        assert np.flatnonzero(others != symbols).tolist() == [2]
        found += 1
        with pytest.raises(coder.StreamError, match="two ways, with table 0 or 1 at position 1,"):
            coder.decode_repaired(data, indexes, tables, [40, 1], [2, 1], [1, 2])
    assert found


def test_a_stream_that_no_encoder_writes_is_not_searched(coded):
    for data in (b"", coded.data[:-1], bytes(8)):
        with pytest.raises(coder.StreamError, match=r"^the stream (has|begins)"):
            coder.decode_repaired(data, coded.indexes, coded.tables, [0], [1], [0])


def test_damage_is_not_taken_for_a_flip(coded):
    candidates = np.arange(0, 4000, 500)
    alternatives = (coded.indexes[candidates] + 1) % 64
    for bit in range(0, 8 * len(coded.data), 97):
        data = bytearray(coded.data)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(coder.StreamError):
            coder.decode_repaired(data, coded.indexes, coded.tables, candidates, alternatives, candidates, max_tries=20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([4000], [0], [0]), r"candidates\[0\] is 4000 but there are 4000 indexes"),
        (([5, -1], [0, 0], [0, 0]), r"candidates\[1\] is -1 but there are 4000 indexes"),
        (([7, 5, 7], [0] * 3, [0] * 3), "candidates has 7 twice"),
        (([5], [64], [0]), r"alternatives\[0\] is 64 but there are 64 tables"),
        (([5], [-1], [0]), r"alternatives\[0\] is -1 but there are 64 tables"),
        (([5], [0], [-0.5]), r"distances\[0\] is -0.5, expected finite and at least 0"),
        (([5], [0], [np.nan]), r"distances\[0\] is -?nan, expected finite"),
        (([5], [0], [np.inf]), r"distances\[0\] is inf, expected finite"),
        (([5], [0, 1], [0]), "1 candidates, 2 alternatives and 1 distances"),
        (([[5]], [0], [0]), r"candidates has shape \(1, 1\), expected 1 dimension"),
        (([0.5], [0], [0]), "candidates has dtype float64"),
        ((range(65), [0] * 65, [0] * 65), "65 candidates, expected at most 64"),
    ],
)
def test_candidates_that_make_no_sense_raise(coded, arguments, message):
    with pytest.raises(ValueError, match=message):
        coder.decode_repaired(coded.data, coded.indexes, coded.tables, *arguments)


def test_limits_and_indexes_that_make_no_sense_raise(coded):
    with pytest.raises(ValueError, match="max_tries is -1"):
        coder.decode_repaired(coded.data, coded.indexes, coded.tables, [], [], [], max_tries=-1)
    with pytest.raises(ValueError, match="max_seconds is not a number"):
        coder.decode_repaired(coded.data, coded.indexes, coded.tables, [], [], [], max_seconds=float("nan"))
    indexes = coded.indexes.copy()
    indexes[1234] = 64
    with pytest.raises(ValueError, match=r"indexes\[1234\] is 64 but there are 64 tables"):
        coder.decode_repaired(coded.data, indexes, coded.tables, [3], [0], [0])
