"""Files of version 3, which are no longer written: read for ever, and refused where they are not what the page says."""

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress import reference
from jaxcompress.codec import container
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
READERS = [container.unpack, reference.read_file]


def sealed(data):
    return data + struct.pack("<I", zlib.crc32(data))


def resealed(data):
    """The file with its checksums made right again, as someone who means harm would."""
    length = int.from_bytes(data[6:10], "little")
    if 14 <= length <= len(data) - 4:
        data = sealed(data[: length - 4]) + data[length:]
    return sealed(data[:-4])


def write(header, strings):
    """The bytes of a file of version 3."""
    body = struct.pack("<BBB", header.entropy_mode, header.symbol_order, len(header.architecture))
    body += header.architecture.encode("ascii")
    body += struct.pack("<HHIIBB", header.n, header.m, header.width, header.height, header.channels, header.bit_depth)
    body += struct.pack("<HHHH", *header.padding)
    body += bytes.fromhex(header.bits_fingerprint + header.synthesis_fingerprint)
    body += struct.pack("<I", len(header.icc_profile)) + header.icc_profile
    body += struct.pack("<HHI", *header.chunk_size, len(strings))
    body += b"".join(struct.pack("<BII", string.format, len(string.data), string.checksum) for string in strings)
    head = sealed(b"\x8aJXC\x03\x00" + struct.pack("<I", 14 + len(body)) + body)
    return sealed(head + b"".join(string.data for string in strings))


FILE = write(HEADER, STRINGS)


def test_the_bytes_are_those_that_version_0_1_0_wrote():
    header = (
        b"\x8aJXC\x03\x00" + struct.pack("<I", 97) + b"\x01\x00\x0cmbt2018-mean"
        + struct.pack("<HHIIBB", 64, 96, 75, 101, 3, 8) + struct.pack("<HHHH", 13, 14, 26, 27)
        + bytes.fromhex("0123456789abcdef") + bytes.fromhex("fedcba9876543210")
        + struct.pack("<I", 0)
        + struct.pack("<HHI", 8, 8, 2) + struct.pack("<BII", 0, 3, 0x12345678) + struct.pack("<BII", 1, 2, 0x9ABCDEF0)
    )  # fmt: skip
    assert len(header) == 93
    assert sealed(sealed(header) + b"\x01\x02\x03\x04\x05") == FILE


def test_a_file_is_read_as_it_was_written():
    assert container.unpack(FILE) == (HEADER, STRINGS)
    assert container.version_of(FILE) == 3
    grey = dataclasses.replace(HEADER, channels=1, icc_profile=b"profile" * 99)
    assert container.unpack(write(grey, STRINGS)) == (grey, STRINGS)
    found = reference.read_file(write(grey, STRINGS))
    assert (found.version, found.channels, found.icc_profile, found.settings) == (3, 1, b"profile" * 99, {})
    assert dataclasses.astuple(found.padding) == grey.padding
    assert [(string.stream_format, string.checksum, string.data) for string in found.strings] == [
        (string.format, string.checksum, string.data) for string in STRINGS
    ]


def test_what_is_read_can_be_written_as_version_4():
    assert container.unpack(container.pack(*container.unpack(FILE))) == (HEADER, STRINGS)


@pytest.mark.parametrize("read", READERS)
def test_every_flipped_bit_is_found(read):
    for position in range(8 * len(FILE)):
        data = bytearray(FILE)
        data[position // 8] ^= 1 << position % 8
        with pytest.raises(ValueError, match=r"damaged|no[t a]* \.jxc|version"):
            read(bytes(data))


@pytest.mark.parametrize("read", READERS)
def test_every_truncation_and_extension_is_found(read):
    for length in range(len(FILE)):
        for data in (FILE[:length], resealed(FILE[:length])):
            with pytest.raises(ValueError, match=r"damaged|no[t a]* \.jxc|cut off|strings|version"):
                read(data)
    with pytest.raises(ValueError, match="damaged"):
        read(FILE + b"\0")
    with pytest.raises(ValueError, match=r"strings (should take|have) 5 bytes; (6 are there|there are 6)"):
        read(resealed(FILE[:-4] + b"\0" + FILE[-4:]))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "0 x 101 pixels|width is 0"),
        ({"width": 2**32 - 1, "height": 2**32 - 1}, "more than the limit|padding"),
        ({"channels": 4}, "4 channels|channels is 4"),
        ({"bit_depth": 16}, "of 16 bits|bit depth is 16"),
        ({"chunk_size": (0, 8)}, "chunks are 0 x 8|chunk height is 0"),
        ({"n": 0}, "N 0|n is 0"),
        ({"m": 0}, "M 0|m is 0"),
    ],
)
def test_fields_that_make_no_picture_are_refused(read, change, message):
    with pytest.raises(ValueError, match=message):
        read(write(dataclasses.replace(HEADER, **change), STRINGS))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (10, b"\x02", "does not know.*update|entropy mode is 2"),
        (11, b"\x02", "does not know.*update|symbol order is 2"),
        (12, b"\xff", "malformed|in the middle"),
        (13, b"\xff", "ASCII|architecture is"),
        (63, b"\xff\xff\xff\xff", "malformed|in the middle"),  # length of the profile
        (71, b"\xff\xff\xff\xff", "malformed|in the middle"),  # number of strings
        (71, b"\x01", "malformed|after its last field"),
        (75, b"\x09", "does not know.*update|stream format is 9"),
        (76, b"\xff\xff\xff\xff", "strings (should take|have) 4294967297 bytes"),
    ],
)
def test_values_that_the_page_does_not_list_are_refused(read, place, value, message):
    with pytest.raises(ValueError, match=message):
        read(resealed(FILE[:place] + value + FILE[place + len(value) :]))


def test_a_part_is_read_whatever_the_rest_is():
    header, (first, second) = container.unpack(FILE[:-6] + bytes(6), in_part=True)
    assert (header, first, second.checksum) == (HEADER, STRINGS[0], STRINGS[1].checksum)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_and_nothing_else(data):
    for candidate in (FILE[:10] + data + bytes(4), sealed(sealed(FILE[:6] + struct.pack("<I", len(data) + 14) + data))):
        for read in READERS:
            with pytest.raises(ValueError, match=r"."):
                read(candidate)
