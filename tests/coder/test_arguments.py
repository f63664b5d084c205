"""Shapes, dtypes and layouts of the arguments."""

import numpy as np
import pytest

from jaxcompress import coder

TABLES = coder.CdfTables([[0, 1000, 3000, 60000, 65000, 65536]] * 3, [6] * 3, [-2] * 3)
SYMBOLS = np.array([[0, 1, -1, 2], [5, 1, 100, 0], [-2, -1, 0, 3]], np.int32)
INDEXES = np.array([[0, 1, 2, 0], [1, 2, 0, 1], [2, 0, 1, 2]], np.int32)
INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u2"]
OTHERS = [np.float32([0]), np.array([True]), np.array(["0"]), np.array([0j]), np.array([None]), [0.0]]


def check(symbols, indexes):
    """Encodes like plain lists do, and decodes to the same symbols and shape."""
    data = coder.encode(symbols, indexes, TABLES)
    flat = [np.asarray(array).ravel().tolist() for array in (symbols, indexes)]
    assert data == coder.encode(*flat, TABLES)
    decoded = coder.decode(data, indexes, TABLES)
    assert decoded.dtype == np.int32
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, symbols, strict=False)
    assert decoded.shape == np.shape(symbols)


@pytest.mark.parametrize("shape", [(12,), (3, 4), (2, 1, 3, 2), (1,) * 8 + (12,)])
def test_any_shape_codes_in_c_order(shape):
    check(SYMBOLS.reshape(shape), INDEXES.reshape(shape))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_scalars_and_empty_arrays_code(shape):
    check(np.zeros(shape, np.int32), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_any_integer_dtype_codes(dtype):
    check(SYMBOLS.astype(dtype) if "i" in dtype else abs(SYMBOLS).astype(dtype), INDEXES.astype(dtype))


def test_any_layout_codes():
    check(SYMBOLS.T, INDEXES.T)
    check(SYMBOLS[::-1, ::2], INDEXES[::-1, ::2])
    check(np.asfortranarray(SYMBOLS), INDEXES)
    check(np.broadcast_to(np.int32(1), (4, 4)), np.broadcast_to(np.uint8(2), (4, 4)))


def test_broadcast_indexes_become_small_ones():
    channels = np.broadcast_to(np.arange(256)[:, None], (256, 3))
    small = coder._arrays.index_array("indexes", channels)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, channels)
    for beyond in (channels + 1, channels - 1):
        wide = np.broadcast_to(beyond[:, :1], (256, 3))
        assert coder._arrays.index_array("indexes", wide).dtype == np.int32
    with pytest.raises(ValueError, match=r"indexes\[2\] is 3000000000, which does not fit int32"):
        coder.encode(np.zeros((2, 2), np.int32), np.broadcast_to([[0], [3_000_000_000]], (2, 2)), TABLES)


def test_unaligned_arrays_code():
    unaligned = np.frombuffer(b"\0" + SYMBOLS.tobytes(), np.int32, offset=1)
    assert not unaligned.flags.aligned
    assert coder._arrays.int32_array("symbols", unaligned).flags.aligned
    check(unaligned, INDEXES.ravel())


def test_tables_take_any_integer_dtype_and_layout():
    cdf = np.array([[0, 9, 65536], [0, 7, 65536]])
    reference = coder.encode([0, 1], [0, 1], coder.CdfTables(cdf, [3, 3], [0, 0]))
    for dtype in ("i4", "u4", "i8", "u8", ">i4"):
        tables = coder.CdfTables(np.asfortranarray(cdf, dtype), np.uint8([3, 3]), np.int8([0, 0]))
        assert coder.encode([0, 1], [0, 1], tables) == reference


def test_tables_have_a_length():
    assert len(TABLES) == 3


def test_padding_of_tables_does_not_matter():
    tables = coder.CdfTables([[0, 9, 65536, -1], [0, 7, 65536, 8]], [3, 3], [0, 0])
    plain = coder.CdfTables([[0, 9, 65536], [0, 7, 65536]], [3, 3], [0, 0])
    assert coder.encode([0, 1], [0, 1], tables) == coder.encode([0, 1], [0, 1], plain)


@pytest.mark.parametrize("values", OTHERS, ids=lambda values: str(np.asarray(values).dtype))
def test_other_dtypes_raise_and_are_named(values):
    dtype = np.asarray(values).dtype
    with pytest.raises(ValueError, match=f"symbols has dtype {dtype}, expected int32"):
        coder.encode(values, [0], TABLES)
    with pytest.raises(ValueError, match=f"indexes has dtype {dtype}, expected int32"):
        coder.encode([0], values, TABLES)
    with pytest.raises(ValueError, match=f"indexes has dtype {dtype}, expected int32"):
        coder.decode(coder.encode([0], [0], TABLES), values, TABLES)
    with pytest.raises(ValueError, match=f"cdf has dtype {dtype}, expected int32"):
        coder.CdfTables([values], [3], [0])


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**63])
def test_values_beyond_int32_raise_and_are_named(value):
    wide = np.array([[0, value]], np.uint64 if value > 2**62 else np.int64)
    for arguments in [(wide, [[0, 0]]), ([[0, 0]], wide)]:
        with pytest.raises(ValueError, match=rf"(symbols|indexes)\[1\] is {value}, which does not fit int32"):
            coder.encode(*arguments, TABLES)
    with pytest.raises(ValueError, match=rf"offsets\[0\] is {value}, which does not fit int32"):
        coder.CdfTables([[0, 1, 65536]], [3], [value])


def test_positions_count_in_c_order():
    indexes = INDEXES.copy()
    indexes[1, 2] = 3
    with pytest.raises(ValueError, match=r"indexes\[6\] is 3 but there are 3 tables \(expected 0 to 2\)"):
        coder.encode(SYMBOLS, indexes, TABLES)


def test_equal_sizes_of_different_shapes_raise():
    with pytest.raises(ValueError, match=r"symbols has shape \(3, 4\) but indexes has shape \(4, 3\)"):
        coder.encode(SYMBOLS, INDEXES.reshape(4, 3), TABLES)


@pytest.mark.parametrize(
    ("cdf", "lengths", "offsets", "message"),
    [
        ([0, 1, 65536], [3], [0], r"cdf has shape \(3,\), expected 2 dimensions"),
        ([[0, 1, 65536]], 3, [0], r"lengths has shape \(\), expected 1 dimension"),
        ([[0, 1, 65536]], [3], [[0]], r"offsets has shape \(1, 1\), expected 1 dimension"),
        ([[0, 1, 65536]], [3], [2**30 + 1], r"offsets\[0\] is 1073741825, expected -1073741824 to"),
        ([[0, 1, 65536]], [3], [-(2**30) - 1], r"offsets\[0\] is -1073741825, expected"),
    ],
)
def test_tables_of_other_shapes_and_far_offsets_raise(cdf, lengths, offsets, message):
    with pytest.raises(ValueError, match=message):
        coder.CdfTables(cdf, lengths, offsets)


def test_tables_of_other_types_raise():
    with pytest.raises(TypeError, match="tables is list, expected CdfTables"):
        coder.encode([0], [0], [[0, 1, 65536]])
    with pytest.raises(TypeError, match="tables is NoneType, expected CdfTables"):
        coder.Decoder(bytes(8), None)
