"""Stream format 0: one state of 64 bits, CompressAI's bytes."""

from collections.abc import Iterable

from jaxcompress.reference.tables import LARGEST_NIBBLES, Row

_LOWER_BOUND = 2**31


class RansDecoder:
    """Gives the symbols of a stream one after the other.

    Args:
        data: the stream.

    Raises:
        ValueError: it is no such stream.
    """

    def __init__(self, data: bytes):
        if len(data) < 8 or len(data) % 4:
            raise ValueError(f"a rANS stream of {len(data)} bytes; expected a multiple of 4, and 8 or more")
        self._words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self._state = self._words[0] + (self._words[1] << 32)
        self._at = 2
        if not _LOWER_BOUND <= self._state < _LOWER_BOUND << 32:
            raise ValueError("a rANS stream starts in a state that no encoder ends in: it is damaged")

    def symbol(self, row: Row) -> int:
        """The next value, coded with this table."""
        number, start, width = row.find(self._state % 2**16)
        self._pop(start, width, bits=16)
        return row.escaped_value(self._raw()) if number == row.escape else row.offset + number

    def finish(self) -> None:
        """Checks that the stream ends here."""
        if self._state != _LOWER_BOUND or self._at != len(self._words):
            raise ValueError("a rANS stream does not end after its last symbol: it is damaged, or has other tables")

    def _raw(self) -> int:
        """The value after an escape: the number of its nibbles, then these, the least significant first."""
        count = 0
        while (nibble := self._nibble()) == 15:
            count += 15
        count += nibble
        if count > LARGEST_NIBBLES:
            raise ValueError(f"an escape has {count} nibbles; expected at most {LARGEST_NIBBLES}: it is damaged")
        nibbles = [self._nibble() for _ in range(count)]
        if nibbles and nibbles[-1] == 0:
            raise ValueError("an escape is not written in the shortest way: the stream is damaged")
        return sum(nibble << 4 * i for i, nibble in enumerate(nibbles))

    def _nibble(self) -> int:
        nibble = self._state % 16
        self._pop(nibble, 1, bits=4)
        return nibble

    def _pop(self, start: int, width: int, *, bits: int) -> None:
        """Undoes the step of an encoder that put an interval, in units of 2^-bits."""
        self._state = width * (self._state >> bits) + self._state % 2**bits - start
        if self._state < _LOWER_BOUND:
            if self._at == len(self._words):
                raise ValueError("a rANS stream ends before its last symbol: it is damaged, or has other tables")
            self._state = (self._state << 32) + self._words[self._at]
            self._at += 1


def decode_rans(data: bytes, rows: Iterable[Row]) -> list[int]:
    """The values of a stream whose tables are all known.

    Args:
        data: the stream.
        rows: the table of each symbol.

    Raises:
        ValueError: it cannot be a stream of such symbols.
    """
    decoder = RansDecoder(data)
    values = [decoder.symbol(row) for row in rows]
    decoder.finish()
    return values
