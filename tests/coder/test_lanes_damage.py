"""The format of many lanes: damaged streams, and other indexes than the encoder's."""

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.coder import _rans

StreamError = coder.StreamError
ISAS = _rans.instruction_sets("lanes")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lanes", [32, 64])
def test_bit_flips_are_found(coded, isa, lanes):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes=lanes)
    flips = [data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] for i in range(len(data)) for bit in (i % 8,)]
    for flipped in flips:
        with pytest.raises(StreamError):
            coder.decode_lanes(flipped, coded.indexes, coded.tables, isa=isa)


def test_bit_flips_in_values_of_escapes_are_found():
    tables = coder.CdfTables([[0, 60000, 65536]], [3], [0])
    rng = np.random.default_rng(5)
    symbols = np.where(rng.random(600) < 0.3, rng.integers(1, 10**6, 600), 0)
    indexes = np.zeros_like(symbols)
    data = coder.encode_lanes(symbols, indexes, tables)
    found = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            coder.decode_lanes(flipped, indexes, tables)
        except StreamError:
            found += 1
    assert found > 0.99 * 8 * len(data)


def parts_of(data, sizes):
    """A stream of so many parts, of which all but the last are said to have these sizes."""
    return bytes([2 * len(sizes)]) + b"".join(size.to_bytes(4, "little") for size in sizes) + data


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda d: b"", "has 0 bytes, expected a first byte", id="empty"),
        pytest.param(lambda d: d[:1], "ends before its last symbol", id="1 byte"),
        pytest.param(lambda d: d[:-1], "expected whole words of 2", id="an odd byte"),
        pytest.param(lambda d: d[:-2], "ends before its last symbol|state|words left", id="a word missing"),
        pytest.param(lambda d: d + b"ab", "a part of the stream (has|ends)", id="a word more"),
        pytest.param(lambda d: b"\xff" + d[1:9], "expected at least 509 for 128 parts", id="sizes missing"),
        pytest.param(lambda d: parts_of(d, [2**32 - 1]), "part 0 .* have 4294967295 words", id="a huge part"),
        pytest.param(lambda d: parts_of(d, [5, 2**31]), "part 1 .* have 2147483648 words", id="a huge second part"),
        pytest.param(lambda d: parts_of(d[1:], [0]), "ends before", id="an empty part"),
        pytest.param(lambda d: b"\0" + b"\xff" * 600, r"outside its 32 lanes", id="more symbols than there are"),
        pytest.param(lambda d: bytes(601), "ends before", id="zeros"),
    ],
)
def test_damaged_streams_raise(coded, isa, damage, message):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables)
    with pytest.raises(StreamError, match=message):
        coder.decode_lanes(damage(data), coded.indexes, coded.tables, isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("first", [0, 1, 4, 255])
def test_random_bytes_raise(coded, isa, first):
    rng = np.random.default_rng(6)
    for size in (*range(0, 40, 2), 300, 302, 3000, 100_000):
        data = bytes([first]) + rng.bytes(size)
        with pytest.raises(StreamError):
            coder.decode_lanes(data, coded.indexes, coded.tables, isa=isa)


def test_other_indexes_raise(coded):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables)
    for indexes in (np.tile(coded.indexes, 2), coded.indexes[:100], [], np.roll(coded.indexes, 1)):
        with pytest.raises(StreamError):
            coder.decode_lanes(data, indexes, coded.tables)
