"""The format of many lanes by a reference in Python: streams that encoders make, and those that they do not make."""

import itertools

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
        assert coder.encode_lanes(symbols, indexes, tables, lanes=lanes, parts=parts, isa=isa) == expected


@pytest.mark.parametrize("isa", ISAS)
@given(messages(), st.integers(1, 128), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_symbols_come_back(isa, message, parts, threads):
    rows, offsets, symbols, indexes, lanes = message
    tables = make_tables(rows, offsets)
    data = coder.encode_lanes(symbols, indexes, tables, lanes=lanes, threads=threads, parts=parts, isa=isa)
    for dtype in (np.uint8, np.int32):
        decoded = coder.decode_lanes(data, np.array(indexes, dtype), tables, threads=threads, isa=isa)
        assert decoded.dtype == np.int32
        assert decoded.tolist() == symbols


@pytest.mark.parametrize("isa", ISAS)
@given(messages(), st.integers(min_value=0), st.binary(min_size=1, max_size=9), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_truncated_and_extended_streams_raise(isa, message, size, extension, parts):
    rows, offsets, symbols, indexes, lanes = message
    tables = make_tables(rows, offsets)
    data = coder.encode_lanes(symbols, indexes, tables, lanes=lanes, parts=parts)
    for damaged in (data[: size % len(data)], data + extension):
        with pytest.raises(StreamError):
            coder.decode_lanes(damaged, indexes, tables, isa=isa)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lanes", [32, 64])
def test_what_decodes_is_what_encoding_gives(isa, lanes):
    # Values of escapes outside the lanes have no check of their own, so that most of their bits may be turned.
    tables = make_tables([[0, 60000, 65536]], [0])
    symbols = [1, 0, 70_000, -9, 0, 17, 2**20, 0, -300, 1000]
    indexes = [0] * len(symbols)
    data = coder.encode_lanes(symbols, indexes, tables, lanes=lanes)
    others = 0
    for bit in range(8, 8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            decoded = coder.decode_lanes(changed, indexes, tables, isa=isa)
        except StreamError:
            continue
        others += 1
        assert decoded.tolist() != symbols
        assert coder.encode_lanes(decoded, indexes, tables, lanes=lanes) == changed
    assert others > 50


def all_in_side(operations):
    side, head = Coder(2**16, []), Bits()
    for start, width, _ in reversed(operations):
        side.put(start, width)
    count = len(operations)
    head.put(count.bit_length(), 5)
    head.put(count - (1 << count.bit_length() - 1), count.bit_length() - 1)
    return [*head.words(), side.state & 0xFFFF, side.state >> 16, *side.words[::-1]]


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
