"""49 inputs on which CompressAI's coder crashes, hangs, returns garbage or just works."""

import numpy as np
import pytest

from jaxcompress import coder

StreamError = coder.StreamError
SMALL = [[0, 20000, 60000, 65536]]


def random_bytes(count):
    data = bytearray(np.random.default_rng(3).bytes(count))
    data[7] &= 127  # a first state in the range, so that decoding starts
    return bytes(data)


def small_tables(cdf=SMALL, lengths=(4,), offsets=(-1,)):
    return coder.CdfTables(cdf, lengths, offsets)


def flip(data, byte):
    return data[:byte] + bytes([data[byte] ^ 1]) + data[byte + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda d: b"", "has 0 bytes", id="empty"),
        pytest.param(lambda d: d[:1], "has 1 bytes", id="1 byte"),
        pytest.param(lambda d: d[:4], "has 4 bytes", id="4 bytes"),
        pytest.param(lambda d: d[:8], "ends before the last symbol", id="only the state"),
        pytest.param(lambda d: d[: len(d) // 8 * 4], "ends before", id="truncated by half"),
        pytest.param(lambda d: d[:-4], "ends before the last symbol", id="truncated by 1 word"),
        pytest.param(lambda d: d[:-1], "expected a multiple of 4", id="truncated by 1 byte"),
        pytest.param(lambda d: d + b"garbage!", "8 bytes left after the last", id="trailing garbage"),
        pytest.param(lambda d: b"\xff" * 64, "begins with state 18446744073709551615", id="all ones"),
        pytest.param(lambda d: bytes(64), "begins with state 0", id="all zeros"),
        pytest.param(lambda d: flip(d, 20), "ends in state|ends before|bytes left", id="one bit flipped"),
    ],
)
def test_damaged_streams_raise(coded, damage, message):
    with pytest.raises(StreamError, match=message):
        coder.decode(damage(coded.data), coded.indexes, coded.tables)


def test_zeros_for_millions_of_symbols_raise():
    with pytest.raises(StreamError, match="begins with state 0"):
        coder.decode(bytes(64), np.zeros(4_000_000, np.uint8), small_tables())


def test_random_streams_for_a_table_of_escapes_raise():
    tables = small_tables([[0, 1, 65536]], [3], [0])
    with pytest.raises(StreamError, match="more than 7 nibbles"):
        coder.decode(random_bytes(100_000), np.zeros(100_000, int), tables)


def test_random_streams_for_many_symbols_raise(coded):
    with pytest.raises(StreamError):
        coder.decode(random_bytes(1000), np.full(1_000_000, 63), coded.tables)


def test_more_indexes_than_symbols_raise(coded):
    with pytest.raises(StreamError):
        coder.decode(coded.data, np.tile(coded.indexes, 2), coded.tables)


def test_fewer_indexes_than_symbols_raise(coded):
    with pytest.raises(StreamError, match="bytes left after the last symbol"):
        coder.decode(coded.data, coded.indexes[:100], coded.tables)


@pytest.mark.parametrize("index", [64, 10**6, -1])
def test_decoding_with_an_index_without_a_table_raises(coded, index):
    indexes = coded.indexes.copy()
    indexes[17] = index
    message = rf"indexes\[17\] is {index} but there are 64 tables \(expected 0 to 63\)"
    with pytest.raises(ValueError, match=message):
        coder.decode(coded.data, indexes, coded.tables)


@pytest.mark.parametrize("index", [64, -1])
def test_encoding_with_an_index_without_a_table_raises(coded, index):
    indexes = coded.indexes.copy()
    indexes[17] = index
    message = rf"indexes\[17\] is {index} but there are 64 tables \(expected 0 to 63\)"
    with pytest.raises(ValueError, match=message):
        coder.encode(coded.symbols, indexes, coded.tables)


@pytest.mark.parametrize(
    ("cdf", "lengths", "offsets", "message"),
    [
        pytest.param(SMALL, [0], [0], r"lengths\[0\] is 0, expected at least 3", id="length 0"),
        pytest.param(SMALL, [1], [0], r"lengths\[0\] is 1, expected at least 3", id="length 1"),
        pytest.param(SMALL, [400_000], [0], r"lengths\[0\] is 400000, .*most 4", id="length beyond row"),
        pytest.param([[0, 1, 2, 65535]], [4], [0], r"cdf\[0, 3\] is 65535, expected 65536", id="wrong end"),
        pytest.param([[1, 5, 9, 65536]], [4], [0], r"cdf\[0, 0\] is 1, expected 0", id="wrong start"),
        pytest.param([[0, 9, 5, 65536]], [4], [0], r"cdf\[0, 2\] is 5 after 9", id="not monotone"),
        pytest.param([[0, 9, 9, 65536]], [4], [0], r"cdf\[0, 2\] is 9 after 9", id="frequency 0"),
        pytest.param([[0, 65536]], [2], [0], r"lengths\[0\] is 2, expected at least 3", id="only an escape"),
        pytest.param(SMALL * 2, [4, 4], [0], "offsets has 1 entries but cdf has 2 rows", id="few offsets"),
        pytest.param(SMALL * 2, [4], [0, 0], "lengths has 1 entries but cdf has 2 rows", id="few lengths"),
        pytest.param(np.zeros((0, 4), int), [], [], "cdf has no rows", id="no tables"),
    ],
)
def test_tables_that_cannot_code_raise(cdf, lengths, offsets, message):
    with pytest.raises(ValueError, match=message):
        coder.CdfTables(cdf, lengths, offsets)


def test_no_bytes_for_no_symbols_raise():
    with pytest.raises(StreamError, match="has 0 bytes, expected a multiple of 4 and at least 8"):
        coder.decode(b"", [], small_tables())


def test_a_decoder_cannot_be_without_a_stream():
    with pytest.raises(TypeError):
        coder.Decoder(tables=small_tables())


def test_decoding_past_the_end_raises(coded):
    decoder = coder.Decoder(coded.data, coded.tables)
    decoder.decode(coded.indexes)
    decoder.finish()
    with pytest.raises(StreamError):
        decoder.decode(np.full(100, 63))


def test_no_symbols_make_the_start_state():
    data = coder.encode([], [], small_tables())
    assert data.hex() == "0000008000000000"
    assert coder.decode(data, [], small_tables()).shape == (0,)


def test_no_symbols_can_be_encoded_again_and_again():
    tables = small_tables()
    assert {coder.encode([], [], tables) for _ in range(20_000)} == {bytes.fromhex("0000008000000000")}


@pytest.mark.parametrize(
    "symbols",
    [
        pytest.param([0], id="1 symbol"),
        pytest.param([-1, -1], id="2 rare symbols"),
        pytest.param([2**27] * 4, id="2**27"),
        pytest.param([-(2**27)] * 4, id="-2**27"),
        pytest.param([2**26] * 4, id="2**26"),
    ],
)
def test_few_or_far_symbols_come_back(symbols):
    tables = small_tables([[0, 1, 60000, 65536]])
    data = coder.encode(symbols, [0] * len(symbols), tables)
    assert coder.decode(data, [0] * len(symbols), tables).tolist() == symbols


def test_arrays_come_back(coded):
    assert coder.encode(list(coded.symbols), list(coded.indexes), coded.tables) == coded.data
    np.testing.assert_array_equal(coder.decode(coded.data, coded.indexes, coded.tables), coded.symbols)


@pytest.mark.parametrize("symbol", [2**28, 2**30 + 5, -(2**31)])
def test_symbols_out_of_reach_raise(symbol):
    message = rf"symbols\[1\] is {symbol} but table 0 can code -134217729 to 134217728; clip"
    with pytest.raises(ValueError, match=message):
        coder.encode([0, symbol, 0], [0, 0, 0], small_tables())


def test_symbols_beyond_int32_raise():
    with pytest.raises(ValueError, match=r"symbols\[1\] is 1099511627776, which does not fit int32"):
        coder.encode([0, 2**40], [0, 0], small_tables())


def test_float_symbols_raise():
    with pytest.raises(ValueError, match="symbols has dtype float64, expected int32"):
        coder.encode([0.5, 0.5], [0, 0], small_tables())


def test_fewer_indexes_than_symbols_raise_when_encoding():
    with pytest.raises(ValueError, match=r"symbols has shape \(3,\) but indexes has shape \(2,\)"):
        coder.encode([0, 0, 0], [0, 0], small_tables())
