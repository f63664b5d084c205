"""Stream format 1: many states side by side."""

from collections.abc import Sequence

from jaxcompress.reference.tables import LARGEST_NIBBLES, Row

_LOWER_BOUND = 2**16


def decode_lanes(data: bytes, rows: Sequence[Row]) -> list[int]:
    """The values of a stream of lanes.

    Args:
        data: the stream.
        rows: the table of each symbol.

    Raises:
        ValueError: it cannot be a stream of such symbols.
    """
    if not data:
        raise ValueError("a stream of lanes is empty")
    lanes, parts = (64 if data[0] % 2 else 32), (data[0] >> 1) + 1
    begin = 1 + 4 * (parts - 1)
    if len(data) < begin or (len(data) - begin) % 2:
        raise ValueError(f"a stream of lanes with {parts} parts has {len(data)} bytes, which cannot be")
    sizes = [int.from_bytes(data[i : i + 4], "little") for i in range(1, begin, 4)]
    words = [int.from_bytes(data[i : i + 2], "little") for i in range(begin, len(data), 2)]
    if sum(sizes) > len(words):
        raise ValueError(f"the parts of a stream of lanes have {sum(sizes)} words; there are {len(words)}")

    values: list[int] = []
    at = 0
    for part, size in enumerate([*sizes, len(words) - sum(sizes)]):
        first, last = (len(rows) * p // parts for p in (part, part + 1))
        values += _decode_part(words[at : at + size], rows[first:last], lanes)
        at += size
    return values


class _Words:
    """The words of a part, taken from the front."""

    def __init__(self, words: list[int]):
        self._words, self._at = words, 0

    def __len__(self) -> int:
        return len(self._words) - self._at

    def take(self) -> int:
        if not len(self):
            raise ValueError("a part of a stream of lanes ends too early: it is damaged, or has other tables")
        self._at += 1
        return self._words[self._at - 1]

    def take_rest(self) -> list[int]:
        rest, self._at = self._words[self._at :], len(self._words)
        return rest


class _Bits:
    """Numbers of some bits each, packed into words from the lowest bit up."""

    def __init__(self, words: _Words):
        self._words, self._held, self._count = words, 0, 0

    def take(self, count: int) -> int:
        while self._count < count:
            self._held += self._words.take() << self._count
            self._count += 16
        value = self._held % 2**count
        self._held >>= count
        self._count -= count
        return value

    def take_below_highest(self, count: int) -> int:
        """A number of so many bits, of which the highest, a 1, is not stored."""
        return self.take(count - 1) + 2 ** (count - 1) if count else 0

    def finish(self) -> None:
        if self._held:
            raise ValueError("the states of lanes are followed by bits other than 0: the stream is damaged")


class _Coder:
    """One state, and the words that it goes on with."""

    def __init__(self, state: int, words: _Words):
        self.state, self.words = state, words

    def symbol(self, row: Row) -> int:
        """The number of a symbol in its table."""
        number, start, width = row.find(self.state % 2**16)
        self._pop(start, width)
        return number

    def bits(self, count: int) -> int:
        """A number of so many bits."""
        value = self.state % 2**16 >> 16 - count
        self._pop(value << 16 - count, 2 ** (16 - count))
        return value

    def raw(self) -> int:
        """The raw value of an escape."""
        nibbles = [self.bits(4) for _ in range(self.bits(4))]
        if len(nibbles) > LARGEST_NIBBLES or (nibbles and nibbles[-1] == 0):
            raise ValueError("the raw value of an escape is not written as it must be: the stream is damaged")
        return sum(nibble << 4 * i for i, nibble in enumerate(nibbles))

    def _pop(self, start: int, width: int) -> None:
        self.state = width * (self.state >> 16) + self.state % 2**16 - start
        if self.state < _LOWER_BOUND:
            self.state = (self.state << 16) + self.words.take()


def _decode_part(words: list[int], rows: Sequence[Row], lanes: int) -> list[int]:
    left = _Words(words)
    t, states = _read_states(left, len(rows), lanes)
    in_lanes, in_side = rows[: len(rows) - t], rows[len(rows) - t :]

    coders = [_Coder(state, left) for state in states]
    numbers = [coders[i % lanes].symbol(row) for i, row in enumerate(in_lanes)]
    if any(coder.state >= 2 * _LOWER_BOUND for coder in coders):
        raise ValueError("a lane ends in a state that none starts from: the stream is damaged, or has other tables")

    state = left.take() + (left.take() << 16)
    if state < _LOWER_BOUND:
        raise ValueError("the side coder of lanes starts in a state below 2^16: the stream is damaged")
    side = _Coder(state, _Words(left.take_rest() + [coder.state - _LOWER_BOUND for coder in coders]))
    escapes = [i for i, row in enumerate(in_lanes) if numbers[i] == row.escape]
    check = side.bits(16) if escapes else None
    raws = dict(zip(escapes, [side.raw() for _ in escapes], strict=True))

    _check_words(len(side.words), t, lanes, enough=True, whole=not in_lanes)
    for i, row in enumerate(in_side, len(in_lanes)):
        if i == len(in_lanes) + lanes:
            _check_words(len(side.words), t, lanes, enough=False, whole=not in_lanes)
        numbers.append(side.symbol(row))
        if numbers[i] == row.escape:
            raws[i] = side.raw()
    if side.state != _LOWER_BOUND or len(side.words):
        raise ValueError("the side coder of lanes does not end as it must: it is damaged, or has other tables")
    if check is not None and check != _hash(list(raws.values())):
        raise ValueError("the check of the escapes in lanes is wrong: the stream is damaged")

    return [
        row.escaped_value(raws[i]) if i in raws else row.offset + number
        for i, (number, row) in enumerate(zip(numbers, rows, strict=True))
    ]


def _read_states(words: _Words, symbols: int, lanes: int) -> tuple[int, list[int]]:
    """The number of symbols in the side coder, and the states of the lanes (none if all symbols are there)."""
    bits = _Bits(words)
    t = bits.take_below_highest(bits.take(5))
    if t > symbols or (symbols - t) % lanes:
        raise ValueError(f"{t} of {symbols} symbols in a side coder leave no full rows of {lanes} lanes")
    states = []
    for _ in range(lanes if t < symbols else 0):
        high = bits.take_below_highest(bits.take(4) + 1)
        states.append((high << 16) + bits.take(16))
    bits.finish()
    return t, states


def _check_words(count: int, t: int, lanes: int, *, enough: bool, whole: bool) -> None:
    """Checks that t is the smallest number whose symbols fill the words that lanes start from.

    Args:
        count: words that the symbols from here on were put out as.
        t: symbols in the side coder.
        lanes: so many words are wanted.
        enough: whether there must be so many, or must not.
        whole: all symbols are in the side coder, which then need not have enough.
    """
    if (count >= lanes) != enough and not (enough and whole):
        raise ValueError(f"there are {t} symbols in a side coder where another number is expected: it is damaged")


def _hash(raws: list[int]) -> int:
    value = 0
    for raw in reversed(raws):
        value = (value ^ raw) * 0x9E3779B1 % 2**32
    return value >> 16
