"""The format of many lanes: its bytes by a reference in Python, every kernel, and damaged streams."""

import itertools
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcompress import coder
from jaxcompress.coder import _rans

StreamError = coder.StreamError
ISAS = _rans.instruction_sets("lanes")
SMALL = coder.CdfTables([[0, 20000, 60000, 65536]], [4], [-1])


class Bits:
    """Bits, the lowest first, and then 16-bit words."""

    def __init__(self):
        self.value, self.count = 0, 0

    def put(self, value, count):
        assert 0 <= value < 1 << count
        self.value |= value << self.count
        self.count += count

    def words(self):
        return [self.value >> shift & 0xFFFF for shift in range(0, self.count, 16)]


class Coder:
    """A state and the words it has put out."""

    def __init__(self, state, words):
        self.state, self.words = state, words

    def put(self, start, width):
        if self.state >= width << 16:
            self.words.append(self.state & 0xFFFF)
            self.state >>= 16
        self.state = (self.state // width << 16) + self.state % width + start

    def put_raw(self, raw):
        nibbles = [int(digit, 16) for digit in f"{raw:x}"] if raw else []
        for nibble in [*nibbles, len(nibbles)]:
            self.put(nibble << 12, 1 << 12)


def reference_part(operations, lanes, lane_start=2**16):
    """A part by its definition; an operation is (start, width, raw value or None)."""
    side = Coder(2**16, [])
    left, count = len(operations), len(operations) % lanes
    while True:
        for _ in range(count):
            left -= 1
            start, width, raw = operations[left]
            if raw is not None:
                side.put_raw(raw)
            side.put(start, width)
        if left == 0 or len(side.words) >= lanes:
            break
        count = lanes
    words, raws = [], [raw for _, _, raw in operations[left:] if raw is not None][::-1]
    in_side = len(raws)
    states = [Coder(lane_start + word, words) for word in side.words[: lanes if left else 0]][::-1]
    for i in reversed(range(left)):
        start, width, raw = operations[i]
        states[i % lanes].put(start, width)
        if raw is not None:
            side.put_raw(raw)
            raws.append(raw)
    if len(raws) > in_side:
        check = 0
        for raw in raws:
            check = (check ^ raw) * 0x9E3779B1 % 2**32
        side.put(check >> 16, 1)
    head = Bits()
    count = len(operations) - left
    head.put(count.bit_length(), 5)
    if count:
        head.put(count - (1 << count.bit_length() - 1), count.bit_length() - 1)
    for lane in states:
        high = lane.state >> 16
        head.put(high.bit_length() - 1, 4)
        head.put(high - (1 << high.bit_length() - 1), high.bit_length() - 1)
        head.put(lane.state & 0xFFFF, 16)
    rest = side.words[len(states) :][::-1]
    return [*head.words(), *words[::-1], side.state & 0xFFFF, side.state >> 16, *rest]


def reference_encode(symbols, indexes, rows, offsets, lanes, parts):
    operations = []
    for symbol, index in zip(symbols, indexes, strict=True):
        cdf, value = rows[index], symbol - offsets[index]
        escape = len(cdf) - 2
        inside = 0 <= value < escape
        s = value if inside else escape
        raw = None if inside else -2 * value - 1 if value < 0 else 2 * (value - escape)
        operations.append((cdf[s], cdf[s + 1] - cdf[s], raw))
    ends = [len(operations) * part // parts for part in range(parts + 1)]
    coded = [reference_part(operations[a:b], lanes) for a, b in itertools.pairwise(ends)]
    header = bytes([(lanes == 64) + 2 * (parts - 1)])
    sizes = b"".join(len(words).to_bytes(4, "little") for words in coded[:-1])
    return header + sizes + b"".join(word.to_bytes(2, "little") for words in coded for word in words)


def make_tables(rows, offsets):
    cdf = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for padded, row in zip(cdf, rows, strict=True):
        padded[: len(row)] = row
    return coder.CdfTables(cdf, [len(row) for row in rows], offsets)


@st.composite
def messages(draw):
    """Rows, offsets, symbols, indexes: any number around those of lanes, with none to nearly all escapes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, offsets = [], []
    for _ in range(draw(st.integers(1, 4))):
        inner = rng.choice(65535, draw(st.integers(1, 40)), replace=False) + 1
        if draw(st.booleans()):
            inner = np.minimum(inner // 900 + 1, 65535)  # one symbol, the escape, has nearly all
        if draw(st.booleans()):
            inner = 65536 - inner  # most of it belongs to the first symbol
        rows.append([0, *np.unique(inner).tolist(), 65536])
        offsets.append(draw(st.integers(-30, 5) | st.integers(-32800, -32700) | st.integers(-(2**30), 2**30)))
    lanes = draw(st.sampled_from([32, 64]))
    count = draw(st.sampled_from([0, 1, 2, 3])) * lanes + draw(st.integers(-1, 1))
    count = draw(st.just(max(count, 0)) | st.integers(0, 300) | st.just(2500))
    indexes = rng.integers(0, len(rows), count)
    escapes = draw(st.sampled_from([0, 0.02, 0.9]))
    symbols = []
    for index in indexes.tolist():
        cdf, offset = rows[index], offsets[index]
        escape = len(cdf) - 2
        value = int(np.searchsorted(cdf, rng.integers(0, cdf[-2]), "right")) - 1
        if rng.random() < escapes:
            reach = 2 ** int(rng.integers(0, 28))
            value = int(rng.integers(-reach, escape + reach))
        symbols.append(offset + value)
    return rows, offsets, symbols, indexes.tolist(), lanes


@given(messages(), st.sampled_from([1, 1, 2, 5, 128]))
@settings(max_examples=40, deadline=None)
def test_streams_are_those_of_the_reference(message, parts):
    rows, offsets, symbols, indexes, lanes = message
    expected = reference_encode(symbols, indexes, rows, offsets, lanes, parts)
    tables = make_tables(rows, offsets)
    for isa in ISAS:
        assert coder.encode_lanes(symbols, indexes, tables, lanes, parts=parts, isa=isa) == expected


@pytest.mark.parametrize("isa", ISAS)
@given(messages(), st.integers(1, 128), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_symbols_come_back(isa, message, parts, threads):
    rows, offsets, symbols, indexes, lanes = message
    tables = make_tables(rows, offsets)
    data = coder.encode_lanes(symbols, indexes, tables, lanes, threads, parts=parts, isa=isa)
    for dtype in (np.uint8, np.int32):
        decoded = coder.decode_lanes(data, np.array(indexes, dtype), tables, threads, isa=isa)
        assert decoded.dtype == np.int32
        assert decoded.tolist() == symbols


@pytest.mark.parametrize("isa", ISAS)
@given(messages(), st.integers(min_value=0), st.binary(min_size=1, max_size=9), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_truncated_and_extended_streams_raise(isa, message, size, extension, parts):
    rows, offsets, symbols, indexes, lanes = message
    tables = make_tables(rows, offsets)
    data = coder.encode_lanes(symbols, indexes, tables, lanes, parts=parts)
    for damaged in (data[: size % len(data)], data + extension):
        with pytest.raises(StreamError):
            coder.decode_lanes(damaged, indexes, tables, isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@given(messages(), st.data())
@settings(max_examples=40, deadline=None)
def test_what_decodes_is_what_encoding_gives(isa, message, data):
    rows, offsets, symbols, indexes, lanes = message
    tables = make_tables(rows, offsets)
    stream = bytearray(coder.encode_lanes(symbols, indexes, tables, lanes))
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(1, len(stream) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = coder.decode_lanes(stream, indexes, tables, isa=isa)
    except StreamError:
        return
    assert coder.encode_lanes(decoded, indexes, tables, lanes, parts=1) == stream


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
    data = coder.encode_lanes(symbols, indexes, SMALL, lanes, parts=parts, isa=isa)
    assert data.hex() == RECORDED[count, lanes, parts]
    assert coder.decode_lanes(data, indexes, SMALL, isa=isa).tolist() == symbols.tolist()


@pytest.mark.parametrize("lanes", [32, 64])
@pytest.mark.parametrize("isa", ISAS)
def test_image_models_come_back(coded, isa, lanes):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes, isa=isa)
    assert data == coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes, isa="portable")
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


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lanes", [32, 64])
def test_bit_flips_are_found(coded, isa, lanes):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables, lanes)
    flips = [data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] for i in range(len(data)) for bit in (i % 8,)]
    for flipped in flips:
        with pytest.raises(StreamError):
            coder.decode_lanes(flipped, coded.indexes, coded.tables, isa=isa)


def test_bit_flips_in_values_of_escapes_are_found():
    tables = coder.CdfTables([[0, 60000, 65536]], [3], [0])
    rng = np.random.default_rng(5)
    symbols = np.where(rng.random(600) < 0.3, rng.integers(1, 10**6, 600), 0)
    indexes = np.zeros_like(symbols)
    data = coder.encode_lanes(symbols, indexes, tables)
    found = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            coder.decode_lanes(flipped, indexes, tables)
        except StreamError:
            found += 1
    assert found > 0.99 * 8 * len(data)


def parts_of(data, sizes):
    """A stream of so many parts, of which all but the last are said to have these sizes."""
    return bytes([2 * len(sizes)]) + b"".join(size.to_bytes(4, "little") for size in sizes) + data


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda d: b"", "has 0 bytes, expected a first byte", id="empty"),
        pytest.param(lambda d: d[:1], "ends before its last symbol", id="1 byte"),
        pytest.param(lambda d: d[:-1], "expected whole words of 2", id="an odd byte"),
        pytest.param(lambda d: d[:-2], "ends before its last symbol|state|words left", id="a word missing"),
        pytest.param(lambda d: d + b"ab", "a part of the stream (has|ends)", id="a word more"),
        pytest.param(lambda d: b"\xff" + d[1:9], "expected at least 509 for 128 parts", id="sizes missing"),
        pytest.param(lambda d: parts_of(d, [2**32 - 1]), "part 0 .* have 4294967295 words", id="a huge part"),
        pytest.param(lambda d: parts_of(d, [5, 2**31]), "part 1 .* have 2147483648 words", id="a huge second part"),
        pytest.param(lambda d: parts_of(d[1:], [0]), "ends before", id="an empty part"),
        pytest.param(lambda d: b"\0" + b"\xff" * 600, r"outside its 32 lanes", id="more symbols than there are"),
        pytest.param(lambda d: bytes(601), "ends before", id="zeros"),
    ],
)
def test_damaged_streams_raise(coded, isa, damage, message):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables)
    with pytest.raises(StreamError, match=message):
        coder.decode_lanes(damage(data), coded.indexes, coded.tables, isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("first", [0, 1, 4, 255])
def test_random_bytes_raise(coded, isa, first):
    rng = np.random.default_rng(6)
    for size in (*range(0, 40, 2), 300, 302, 3000, 100_000):
        data = bytes([first]) + rng.bytes(size)
        with pytest.raises(StreamError):
            coder.decode_lanes(data, coded.indexes, coded.tables, isa=isa)


def test_other_indexes_raise(coded):
    data = coder.encode_lanes(coded.symbols, coded.indexes, coded.tables)
    for indexes in (np.tile(coded.indexes, 2), coded.indexes[:100], [], np.roll(coded.indexes, 1)):
        with pytest.raises(StreamError):
            coder.decode_lanes(data, indexes, coded.tables)


def test_a_tail_longer_than_encoders_make_raises():
    # By the reference, with symbols given to the side coder that belong in the lanes.
    symbols, indexes = [0, -1] * 500, [0] * 1000
    stream = coder.encode_lanes(symbols, indexes, SMALL)
    longer = bytes([0]) + b"".join(
        word.to_bytes(2, "little") for word in all_in_side([(20000, 40000, None), (0, 20000, None)] * 500)
    )
    assert coder.decode_lanes(stream, indexes, SMALL).tolist() == symbols
    with pytest.raises(StreamError, match="1000 symbols outside its lanes, which is not the number"):
        coder.decode_lanes(longer, indexes, SMALL)


@pytest.mark.parametrize("isa", ISAS)
def test_lanes_that_start_elsewhere_raise(isa):
    operations = [(20000, 40000, None), (0, 20000, None)] * 500
    symbols, indexes = [0, -1] * 500, [0] * 1000
    streams = [
        bytes([0]) + b"".join(word.to_bytes(2, "little") for word in reference_part(operations, 32, start))
        for start in (2**16, 2**17)
    ]
    assert coder.decode_lanes(streams[0], indexes, SMALL, isa=isa).tolist() == symbols
    with pytest.raises(StreamError, match=r"lane 0 ends in state \d+, expected 2\^16 to 2\^17 - 1"):
        coder.decode_lanes(streams[1], indexes, SMALL, isa=isa)


def all_in_side(operations):
    side, head = Coder(2**16, []), Bits()
    for start, width, _ in reversed(operations):
        side.put(start, width)
    count = len(operations)
    head.put(count.bit_length(), 5)
    head.put(count - (1 << count.bit_length() - 1), count.bit_length() - 1)
    return [*head.words(), side.state & 0xFFFF, side.state >> 16, *side.words[::-1]]


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
def test_other_threads_run_while_coding(name):
    symbols, indexes = np.zeros(3_000_000, np.int32), np.zeros(3_000_000, np.uint8)
    data = coder.encode_lanes(symbols, indexes, SMALL)
    gate, ran = threading.Lock(), threading.Event()

    def wait_and_run():
        with gate:
            ran.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)  # from here on a thread runs until it gives the GIL away itself
    try:
        with gate:
            thread = threading.Thread(target=wait_and_run)
            thread.start()
        deadline = time.monotonic() + 10
        while not ran.is_set() and time.monotonic() < deadline:
            if name == "encode":
                coder.encode_lanes(symbols, indexes, SMALL)
            else:
                coder.decode_lanes(data, indexes, SMALL)
        assert ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()
