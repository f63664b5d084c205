"""The format of many lanes: recorded streams, tables and symbols of every kind, and arguments."""

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.coder import _rans

ISAS = _rans.instruction_sets("lanes")
SMALL = coder.CdfTables([[0, 20000, 60000, 65536]], [4], [-1])

RECORDED = {
    (0, 32, 1): "00000000000100",
    (5, 64, 1): "0123006042fb15",
    (600, 32, 1): (
        "0008ff6269c69f3773f6dfc2fc86a48d0fb7a250dc018db370ad07f719922a3d2ca57c25d34c01daa7a42911787d7f5665de3234"
        "cd84ae27b8d603ad821710a2334bef4920a9f260c43f5f388e810676b8159d84f78088db8720718f3fdc78310489e69a6f1a3018"
        "f2d3b79d9f88dd79364251d00fc834027c3d9a7dce3a1782d71d4aa3f48723a766b94ce89e30fc20d28cc00ebc0300ce070030e3"
        "0c0000c37c0000307c070030cc070000c37c0000e37c0000e02f09ae70"
    ),
    (1100, 64, 2): (
        "034c000000ca04da0f32001c0fedeeba345dba9aac5b06c3f1dcd508e60c6cfadf540aa1f5ee15f2788c7bfadf540aa1f5781984"
        "b619f2da765f0a82f8493ae36a37289bcec6013cec024475b74284b78b5fc632ecf43ce217977d0edc9b3bed44ba345dbae9ab58"
        "02fcfabce9c985e0adb994970566001f07c97fc2b157d43e017916364c05fa7074e75ff408062b8e347d6eda0c5dba9aac7a0520"
        "f1ca04da0f32001c0fedeeba345dba9aac5b06c3f1dcd508e60c6cfadf540aa1f5ee15f2788c7bfadf540aa1f5781984b619f2da"
        "765f0a82f8493ae36a37289bcec6013cec024475b74284b78b5fc632ecf43ce217977d0edc9b3bed44ba345dbae9ab5802fcfabc"
        "e9c985e0adb994970566001f07c97fc2b157d43e017916364c05fa7074e75ff408062b8e347d6eda0c5dba9aac7a0520f1"
    ),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("count", "lanes", "parts"), RECORDED)
def test_recorded_streams_stay_the_same(isa, count, lanes, parts):
    i = np.arange(count)
    symbols = i * 7 % 11 // 5 - 1 + 1000 * (i % 50 == 9)
    indexes = np.zeros(count, np.uint8)
    data = coder.encode_lanes(symbols, indexes, SMALL, lanes=lanes, parts=parts, isa=isa)
    assert data.hex() == RECORDED[count, lanes, parts]
    assert coder.decode_lanes(data, indexes, SMALL, isa=isa).tolist() == symbols.tolist()


@pytest.mark.parametrize("lanes", [32, 64])
@pytest.mark.parametrize("isa", ISAS)
def test_image_models_come_back(coded, isa, lanes):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes=lanes, isa=isa)
    assert data == coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes=lanes, isa="portable")
    assert len(data) < len(coded.data) + 1.2 * lanes
    decoded = coder.decode_lanes(data, coded.indexes, coded.tables, isa=isa)
    np.testing.assert_array_equal(decoded, coded.symbols)


@pytest.mark.parametrize("isa", ISAS)
def test_every_symbol_of_a_wide_table_comes_back(isa):
    tables = coder.CdfTables([np.arange(65537)], [65537], [-32768])
    symbols = np.arange(-32770, 32770)
    indexes = np.zeros_like(symbols)
    data = coder.encode_lanes(symbols, indexes, tables, isa=isa)
    np.testing.assert_array_equal(coder.decode_lanes(data, indexes, tables, isa=isa), symbols)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("cdf", [[0, 1, 2, 65536], [0, 65534, 65535, 65536], [0, 1, 65535, 65536]])
def test_the_least_and_the_most_likely_symbols_come_back(isa, cdf):
    tables = coder.CdfTables([cdf], [4], [0])
    symbols = np.random.default_rng(1).integers(0, 2, 3000)
    indexes = np.zeros_like(symbols)
    data = coder.encode_lanes(symbols, indexes, tables, isa=isa)
    np.testing.assert_array_equal(coder.decode_lanes(data, indexes, tables, isa=isa), symbols)


def test_symbols_make_parts_by_their_number():
    for count, parts in ((0, 1), (2**18 - 1, 1), (2**18, 2), (300_000, 2)):
        indexes = np.zeros(count, np.uint8)
        symbols = np.zeros(count, np.int32)
        data = coder.encode_lanes(symbols, indexes, SMALL)
        assert data == coder.encode_lanes(symbols, indexes, SMALL, threads=3, parts=parts)
        assert data[0] == 2 * (parts - 1)


def test_any_shape_and_layout(gaussian):
    symbols = np.random.default_rng(4).integers(-3, 4, (6, 50, 40))[:, ::2]
    indexes = np.full((6, 25, 40), 20)
    data = coder.encode_lanes(symbols, indexes, gaussian.tables)
    assert data == coder.encode_lanes(symbols.ravel(), indexes.ravel().tolist(), gaussian.tables)
    for stream in (data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(coder.decode_lanes(stream, indexes, gaussian.tables), symbols)


@pytest.mark.parametrize("offset", [-(2**30), 0, 2**30])
def test_the_farthest_symbols_come_back_and_the_next_raise(offset):
    tables = coder.CdfTables([[0, 1, 2, 65536]], [4], [offset])
    ends = [offset - 2**27, offset + 2 + 2**27 - 1]
    symbols, indexes = ends * 100, [0] * 200
    assert coder.decode_lanes(coder.encode_lanes(symbols, indexes, tables), indexes, tables).tolist() == symbols
    for beyond in (ends[0] - 1, ends[1] + 1):
        for position in (5, 199):
            wrong = [*symbols[:position], beyond, *symbols[position + 1 :]]
            message = rf"symbols\[{position}\] is {beyond} .* can code {ends[0]} to {ends[1]}"
            with pytest.raises(ValueError, match=message):
                coder.encode_lanes(wrong, indexes, tables)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("index", [64, 10**6, -1, -(2**31)])
def test_an_index_without_a_table_raises(coded, isa, index):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, parts=3)
    indexes = coded.indexes.copy()
    indexes[[3017, 3900]] = index
    message = rf"indexes\[3017\] is {index} but there are 64 tables \(expected 0 to 63\)"
    with pytest.raises(ValueError, match=message):
        coder.decode_lanes(data, indexes, coded.tables, isa=isa)
    with pytest.raises(ValueError, match=message):
        coder.encode_lanes(coded.symbols, indexes, coded.tables, parts=3, isa=isa)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lanes": 16}, "lanes is 16, expected 32 or 64"),
        ({"threads": 0}, "threads is 0, expected at least 1"),
        ({"parts": 0}, "parts is 0, expected 1 to 128"),
        ({"parts": 129}, "parts is 129, expected 1 to 128"),
        ({"isa": "mmx"}, "isa is 'mmx', expected one that this processor has: .*portable"),
    ],
)
def test_wrong_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        coder.encode_lanes([0], [0], SMALL, **arguments)
    if arguments.keys() & {"threads", "isa"}:
        with pytest.raises(ValueError, match=message):
            coder.decode_lanes(coder.encode_lanes([0], [0], SMALL), [0], SMALL, **arguments)


def test_symbols_and_indexes_of_other_shapes_raise():
    with pytest.raises(ValueError, match=r"symbols has shape \(3,\) but indexes has shape \(2,\)"):
        coder.encode_lanes([0, 0, 0], [0, 0], SMALL)


def test_the_first_error_is_reported_for_any_number_of_threads():
    symbols, indexes = [0] * 1000, [0] * 1000
    for position in (100, 600, 900):
        indexes[position] = 7
    for threads in (1, 2, 4):
        with pytest.raises(ValueError, match=r"indexes\[100\] is 7"):
            coder.encode_lanes(symbols, indexes, SMALL, threads=threads, parts=10)


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_other_threads_run_while_coding(name, assert_other_threads_run):
    symbols, indexes = np.zeros(3_000_000, np.int32), np.zeros(3_000_000, np.uint8)
    data = coder.encode_lanes(symbols, indexes, SMALL)
    actions = {
        "encode": lambda: coder.encode_lanes(symbols, indexes, SMALL),
        "decode": lambda: coder.decode_lanes(data, indexes, SMALL),
    }
    assert_other_threads_run(actions[name])
