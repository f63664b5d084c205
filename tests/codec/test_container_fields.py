"""Tagged fields at the end of a header: kept, skipped, or refused, by the codec's reader and the readable one."""

import dataclasses
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcompress import reference
from jaxcompress.codec import BitstreamError, container
from jaxcompress.codec.coded_string import CodedString

HEADER = container.Header("mbt2018-mean", 64, 96, 64, 64, 3, 8, (0, 0, 0, 0), "00" * 8, "11" * 8, (4, 4))
STRINGS = [CodedString(b"\x01\x02\x03", checksum=1), CodedString(b"", checksum=2)]
FILE = container.pack(HEADER, STRINGS)
READERS = [container.unpack, reference.read_file]


def with_fields(fields: bytes) -> bytes:
    """The file with bytes at the end of its header, and checksums that fit."""
    length = FILE[6] + len(fields)
    number = bytes([length]) if length < 128 else bytes([length % 128 + 128, length // 128])
    assert length < 2**14
    header = FILE[:6] + number + FILE[7 : 7 + FILE[6] - 4] + fields
    data = header + struct.pack("<I", zlib.crc32(header)) + FILE[7 + FILE[6] : -4]
    return data + struct.pack("<I", zlib.crc32(data))


def field(tag: int, content: bytes) -> bytes:
    """A field whose tag and length take a byte each."""
    return bytes([tag, len(content)]) + content


def setting(name: bytes, value: int) -> bytes:
    return bytes([len(name)]) + name + bytes([value])


RATE = setting(b"rate", 49)


def test_the_bytes_are_those_of_the_specification():
    settings = dataclasses.replace(HEADER, settings=(("rate", 49), ("detail", 300)))
    written = b"\x03\x0f" + b"\x04rate\x31" + b"\x06detail\xac\x02"
    assert container.pack(settings, STRINGS) == with_fields(written)
    both = dataclasses.replace(settings, icc_profile=b"profile")
    assert container.pack(both, STRINGS) == with_fields(written + b"\x04\x07profile")
    assert with_fields(b"") == FILE
    assert container.unpack(with_fields(written + b"\x04\x07profile")) == (both, STRINGS)


def test_a_file_without_fields_has_no_bytes_for_them():
    with_rate = dataclasses.replace(HEADER, settings=(("rate", 49),))
    assert len(container.pack(with_rate, STRINGS)) == len(FILE) + 8


@pytest.mark.parametrize("before", [b"", field(3, RATE)])
@pytest.mark.parametrize("number", [3, 63, 64, 2**15 - 1])
def test_unknown_fields_are_skipped_or_refused(before, number):
    def unknown(must_understand):
        tag = 2 * number + must_understand
        low = bytes([tag]) if tag < 128 else bytes([tag % 128 + 128, tag // 128 % 128])
        return low if tag < 2**14 else low[:1] + bytes([tag // 128 % 128 + 128, tag // 2**14])

    plain = container.unpack(with_fields(before))
    assert container.unpack(with_fields(before + unknown(0) + b"\x03abc")) == plain
    assert container.unpack(with_fields(before + unknown(0) + b"\x00")) == plain
    for content in (b"\x00", b"\x03abc"):
        with pytest.raises(BitstreamError, match=f"needs field {number}, .*update it"):
            container.unpack(with_fields(before + unknown(1) + content))
        with pytest.raises(ValueError, match=f"needs field {number}"):
            reference.read_file(with_fields(before + unknown(1) + content))


def test_the_readable_decoder_keeps_what_it_knows_and_skips_the_rest():
    assert reference.read_file(with_fields(b"\x04\x03abc" + b"\x06\x01x")).icc_profile == b"abc"
    with pytest.raises(ValueError, match=r"settings {'rate': 49}; expected none"):
        reference.read_file(with_fields(field(3, RATE)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((("rate", 99),), None),
        ((("rate", 145),), "the rate is 145; expected 0 to 144"),
        ((("detail", 3),), "expected rate"),
        ((("rate", 99), ("detail", 3)), "expected rate"),
        ((), "expected rate"),
    ],
)
def test_the_readable_decoder_knows_the_settings_of_light(settings, message):
    data = container.pack(dataclasses.replace(HEADER, architecture="light", settings=settings), STRINGS)
    if message is None:
        assert reference.read_file(data).settings == dict(settings)
    else:
        with pytest.raises(ValueError, match=message):
            reference.read_file(data)


HOSTILE = {
    "zero": (b"\x00", "malformed|in the middle"),
    "no length": (b"\x04", "malformed|in the middle"),
    "one byte short": (b"\x04\x04abc", "malformed|in the middle"),
    "a length of 4 GiB": (b"\x04\xff\xff\xff\xff\x0fabc", "malformed|in the middle"),
    "a length of more": (b"\x04\xff\xff\xff\xff\x7fabc", "4294967296"),
    "an endless length": (b"\x04" + b"\xff" * 99, "malformed|number"),
    "a long length": (b"\x04\x83\x00abc", "more bytes than it needs|83 00"),
    "a long tag": (b"\x84\x00\x03abc", "more bytes than it needs|84 00"),
    "a tag of 17 bits": (b"\x80\x80\x04\x00", "65536"),
    "twice": (field(4, b"abc") * 2, "field 2 (follows|comes after) field 2"),
    "unknown twice": (field(6, b"abc") * 2, "field 3 (follows|comes after) field 3"),
    "falling numbers": (field(4, b"abc") + field(3, RATE), "field 1 (follows|comes after) field 2"),
    "both bits": (field(6, b"") + field(7, b""), "field 3"),
    "settings that may be skipped": (field(2, RATE), "field 1 has (the )?tag 2"),
    "a profile that may not": (field(5, b"abc"), "field 2 has (the )?tag 5"),
    "an empty profile": (field(4, b""), "field 2 has (the )?tag 4"),
    "no settings": (field(3, b""), "field 1 has (the )?tag 3"),
    "no value": (field(3, b"\x04rate"), "malformed|in the middle"),
    "no name": (field(3, b"\x00\x31"), "printable"),
    "a long name": (field(3, b"\x31rate"), "malformed|in the middle"),
    "another alphabet": (field(3, setting("räte".encode("latin-1"), 1)), "printable"),
    "a line": (field(3, setting(b"ra\nte", 1)), "printable"),
    "a value of 5 GiB": (field(3, b"\x04rate\xff\xff\xff\xff\x1f"), "4294967296"),
    "a long value": (field(3, b"\x04rate\xb1\x00"), "more bytes than it needs|b1 00"),
    "a setting twice": (field(3, RATE * 2), "twice"),
    "17 settings": (field(3, b"".join(setting(b"%c" % (65 + i), 0) for i in range(17))), "more than 16"),
}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_fields_are_refused(read, name):
    fields, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message):
        read(with_fields(fields))


def test_sixteen_settings_are_as_many_as_there_may_be():
    settings = tuple((chr(65 + i), i) for i in range(17))
    sixteen = dataclasses.replace(HEADER, settings=settings[:16])
    assert container.unpack(container.pack(sixteen, STRINGS))[0] == sixteen
    with pytest.raises(ValueError, match="at most 16"):
        container.pack(dataclasses.replace(HEADER, settings=settings), STRINGS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((("rate", 1), ("rate", 2)), "different names"),
        ((("", 1),), "printable"),
        ((("räte", 1),), "printable"),
        ((("rate", -1),), "overflows"),
        ((("rate", 2**32),), "overflows"),
    ],
)
def test_settings_that_do_not_fit_cannot_be_written(settings, message):
    with pytest.raises(ValueError, match=message):
        container.pack(dataclasses.replace(HEADER, settings=settings), STRINGS)


def found_or_none(read, data):
    """What a reader makes of a file, or None if it refuses it."""
    try:
        return read(data)
    except ValueError:
        return None


_FIELD = st.tuples(st.integers(0, 9), st.one_of(st.binary(max_size=12), st.just(RATE))).map(lambda f: field(*f))


@given(st.one_of(st.binary(max_size=60), st.lists(_FIELD, max_size=4).map(b"".join)))
def test_any_bytes_are_refused_by_both_readers_or_by_neither(fields):
    data = with_fields(fields)
    ours, readable = (found_or_none(read, data) for read in READERS)
    if ours and ours[0].settings:  # which the model does not have, as the readable decoder knows
        assert readable is None
        return
    assert (ours is None) == (readable is None)
    if ours and readable:
        assert ours[0].icc_profile == readable.icc_profile
        assert [string.data for string in ours[1]] == [string.data for string in readable.strings]


@given(
    st.sampled_from(["bmshj2018-factorized", "mbt2018-mean", "mbt2018", "light"]),
    st.integers(1, 700),
    st.integers(1, 700),
    st.sampled_from([1, 3]),
    st.integers(16, 40),
    st.binary(max_size=200),
)
def test_random_pictures_read_the_same_by_both(architecture, width, height, channels, chunk, icc_profile):
    stride = 16 if "factorized" in architecture else 64
    rows, columns = -height % stride, -width % stride
    padding = (rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)
    header = dataclasses.replace(
        HEADER,
        architecture=architecture,
        width=width,
        height=height,
        channels=channels,
        padding=padding,
        chunk_size=(chunk, chunk),
        icc_profile=icc_profile,
        settings=(("rate", chunk),) if architecture == "light" else (),
    )
    sides = [-(-(side // 16) // chunk) for side in (header.padded_height, header.padded_width)]
    strings = [CodedString(bytes([i]), checksum=i) for i in range(sides[0] * sides[1] + (stride == 64))]
    data = container.pack(header, strings)
    assert container.unpack(data) == (header, strings)
    found = reference.read_file(data)
    assert dataclasses.astuple(found.padding) == header.padding
    assert (found.chunk_height, found.chunk_width) == header.chunk_size
    assert [(s.data, s.checksum) for s in found.strings] == [(s.data, s.checksum) for s in strings]
    assert found.settings == dict(header.settings)
    for name in ("width", "height", "channels", "icc_profile", "n", "m", "bits_fingerprint", "synthesis_fingerprint"):
        assert getattr(found, name) == getattr(header, name)
