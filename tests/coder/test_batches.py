"""Several pictures at once: the bytes, symbols and errors of one by one."""

import numpy as np
import pytest

from jaxcompress import coder

TABLES = coder.CdfTables([[0, 1000, 3000, 60000, 65000, 65536]] * 3, [6] * 3, [-2] * 3)
SIZES = [0, 1, 5000, 37, 0, 4096, 4097, 12_000, 2, 8192, 333]
THREADS = [None, 1, 2, 3, 50]


def pictures(sizes, dtype=np.uint8):
    """Symbols, some of them escapes, with indexes and streams."""
    rng = np.random.default_rng(5)
    symbols = [rng.integers(-3, 5, size, np.int32) for size in sizes]
    indexes = [rng.integers(0, 3, size).astype(dtype) for size in sizes]
    streams = [coder.encode(*picture, TABLES) for picture in zip(symbols, indexes, strict=True)]
    return symbols, indexes, streams


def check(symbols, indexes, streams, threads):
    assert coder.encode_batch(symbols, indexes, TABLES, threads=threads) == streams
    decoded = coder.decode_batch(streams, indexes, TABLES, threads=threads)
    for one, expected in zip(decoded, symbols, strict=True):
        assert one.dtype == np.int32
        assert one.shape == np.shape(expected)
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_pictures_of_any_sizes_code_as_one_by_one(threads, dtype):
    check(*pictures(SIZES, dtype), threads)


@pytest.mark.parametrize("count", range(8))
def test_any_number_of_pictures_codes(count):
    check(*pictures(SIZES[:count]), 2)


def test_pictures_of_several_tables_code_as_one_by_one(coded, gaussian):
    symbols, indexes = [coded.symbols[i:] for i in range(7)], [coded.indexes[i:] for i in range(7)]
    streams = [coder.encode(*picture, gaussian.tables) for picture in zip(symbols, indexes, strict=True)]
    assert coder.encode_batch(symbols, indexes, gaussian.tables) == streams
    for one, expected in zip(coder.decode_batch(streams, indexes, gaussian.tables), symbols, strict=True):
        np.testing.assert_array_equal(one, expected)


def test_any_dtypes_layouts_and_sequences_code():
    symbols = [np.array([[0, 1], [2, -1]]), [7, 0], np.zeros((2, 3), np.int32).T]
    indexes = [np.uint8([[0, 1], [2, 0]]), [2, 2], np.broadcast_to(np.int64([[0], [1], [2]]), (3, 2))]
    streams = [coder.encode(*picture, TABLES) for picture in zip(symbols, indexes, strict=True)]
    check(tuple(symbols), tuple(indexes), streams, 2)
    decoded = coder.decode_batch([bytearray(streams[0]), memoryview(streams[1])], indexes[:2], TABLES)
    assert [one.tolist() for one in decoded] == [[[0, 1], [2, -1]], [7, 0]]


def test_an_array_is_a_sequence_of_pictures():
    symbols = np.arange(12, dtype=np.int32).reshape(3, 4) % 3
    assert coder.encode_batch(symbols, symbols, TABLES) == [coder.encode(row, row, TABLES) for row in symbols]


@pytest.mark.parametrize("threads", THREADS)
def test_the_first_bad_picture_is_named_when_encoding(threads):
    symbols, indexes, _ = pictures(SIZES)
    symbols[9][8000] = 2**30
    with pytest.raises(ValueError, match=r"^picture 9: symbols\[8000\] is 1073741824 but table \d can code"):
        coder.encode_batch(symbols, indexes, TABLES, threads=threads)
    indexes[7][11_999] = 3
    with pytest.raises(ValueError, match=r"^picture 7: indexes\[11999\] is 3 but there are 3 tables"):
        coder.encode_batch(symbols, indexes, TABLES, threads=threads)
    symbols[3] = symbols[3][None]
    with pytest.raises(ValueError, match=r"^picture 3: symbols has shape \(1, 37\) but indexes has shape \(37,\)"):
        coder.encode_batch(symbols, indexes, TABLES, threads=threads)
    symbols[1] = [0.5]
    with pytest.raises(ValueError, match=r"^picture 1: symbols has dtype float64, expected int32"):
        coder.encode_batch(symbols, indexes, TABLES, threads=threads)


@pytest.mark.parametrize("threads", THREADS)
def test_the_first_bad_picture_is_named_when_decoding(threads):
    _, indexes, streams = pictures(SIZES)
    streams[10] += bytes(4)
    with pytest.raises(coder.StreamError, match=r"^picture 10: the stream has 4 bytes left after the last symbol"):
        coder.decode_batch(streams, indexes, TABLES, threads=threads)
    streams[6] = streams[6][:-4]
    with pytest.raises(coder.StreamError, match=r"^picture 6: the stream ends before the last symbol"):
        coder.decode_batch(streams, indexes, TABLES, threads=threads)
    indexes[2][4999] = 3
    with pytest.raises(ValueError, match=r"^picture 2: indexes\[4999\] is 3 but there are 3 tables"):
        coder.decode_batch(streams, indexes, TABLES, threads=threads)
    streams[0] = b""
    with pytest.raises(coder.StreamError, match=r"^picture 0: the stream has 0 bytes"):
        coder.decode_batch(streams, indexes, TABLES, threads=threads)
    streams[8] = "stream"
    with pytest.raises(TypeError, match="picture 8: data is str, expected bytes"):
        coder.decode_batch(streams, indexes, TABLES, threads=threads)


def test_unequal_numbers_of_pictures_raise():
    with pytest.raises(ValueError, match="there are symbols of 1 pictures but indexes of 2"):
        coder.encode_batch([[0]], [[0], [0]], TABLES)
    with pytest.raises(ValueError, match="there are 1 streams but indexes of 2 pictures"):
        coder.decode_batch([bytes(8)], [[0], [0]], TABLES)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_raise(threads):
    with pytest.raises(ValueError, match=f"threads is {threads}, expected at least 1, or None"):
        coder.encode_batch([[0]], [[0]], TABLES, threads=threads)
    with pytest.raises(ValueError, match=f"threads is {threads}, expected at least 1, or None"):
        coder.decode_batch([bytes(8)], [[0]], TABLES, threads=threads)
