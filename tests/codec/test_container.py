"""The bytes of a `.jxc` file: written once, and refused when they are not those."""

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress import reference
from jaxcompress.codec import BitstreamError, container
from jaxcompress.codec.coded_string import CodedString, EntropyMode, StreamFormat, SymbolOrder

HEADER = container.Header(
    architecture="mbt2018-mean",
    n=64,
    m=320,
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
BODY = (
    b"\x01\x0cmbt2018-mean" + bytes([64, 192, 2, 75, 101, 27, 53, 8, 8])
    + bytes.fromhex("0123456789abcdef") + bytes.fromhex("fedcba9876543210")
    + b"\x02" + b"\x0c" + struct.pack("<I", 0x12345678) + b"\x09" + struct.pack("<I", 0x9ABCDEF0)
)  # fmt: skip
READERS = [container.unpack, reference.read_file]


def sealed(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def file_of(body: bytes, strings: bytes = b"\x01\x02\x03\x04\x05") -> bytes:
    """A file with right checksums of any header after its length, as someone who means harm would write it."""
    length = len(body) + 4
    assert length < 128
    return sealed(sealed(b"\x8aJXC\x04\x00" + bytes([length]) + body) + strings)


def test_the_bytes_are_those_of_the_specification():
    assert file_of(BODY) == FILE
    assert len(FILE) == 70  # of which 5 are strings
    found = reference.read_file(FILE)
    assert (found.version, found.width, found.height, found.m, found.settings) == (4, 75, 101, 320, {})
    assert [(s.stream_format, s.checksum, s.data) for s in found.strings] == [
        (string.format, string.checksum, string.data) for string in STRINGS
    ]


def test_a_file_comes_back_as_it_was():
    assert container.unpack(FILE) == (HEADER, STRINGS)
    grey = dataclasses.replace(HEADER, channels=1, icc_profile=b"profile" * 99, settings=(("rate", 49),))
    assert container.unpack(container.pack(grey, STRINGS)) == (grey, STRINGS)


_HEADERS = st.builds(
    container.Header,
    architecture=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255),
    n=st.integers(1, 2**16 - 1),
    m=st.integers(1, 2**16 - 1),
    width=st.integers(1, 2**32 - 1),
    height=st.integers(1, 2**32 - 1),
    channels=st.sampled_from([1, 3]),
    bit_depth=st.just(8),
    padding=st.tuples(st.integers(0, 2**15 - 1), st.booleans(), st.integers(0, 2**15 - 1), st.booleans()).map(
        lambda p: (p[0], p[0] + p[1], p[2], p[2] + p[3])
    ),
    bits_fingerprint=st.binary(min_size=8, max_size=8).map(bytes.hex),
    synthesis_fingerprint=st.binary(min_size=8, max_size=8).map(bytes.hex),
    chunk_size=st.tuples(st.integers(1, 2**16 - 1), st.integers(1, 2**16 - 1)),
    icc_profile=st.binary(max_size=300),
    entropy_mode=st.sampled_from(EntropyMode),
    symbol_order=st.sampled_from(SymbolOrder),
    settings=st.dictionaries(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30),
        st.integers(0, 2**32 - 1),
        max_size=16,
    ).map(lambda settings: tuple(settings.items())),
)
_STRINGS = st.builds(
    CodedString, st.binary(max_size=200), st.sampled_from(StreamFormat), st.integers(min_value=0, max_value=2**32 - 1)
)


@given(_HEADERS, st.lists(_STRINGS, max_size=150))
def test_random_headers_come_back(header, strings):
    data = container.pack(header, strings)
    assert container.unpack(data, max_pixels=2**70) == (header, strings)
    assert container.unpack(data, max_pixels=2**70, in_part=True) == (header, strings)


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
        with pytest.raises(ValueError, match=r"damaged|no[t a]* \.jxc|cut off"):
            read(FILE[:length])
    for length in range(len(BODY)):
        with pytest.raises(ValueError, match=r"malformed|in the middle|strings"):
            read(file_of(BODY[:length]))
    for data in (FILE + b"\0", sealed(FILE)):
        with pytest.raises(ValueError, match=r"damaged|strings"):
            read(data)
    with pytest.raises(ValueError, match=r"strings (should take|have) 5 bytes; (6 are there|there are 6)"):
        read(file_of(BODY, bytes(6)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "0 x 101 pixels"),
        ({"width": 2**32 - 1, "height": 2**32 - 1}, "more than the limit"),
        ({"n": 0}, "N 0 and M 320"),
        ({"m": 0}, "N 64 and M 0"),
        ({"chunk_size": (0, 8)}, "chunks are 0 x 8"),
        ({"chunk_size": (8, 0)}, "chunks are 8 x 0"),
    ],
)
def test_fields_that_make_no_picture_are_refused(change, message):
    data = container.pack(dataclasses.replace(HEADER, **change), STRINGS)
    with pytest.raises(BitstreamError, match=message):
        container.unpack(data)
    with pytest.raises(ValueError, match=r"is 0|padding"):
        reference.read_file(data)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, b"\x09", "does not know.*update|modes are 9"),  # a mode
        (0, b"\x81", "does not know.*update|modes are 129"),
        (1, b"\x00", "the name b''|name b''|a name is b''"),
        (1, b"\xff", "malformed|middle of a field"),
        (2, b"\x1b", "printable"),
        (2, b"\xc3", "printable"),
        (14, b"\xc0\x00", "more bytes than it needs|number c0 00"),  # N, and then M
        (14, b"\x80\x80\x04", "65536 or more|below 65536"),
        (14, b"\x80\x80\x80\x80\x80", "65536 or more|more than 5 bytes|80 80 80 80 80"),
        (17, b"\xff\xff\xff\xff\x10", "4294967296 or more|below 4294967296"),  # the width
        (39, b"\xff\xff\xff\xff\x0f", "malformed|in the middle"),  # the number of strings
        (40, b"\x0e", "does not know.*update|stream format"),  # the first string
        (40, b"\x10", "strings (should take|have) 6 bytes"),
        (40, b"\xfc\xff\xff\xff\x0f", "malformed|in the middle|strings"),
    ],
)
@pytest.mark.parametrize("read", READERS)
def test_values_that_the_page_does_not_list_are_refused(read, place, value, message):
    with pytest.raises(ValueError, match=message):
        read(file_of(BODY[:place] + value + BODY[place + len(value) :]))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("version", "advice"), [(5, "update"), (2, "code the picture again")])
def test_other_versions_are_refused(read, version, advice):
    data = FILE[:4] + bytes([version]) + FILE[5:]
    with pytest.raises(ValueError, match=rf"version {version}.*{advice}|version is {version}"):
        read(sealed(data[:-4]))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("length", [0, 3, 66, 127])
def test_lengths_of_the_header_that_cannot_be_are_refused(read, length):
    with pytest.raises(ValueError, match="damaged"):
        read(sealed(FILE[:6] + bytes([length]) + FILE[7:-4]))


def test_the_header_has_a_checksum_of_its_own():
    data = bytearray(FILE)
    data[60] ^= 1
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 70000}, "overflows"),
        ({"width": 2**32}, "overflows"),
        ({"chunk_size": (-1, 8)}, "overflows"),
        ({"bit_depth": 10}, "of 8 bits"),
        ({"channels": 4}, "1 or 3 channels"),
        ({"padding": (14, 13, 26, 27)}, "shared evenly"),
        ({"architecture": ""}, "printable"),
        ({"architecture": "é"}, "printable"),
        ({"architecture": "a" * 256}, "printable"),
    ],
)
def test_fields_that_do_not_fit_cannot_be_written(change, message):
    with pytest.raises(ValueError, match=message):
        container.pack(dataclasses.replace(HEADER, **change), STRINGS)


def test_strings_without_a_checksum_cannot_be_written():
    with pytest.raises(ValueError, match="no checksum"):
        container.pack(HEADER, [CodedString(b"")])


@given(st.binary(max_size=100), st.booleans())
def test_arbitrary_bytes_raise_and_nothing_else(data, keep_start):
    with pytest.raises(BitstreamError):
        container.unpack((FILE[:10] if keep_start else container.MAGIC) + data + bytes(4))
    if not keep_start:
        for read in READERS:
            with pytest.raises(ValueError, match=r"."):
                read(file_of(data))
            with pytest.raises(ValueError, match=r"."):
                read(file_of(BODY[: len(data)] + data[:10]))
