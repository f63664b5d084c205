"""Encoding in groups."""

import numpy as np
import pytest

from jaxcompress import coder

TABLES = coder.CdfTables([[0, 1, 60000, 65536]] * 2, [4, 4], [-1, -1])


@pytest.mark.parametrize("size", [1, 7, 1000, 4000])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_groups_make_the_stream_of_the_whole(coded, size, dtype):
    encoder = coder.Encoder(coded.tables)
    for i in range(0, 4000, size):
        part = slice(i, i + size)
        assert encoder.encode(coded.symbols[part].astype(dtype), coded.indexes[part].astype(dtype)) is None
    assert encoder.finish() == coded.data


@pytest.fixture(scope="module")
def coded(coded):
    """The same without negative symbols, so that any dtype holds them."""
    symbols = np.minimum(abs(coded.symbols), 255)
    data = coder.encode(symbols, coded.indexes, coded.tables)
    return type(coded)(symbols=symbols, indexes=coded.indexes, tables=coded.tables, data=data)


def test_groups_of_any_shape_and_escapes_encode():
    encoder = coder.Encoder(TABLES)
    encoder.encode([[-1, 5], [-(2**27), 2**27]], np.broadcast_to(np.int32(1), (2, 2)))
    encoder.encode(np.int32(0), np.uint8(0))
    encoder.encode([], [])
    assert encoder.finish() == coder.encode([-1, 5, -(2**27), 2**27, 0], [1, 1, 1, 1, 0], TABLES)


def test_no_groups_make_the_start_state():
    assert coder.Encoder(TABLES).finish() == coder.encode([], [], TABLES)


def test_groups_may_follow_after_finish():
    encoder = coder.Encoder(TABLES)
    encoder.encode([0, 5], [0, 1])
    assert encoder.finish() == encoder.finish() == coder.encode([0, 5], [0, 1], TABLES)
    encoder.encode([-1], [1])
    assert encoder.finish() == coder.encode([0, 5, -1], [0, 1, 1], TABLES)


@pytest.mark.parametrize("size", [3, 5000])
def test_an_encoder_stays_as_it_was_after_an_error(size):
    encoder = coder.Encoder(TABLES)
    encoder.encode([0, 5], [0, 1])
    good, bad, far = np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.int32)
    bad[2], far[1] = 2, -(2**31)
    with pytest.raises(ValueError, match=r"indexes\[2\] is 2 but there are 2 tables"):
        encoder.encode(good, bad)
    with pytest.raises(ValueError, match=r"symbols\[1\] is -2147483648 but table 0 can code"):
        encoder.encode(far, good)
    with pytest.raises(ValueError, match=rf"symbols has shape \({size},\) but indexes has shape \(1, {size}\)"):
        encoder.encode(good, good[None])
    with pytest.raises(ValueError, match="symbols has dtype float64, expected int32"):
        encoder.encode([0.5], [0])
    assert encoder.finish() == coder.encode([0, 5], [0, 1], TABLES)


def test_an_encoder_keeps_its_tables(coded, gaussian):
    encoder = coder.Encoder(coder.CdfTables(gaussian.cdf, gaussian.lengths, gaussian.offsets))
    encoder.encode(coded.symbols, coded.indexes)
    assert encoder.finish() == coded.data


def test_tables_of_other_types_raise():
    with pytest.raises(TypeError, match="tables is NoneType, expected CdfTables"):
        coder.Encoder(None)
