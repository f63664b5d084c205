"""The bytes of a `.jxc` file: written once, and refused when they are not those."""

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress.codec import BitstreamError, container
from jaxcompress.codec.coded_string import CodedString, EntropyMode, StreamFormat

HEADER = container.Header(
    architecture="mbt2018-mean",
    n=64,
    m=96,
    width=75,
    height=101,
    channels=3,
    bit_depth=8,
    padding=(13, 14, 26, 27),
    bits_fingerprint="0123456789abcdef",
    synthesis_fingerprint="fedcba9876543210",
    chunk_size=(8, 8),
    entropy_mode=EntropyMode.INTEGER,
)
STRINGS = [
    CodedString(b"\x01\x02\x03", checksum=0x12345678),
    CodedString(b"\x04\x05", StreamFormat.LANES, checksum=0x9ABCDEF0),
]
FILE = container.pack(HEADER, STRINGS)


def resealed(data: bytes) -> bytes:
    """The file with its CRCs made right again, as someone who means harm would."""
    length = int.from_bytes(data[6:10], "little")
    if 14 <= length <= len(data) - 4:
        data = sealed(data[: length - 4]) + data[length:]
    return sealed(data[:-4])


def sealed(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def test_the_bytes_are_those_of_the_specification():
    header = (
        b"\x8aJXC\x03\x00" + struct.pack("<I", 97) + b"\x01\x00\x0cmbt2018-mean"
        + struct.pack("<HHIIBB", 64, 96, 75, 101, 3, 8) + struct.pack("<HHHH", 13, 14, 26, 27)
        + bytes.fromhex("0123456789abcdef") + bytes.fromhex("fedcba9876543210")
        + struct.pack("<I", 0)
        + struct.pack("<HHI", 8, 8, 2) + struct.pack("<BII", 0, 3, 0x12345678) + struct.pack("<BII", 1, 2, 0x9ABCDEF0)
    )  # fmt: skip
    assert len(header) == 93
    assert sealed(sealed(header) + b"\x01\x02\x03\x04\x05") == FILE


def test_a_file_comes_back_as_it_was():
    assert container.unpack(FILE) == (HEADER, STRINGS)
    grey = dataclasses.replace(HEADER, channels=1, icc_profile=b"profile" * 99)
    assert container.unpack(container.pack(grey, STRINGS)) == (grey, STRINGS)


def test_every_flipped_bit_is_found():
    for position in range(8 * len(FILE)):
        data = bytearray(FILE)
        data[position // 8] ^= 1 << position % 8
        with pytest.raises(BitstreamError):
            container.unpack(bytes(data))


def test_every_truncation_and_extension_is_found():
    for length in range(len(FILE)):
        with pytest.raises(BitstreamError):
            container.unpack(FILE[:length])
        with pytest.raises(BitstreamError):
            container.unpack(resealed(FILE[:length]))
    with pytest.raises(BitstreamError):
        container.unpack(FILE + b"\0")
    with pytest.raises(BitstreamError, match="strings should take 5 bytes; 6 are there"):
        container.unpack(resealed(FILE[:-4] + b"\0" + FILE[-4:]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "0 x 101 pixels"),
        ({"width": 2**32 - 1, "height": 2**32 - 1}, "more than the limit"),
        ({"channels": 4}, "4 channels"),
        ({"bit_depth": 16}, "of 16 bits"),
        ({"chunk_size": (0, 8)}, "chunks are 0 x 8"),
        ({"chunk_size": (8, 7)}, "chunks are 8 x 7 latents; expected at least 16"),
        (
            {"width": 2**24, "height": 1, "padding": (0, 0, 0, 0), "chunk_size": (1, 16)},
            "2 strings, where the picture has 65536",
        ),
    ],
)
def test_fields_that_make_no_picture_are_refused(change, message):
    with pytest.raises(BitstreamError, match=message):
        container.unpack(container.pack(dataclasses.replace(HEADER, **change), STRINGS))


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (4, 4, "version 4.*update"),
        (10, 2, "does not know"),
        (11, 2, "does not know"),
        (12, 255, "malformed"),
        (84, 9, "does not know"),
    ],
)
def test_what_a_newer_version_may_write_is_refused(offset, value, message):
    data = bytearray(FILE)
    data[offset] = value
    with pytest.raises(BitstreamError, match=message):
        container.unpack(resealed(bytes(data)))


def test_the_header_has_a_checksum_of_its_own():
    data = bytearray(FILE)
    data[95] ^= 1
    for in_part in (False, True):
        with pytest.raises(BitstreamError, match="CRC-32"):
            container.unpack(sealed(bytes(data[:-4])), in_part=in_part)


def test_a_part_is_read_whatever_the_rest_is():
    damaged = FILE[:-6] + bytes(6)
    with pytest.raises(BitstreamError, match="CRC-32"):
        container.unpack(damaged)
    header, (first, second) = container.unpack(damaged, in_part=True)
    assert (header, first) == (HEADER, STRINGS[0])
    assert isinstance(first.data, memoryview)
    assert second.checksum == STRINGS[1].checksum
    with pytest.raises(BitstreamError, match="strings should take 5 bytes; 4 are there"):
        container.unpack(FILE[:-1], in_part=True)


def test_the_limit_on_pixels_counts_the_padding():
    assert container.unpack(FILE, max_pixels=128 * 128)
    with pytest.raises(BitstreamError, match="max_pixels"):
        container.unpack(FILE, max_pixels=128 * 128 - 1)


def test_fields_that_do_not_fit_cannot_be_written():
    with pytest.raises(ValueError, match="overflows"):
        container.pack(dataclasses.replace(HEADER, n=70000), STRINGS)


@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_raise_and_nothing_else(data, keep_start):
    data = (FILE[:10] if keep_start else container.MAGIC) + data + bytes(4)
    for candidate in (data, resealed(data)):
        with pytest.raises(BitstreamError):
            container.unpack(candidate)
