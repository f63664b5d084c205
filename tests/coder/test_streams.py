"""What the decoder finds out about a stream, and decoding in groups."""

import numpy as np
import pytest

from jaxcompress import coder

StreamError = coder.StreamError
ESCAPES = coder.CdfTables([[0, 1, 65536]], [3], [0])


def stream(state, *words):
    return b"".join(word.to_bytes(4, "little") for word in (state & 0xFFFFFFFF, state >> 32, *words))


def escape_stream(*nibbles):
    """A stream of one escape of ESCAPES that spells out `nibbles`, the count first."""
    state, words = 2**31, []
    for start, width, bits in [(1, 65535, 16), *((nibble, 1, 4) for nibble in nibbles)][::-1]:
        if state >= width << (63 - bits):
            words.insert(0, state & 0xFFFFFFFF)
            state >>= 32
        state = ((state // width) << bits) + state % width + start
    return stream(state, *words)


def test_every_flipped_bit_of_a_stream_without_escapes_raises(coded):
    data = bytearray(coded.data)
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            coder.decode(data, coded.indexes, coded.tables)
        data[bit // 8] ^= 1 << bit % 8
    assert data == coded.data


def test_every_truncation_raises(coded):
    for size in range(len(coded.data)):
        with pytest.raises(StreamError):
            coder.decode(coded.data[:size], coded.indexes, coded.tables)


def test_other_tables_raise(coded, gaussian):
    wider = coder.CdfTables(gaussian.cdf[1:], gaussian.lengths[1:], gaussian.offsets[1:])
    with pytest.raises(StreamError, match="not written with these tables and indexes"):
        coder.decode(coded.data, np.minimum(coded.indexes, 62), wider)


@pytest.mark.parametrize("state", [0, 2**31 - 1, 2**63, 2**64 - 1])
def test_a_first_state_that_no_encoder_leaves_raises(state):
    with pytest.raises(StreamError, match=f"begins with state {state}, expected"):
        coder.decode(stream(state), [], ESCAPES)


@pytest.mark.parametrize("state", [2**31 + 1, 2**63 - 1])
def test_a_last_state_that_no_encoder_starts_from_raises(state):
    with pytest.raises(StreamError, match=f"ends in state {state}, expected"):
        coder.decode(stream(state), [], ESCAPES)


def test_escapes_of_seven_nibbles_decode():
    data = escape_stream(7, *[15] * 7)
    assert coder.decode(data, [0], ESCAPES).tolist() == [-(2**27)]
    assert coder.encode([-(2**27)], [0], ESCAPES) == data


@pytest.mark.parametrize("count", [8, 9, 14])
def test_escapes_of_more_nibbles_raise(count):
    with pytest.raises(StreamError, match="more than 7 nibbles"):
        coder.decode(escape_stream(count, *[1] * count), [0], ESCAPES)


def test_escapes_with_a_count_in_two_nibbles_raise():
    with pytest.raises(StreamError, match="more than 7 nibbles"):
        coder.decode(escape_stream(15, 1, *[1] * 16), [0], ESCAPES)


@pytest.mark.parametrize("nibbles", [(1, 0), (2, 5, 0), (7, 0, 0, 0, 0, 0, 0, 0)])
def test_escapes_with_a_leading_zero_raise(nibbles):
    with pytest.raises(StreamError, match="leading zero nibble"):
        coder.decode(escape_stream(*nibbles), [0], ESCAPES)


@pytest.mark.parametrize("size", [1, 7, 1000, 4000])
def test_groups_decode_to_the_same_symbols(coded, size):
    decoder = coder.Decoder(coded.data, coded.tables)
    groups = [decoder.decode(coded.indexes[i : i + size]) for i in range(0, 4000, size)]
    decoder.finish()
    np.testing.assert_array_equal(np.concatenate(groups), coded.symbols)


def test_finishing_before_the_end_raises(coded):
    decoder = coder.Decoder(coded.data, coded.tables)
    decoder.decode(coded.indexes[:-1])
    with pytest.raises(StreamError):
        decoder.finish()


def test_a_decoder_stays_where_it_was_after_an_error(coded):
    decoder = coder.Decoder(coded.data, coded.tables)
    decoder.decode(coded.indexes[:1000])
    with pytest.raises(ValueError, match=r"indexes\[2\] is 64"):
        decoder.decode([1, 2, 64])
    with pytest.raises(StreamError):
        decoder.decode(np.full(100_000, 63))
    np.testing.assert_array_equal(decoder.decode(coded.indexes[1000:]), coded.symbols[1000:])
    decoder.finish()


def test_a_decoder_keeps_its_stream_and_tables(gaussian):
    tables = coder.CdfTables(gaussian.cdf, gaussian.lengths, gaussian.offsets)
    data = bytearray(coder.encode([1, 2, 3], [63, 63, 63], tables))
    decoder = coder.Decoder(data, tables)
    del tables
    data[:] = bytes(len(data))
    assert decoder.decode([63, 63, 63]).tolist() == [1, 2, 3]


@pytest.mark.parametrize("convert", [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_any_bytes_like_stream_decodes(coded, convert):
    symbols = coder.decode(convert(coded.data), coded.indexes, coded.tables)
    np.testing.assert_array_equal(symbols, coded.symbols)


@pytest.mark.parametrize("data", ["0" * 8, 8, [0] * 8, None])
def test_streams_of_other_types_raise(data):
    with pytest.raises(TypeError, match=f"data is {type(data).__name__}, expected bytes"):
        coder.decode(data, [], ESCAPES)
