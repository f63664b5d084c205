"""Which stream format a string of symbols takes, and what the codec makes of each."""

import numpy as np
import pytest

from jaxcompress.codec import BitstreamError, container, repair, strings
from jaxcompress.codec.coded_string import StreamFormat
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table()).coder_tables


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("count", [strings.LANES_FROM - 1, strings.LANES_FROM])
def test_many_symbols_of_our_own_are_in_lanes(count, native):
    symbols, indexes = np.arange(count, dtype=np.int32) % 7 - 3, np.full(count, 30, np.uint8)
    string = strings.encode_symbols(symbols, indexes, TABLES, native=native, threads=1)
    lanes = native and count >= strings.LANES_FROM
    assert string.format == (StreamFormat.LANES if lanes else StreamFormat.RANS64)
    np.testing.assert_array_equal(strings.decode_symbols(string, indexes, TABLES, threads=2), symbols)


def test_lanes_have_to_be_worth_their_bytes():
    # 2**19 symbols, which take 4 parts if each has 2304 bytes.
    for scale_index, parts in ((30, 4), (6, 1), (8, 3), (0, None)):
        count = 2**19
        symbols, indexes = np.zeros(count, np.int32), np.full(count, scale_index, np.uint8)
        string = strings.encode_symbols(symbols, indexes, TABLES, native=True, threads=1)
        assert (string.data[0] >> 1) + 1 == parts if parts else string.format == StreamFormat.RANS64
        np.testing.assert_array_equal(strings.decode_symbols(string, indexes, TABLES, threads=1), symbols)


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean"])
def test_files_of_many_lanes_hold_the_same_picture(architecture, golden_of, photo, monkeypatch):
    codec = golden_of(architecture).codec
    expected = codec.decompress(codec.compress(photo))
    monkeypatch.setattr(strings, "LANES_FROM", 1)
    monkeypatch.setattr(strings, "PART_BYTES", 1)
    data = codec.compress(photo)
    assert {string.format for string in container.unpack(data)[1]} == {StreamFormat.LANES}
    np.testing.assert_array_equal(codec.decompress(data), expected)
    assert codec.compress(photo, format="jxc") == data


def test_a_file_of_many_lanes_with_a_scale_on_the_other_side_is_repaired(golden_of, flip_scales, photo, monkeypatch):
    codec = golden_of("mbt2018-mean").codec
    monkeypatch.setattr(strings, "LANES_FROM", 1)
    monkeypatch.setattr(strings, "PART_BYTES", 1)
    expected = codec.decompress(codec.compress(photo))
    with monkeypatch.context() as patch:
        flip_scales(patch, [0, 1])
        data = codec.compress(photo)
    np.testing.assert_array_equal(codec.decompress(data), expected)
    monkeypatch.setattr(repair, "MAX_CANDIDATES", 0)
    with pytest.raises(BitstreamError, match="do not decode"):
        codec.decompress(data)
