"""Whole numbers as bytes, and a reader that takes values off the front of a header without trusting it.

A number is written seven bits to a byte, the lowest first; every byte but the last has its highest bit set. It is below
2**32 and takes as few bytes as it can.
"""

import enum
import struct
from typing import Any, TypeVar

from jaxcompress.codec.errors import BitstreamError

_LIMIT = 2**32

_Enum = TypeVar("_Enum", bound=enum.IntEnum)


def pack_number(value: int, *, below: int = _LIMIT) -> bytes:
    """The bytes of a whole number.

    Args:
        value: the number, 0 or more.
        below: limit that the number must stay below.

    Raises:
        ValueError: the number is not in the range.
    """
    if not 0 <= value < below:
        raise ValueError(f"a field of the container overflows: {value}; expected 0 to {below - 1}")
    data = bytearray()
    while value >= 128:
        data.append(128 + value % 128)
        value //= 128
    data.append(value)
    return bytes(data)


class ByteReader:
    """Takes values off the front of some bytes.

    Args:
        data: what to read.
        what: name of the data, for errors.
    """

    def __init__(self, data: bytes | memoryview, what: str = "header"):
        self._data = data
        self._what = what
        self.position = 0

    @property
    def left(self) -> int:
        """Number of bytes that are not read yet."""
        return len(self._data) - self.position

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            BitstreamError: there are fewer.
        """
        if count > self.left:
            raise self.malformed(f"it ends after {self.left} of the {count} bytes of a value")
        self.position += count
        return bytes(self._data[self.position - count : self.position])

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The next values of fixed sizes."""
        return layout.unpack(self.take(layout.size))

    def number(self, *, below: int = _LIMIT) -> int:
        """The next whole number.

        Raises:
            BitstreamError: it is too large, is cut off, or takes more bytes than it needs.
        """
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value += (byte & 127) << shift
            if value >= below:
                raise self.malformed(f"a number is {below} or more")
            if byte < 128:
                break
            shift += 7
            if shift > 28:
                raise self.malformed("a number takes more than 5 bytes")
        if byte == 0 and shift:
            raise self.malformed("a number takes more bytes than it needs")
        return value

    def text(self) -> str:
        """The next text: one byte with its length, then printable ASCII characters.

        Raises:
            BitstreamError: it is empty, cut off, or has other characters.
        """
        data = self.take(self.take(1)[0])
        if not is_text(data):
            raise self.malformed(f"a name is {data!r}; expected printable ASCII characters")
        return data.decode("ascii")

    def member(self, kind: type[_Enum], value: int) -> _Enum:
        """The member of an enumeration that a value stands for.

        Raises:
            BitstreamError: there is none.
        """
        try:
            return kind(value)
        except ValueError as error:
            raise BitstreamError(
                f"the file was coded in a way that this program does not know ({error}): update it"
            ) from error

    def malformed(self, why: str) -> BitstreamError:
        """The error that says so."""
        return BitstreamError(f"the file's {self._what} is malformed: {why}")


def pack_text(value: str) -> bytes:
    """The bytes of a text.

    Raises:
        ValueError: it is empty, longer than 255 characters, or has other than printable ASCII characters.
    """
    data = value.encode("ascii", errors="replace")
    if value != data.decode("ascii") or not is_text(data):
        raise ValueError(f"a name in the container is {value!r}; expected 1 to 255 printable ASCII characters")
    return bytes([len(data)]) + data


def is_text(data: bytes) -> bool:
    """Whether bytes can be a name in a header."""
    return 0 < len(data) < 256 and all(32 <= byte < 127 for byte in data)
