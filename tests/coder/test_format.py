"""The stream format against a reference in a few lines of Python, and round trips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress import coder


def reference_encode(symbols, indexes, rows, offsets):
    """The format by its definition: a list of operations, then one big integer from the last to the first."""
    operations = []  # (start, width, bits): the interval [start, start + width) of [0, 2^bits)
    for symbol, index in zip(symbols, indexes, strict=True):
        cdf, value = rows[index], symbol - offsets[index]
        escape = len(cdf) - 2
        inside = 0 <= value < escape
        s = value if inside else escape
        operations.append((cdf[s], cdf[s + 1] - cdf[s], 16))
        if not inside:
            raw = -2 * value - 1 if value < 0 else 2 * (value - escape)
            nibbles = [int(digit, 16) for digit in reversed(f"{raw:x}")] if raw else []
            operations += [(nibble, 1, 4) for nibble in [len(nibbles), *nibbles]]
    state, words = 2**31, []
    for start, width, bits in reversed(operations):
        if state >= width << (63 - bits):
            words.insert(0, state & 0xFFFFFFFF)
            state >>= 32
        state = ((state // width) << bits) + state % width + start
    return b"".join(word.to_bytes(4, "little") for word in [state & 0xFFFFFFFF, state >> 32, *words])


def make_tables(rows, offsets):
    cdf = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for padded, row in zip(cdf, rows, strict=True):
        padded[: len(row)] = row
    return coder.CdfTables(cdf, [len(row) for row in rows], offsets)


@st.composite
def messages(draw):
    """Rows, offsets, symbols and indexes; any symbol that the format can hold."""
    inner = st.sets(st.integers(1, 65535), min_size=1, max_size=30)
    rows = [[0, *sorted(draw(inner)), 65536] for _ in range(draw(st.integers(1, 4)))]
    offsets = [draw(st.integers(-30, 5) | st.integers(-(2**30), 2**30)) for _ in rows]
    indexes = draw(st.lists(st.integers(0, len(rows) - 1), max_size=60))
    symbols = []
    for index in indexes:
        escape = len(rows[index]) - 2
        value = draw(st.integers(-1, escape) | st.integers(-(2**27), escape + 2**27 - 1))
        symbols.append(offsets[index] + value)
    return rows, offsets, symbols, indexes


@given(messages())
def test_streams_are_those_of_the_reference(message):
    rows, offsets, symbols, indexes = message
    data = coder.encode(symbols, indexes, make_tables(rows, offsets))
    assert data == reference_encode(symbols, indexes, rows, offsets)


@given(messages())
def test_symbols_come_back(message):
    rows, offsets, symbols, indexes = message
    tables = make_tables(rows, offsets)
    assert coder.decode(coder.encode(symbols, indexes, tables), indexes, tables).tolist() == symbols


@given(messages(), st.binary(min_size=1, max_size=9))
def test_extended_streams_raise(message, extension):
    rows, offsets, symbols, indexes = message
    tables = make_tables(rows, offsets)
    with pytest.raises(coder.StreamError):
        coder.decode(coder.encode(symbols, indexes, tables) + extension, indexes, tables)


@given(messages(), st.integers(min_value=0))
def test_truncated_streams_raise(message, size):
    rows, offsets, symbols, indexes = message
    tables = make_tables(rows, offsets)
    data = coder.encode(symbols, indexes, tables)
    with pytest.raises(coder.StreamError):
        coder.decode(data[: size % len(data)], indexes, tables)


@given(messages(), st.binary(min_size=8, max_size=60))
def test_what_decodes_is_what_encoding_gives(message, data):
    rows, offsets, _, indexes = message
    tables = make_tables(rows, offsets)
    try:
        symbols = coder.decode(data, indexes, tables)
    except coder.StreamError:
        return
    assert coder.encode(symbols, indexes, tables) == data


def test_every_symbol_of_a_wide_table_comes_back():
    tables = coder.CdfTables([np.arange(65537)], [65537], [-32768])
    symbols = np.arange(-32770, 32770)
    indexes = np.zeros_like(symbols)
    np.testing.assert_array_equal(coder.decode(coder.encode(symbols, indexes, tables), indexes, tables), symbols)


@pytest.mark.parametrize("offset", [-(2**30), 0, 2**30])
def test_the_farthest_symbols_come_back_and_the_next_raise(offset):
    tables = coder.CdfTables([[0, 1, 2, 65536]], [4], [offset])
    ends = [offset - 2**27, offset + 2 + 2**27 - 1]
    assert coder.decode(coder.encode(ends, [0, 0], tables), [0, 0], tables).tolist() == ends
    for beyond in (ends[0] - 1, ends[1] + 1):
        with pytest.raises(ValueError, match=rf"symbols\[0\] is {beyond} .* can code {ends[0]} to {ends[1]}"):
            coder.encode([beyond], [0], tables)
