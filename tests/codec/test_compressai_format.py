import dataclasses
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress.codec import BitstreamError, compressai_format

HEADER = compressai_format.Header("mbt2018-mean", "mse", 3, 50, 70, (1, 2))
STRINGS = [b"abcdefgh", b"ijklmnop"]


def test_the_bytes_are_compressai_s():
    data = compressai_format.pack(HEADER, STRINGS)
    assert data.hex(" ", -4).startswith("03020000 00320000 00460800 00000100 00000200 000002")
    assert data[23:] == struct.pack(">I", 8) + STRINGS[0] + struct.pack(">I", 8) + STRINGS[1]
    assert compressai_format.unpack(data) == (HEADER, STRINGS)


def test_the_legacy_layout_is_found_by_its_lengths():
    legacy = compressai_format.Header("mbt2018-mean", "ms-ssim", 8, 50, 70, (1, 2), "legacy")
    data = compressai_format.pack(legacy, STRINGS)
    assert data[0] == 2  # before a model was inserted in the list
    assert compressai_format.unpack(data) == (legacy, STRINGS)
    assert compressai_format.unpack(data, layout="legacy")[0] == legacy
    with pytest.raises(BitstreamError, match="current"):
        compressai_format.unpack(data, layout="current")
    with pytest.raises(ValueError, match="layout is 'new'"):
        compressai_format.unpack(data, layout="new")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "at least one"),
        ({"height": 2**31, "width": 2**31}, "at most"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    data = compressai_format.pack(dataclasses.replace(HEADER, **change), STRINGS)
    with pytest.raises(BitstreamError, match=message):
        compressai_format.unpack(data)


@pytest.mark.parametrize("shape", [(2, 2), (2**31, 2)])
def test_latents_that_do_not_fit_the_picture_are_refused(shape):
    with pytest.raises(BitstreamError, match="makes it 1 x 2"):
        compressai_format.check_shape(dataclasses.replace(HEADER, shape=shape), stride=64)


@pytest.mark.parametrize(("position", "value"), [(0, 9), (1, 0x2F), (1, 0x0F), (10, 10), (22, 3), (26, 9)])
def test_header_bytes_that_mean_nothing_are_refused(position, value):
    data = bytearray(compressai_format.pack(HEADER, STRINGS))
    data[position] = value
    with pytest.raises(BitstreamError):
        compressai_format.unpack(bytes(data))


def test_what_the_format_cannot_name_cannot_be_written():
    with pytest.raises(ValueError, match="cannot name the model 'mine'"):
        compressai_format.pack(compressai_format.Header("mine", "mse", 3, 50, 70, (1, 2)), STRINGS)
    with pytest.raises(ValueError, match="no quality 9"):
        compressai_format.pack(compressai_format.Header("mbt2018", "mse", 9, 50, 70, (1, 2)), STRINGS)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_raise_and_nothing_else(data):
    try:
        header, strings = compressai_format.unpack(data)
    except BitstreamError:
        return
    assert compressai_format.pack(header, strings) == data  # the few that are whole files
