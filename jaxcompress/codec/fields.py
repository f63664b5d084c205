"""Tagged fields at the end of a `.jxc` header: what a reader may come to know without a new version of the format.

To add a field, give it the next number in `docs/jxc-format.md`, an attribute of `Header` with a default, and a row of
`_FIELDS`. Its must-understand bit is set if a reader that skipped the field would decode another picture.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxcompress.codec.byte_reader import ByteReader, pack_number, pack_text
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.header import Header

MAX_SETTINGS = 16

_MAX_TAG = 2**16


class _Field(NamedTuple):
    """A field that this version knows.

    Attributes:
        number: its number, below 2**15.
        must_understand: whether a reader that does not know it has to refuse the file.
        attribute: name in `Header`.
        pack: function from the attribute to the content; a field with no content is not written.
        unpack: function from the content to the attribute.
    """

    number: int
    must_understand: bool
    attribute: str
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]

    @property
    def tag(self) -> int:
        """Number and bit, as they are written."""
        return 2 * self.number + self.must_understand


def pack_fields(header: Header) -> bytes:
    """The bytes of all fields of a header that are not at their defaults.

    Raises:
        ValueError: a value does not fit its field.
    """
    parts = []
    for field in _FIELDS:
        content = field.pack(getattr(header, field.attribute))
        if content:
            parts += [pack_number(field.tag), pack_number(len(content)), content]
    return b"".join(parts)


def unpack_fields(reader: ByteReader) -> dict[str, Any]:
    """Attributes of `Header` from all bytes that are left.

    Fields that this version does not know are skipped if they allow it.

    Raises:
        BitstreamError: a field is damaged, out of order, or has to be understood and is not known.
    """
    known = {field.number: field for field in _FIELDS}
    found: dict[str, Any] = {}
    last = -1
    while reader.left:
        tag = reader.number(below=_MAX_TAG)
        number, must_understand = tag // 2, bool(tag % 2)
        content = reader.take(reader.number())
        if number <= last:
            raise reader.malformed(f"field {number} follows field {last}; expected rising numbers")
        last = number
        field = known.get(number)
        if field is None and must_understand:
            raise BitstreamError(f"the file needs field {number}, which this program does not know: update it")
        if field is None:
            continue
        if must_understand != field.must_understand or not content:
            raise reader.malformed(f"field {number} has tag {tag} and {len(content)} bytes; expected tag {field.tag}")
        found[field.attribute] = field.unpack(content)
    return found


def _pack_settings(settings: tuple[tuple[str, int], ...]) -> bytes:
    if len(settings) > MAX_SETTINGS or len({name for name, _ in settings}) != len(settings):
        raise ValueError(f"the settings are {settings}; expected at most {MAX_SETTINGS}, of different names")
    return b"".join(pack_text(name) + pack_number(number) for name, number in settings)


def _unpack_settings(content: bytes) -> tuple[tuple[str, int], ...]:
    reader, settings = ByteReader(content, "list of settings"), {}
    while reader.left:
        name = reader.text()
        if name in settings:
            raise reader.malformed(f"the setting {name} is there twice")
        settings[name] = reader.number()
        if len(settings) > MAX_SETTINGS:
            raise reader.malformed(f"there are more than {MAX_SETTINGS} settings")
    return tuple(settings.items())


_FIELDS = (
    _Field(1, True, "settings", _pack_settings, _unpack_settings),
    _Field(2, False, "icc_profile", bytes, bytes),
)
