"""Takes values off the front of a header."""

import struct


class ByteReader:
    """Reads what `docs/jxc-format.md` calls numbers and names, and values of fixed sizes.

    Args:
        data: bytes of a header, or of a field.
    """

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Number of bytes that are not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > self.left:
            raise ValueError(f"the header ends in the middle of a field: {count} bytes are missing, {self.left} there")
        self._at += count
        return self._data[self._at - count : self._at]

    def fixed(self, layout: str) -> tuple[int, ...]:
        """The next values of fixed sizes, by the letters of `struct`."""
        return struct.unpack(f"<{layout}", self.take(struct.calcsize(f"<{layout}")))

    def number(self, *, below: int = 2**32) -> int:
        """The next number: seven bits to a byte, the lowest first, in as few bytes as it takes."""
        digits = [self.take(1)[0]]
        while digits[-1] >= 128 and len(digits) < 5:
            digits.append(self.take(1)[0])
        value = sum(digit % 128 << 7 * i for i, digit in enumerate(digits))
        if digits[-1] >= 128 or value >= below or (digits[-1] == 0 and len(digits) > 1):
            raise ValueError(f"the header has the number {bytes(digits).hex(' ')}; expected one below {below}")
        return value

    def name(self) -> str:
        """The next name: one byte with its length, then printable ASCII characters."""
        data = self.take(self.take(1)[0])
        if not data or not all(32 <= byte < 127 for byte in data):
            raise ValueError(f"the header has the name {data!r}; expected printable ASCII characters")
        return data.decode("ascii")

    def finish(self) -> None:
        """Checks that nothing is left."""
        if self.left:
            raise ValueError(f"the header has {self.left} bytes after its last field")
