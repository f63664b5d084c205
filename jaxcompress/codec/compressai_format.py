"""The container of CompressAI's example codec, big-endian, without magic, version or checksum.

Two layouts are about. "current" (CompressAI 1.2.2 and later) has a byte for the bit depth; "legacy" (1.1) does not, and
numbers the models differently. Nothing in a file tells which it has, so reading takes the layout whose lengths
consume the file exactly. No JAX here.
"""

import dataclasses
import struct
from collections.abc import Sequence

from jaxcompress.architecture_table import TABLE
from jaxcompress.codec.container import MAX_PIXELS
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.metric_table import OBJECTIVES

LAYOUTS = {
    "current": {row.compressai_number: name for name, row in TABLE.items() if row.compressai_number is not None},
    "legacy": {row.legacy_number: name for name, row in TABLE.items() if row.legacy_number is not None},
}
"""Model names by number, for each layout."""

# CompressAI pads every picture to a multiple of this, whatever the model.
PADDING_MULTIPLE = 64


@dataclasses.dataclass(frozen=True)
class Header:
    """All fields of a file but its strings.

    Attributes:
        architecture: model name.
        metric: "mse" or "ms-ssim", what the model was trained for.
        quality: 1 to 8, of the published model.
        height: of the picture, in pixels, before padding.
        width: likewise.
        shape: (height, width) of the deepest latent: z, or y where there is no z.
        layout: which one the file has, a key of `LAYOUTS`.
    """

    architecture: str
    metric: str
    quality: int
    height: int
    width: int
    shape: tuple[int, int]
    layout: str = "current"


def number_of(architecture: str, *, layout: str = "current") -> int:
    """The number that a file has for a model.

    Args:
        architecture: name of the model.
        layout: a key of `LAYOUTS`.

    Raises:
        ValueError: it has none.
    """
    numbers = {name: number for number, name in LAYOUTS[layout].items()}
    if architecture not in numbers:
        raise ValueError(f"CompressAI's format cannot name the model {architecture!r}; it can: {', '.join(numbers)}")
    return numbers[architecture]


def pack(header: Header, strings: Sequence[bytes]) -> bytes:
    """Writes a file.

    Args:
        header: its fields.
        strings: y, then z (if the model has one).

    Returns:
        The bytes of the file.

    Raises:
        ValueError: the model, metric or quality has no number in this format.
    """
    number = number_of(header.architecture, layout=header.layout)
    if header.metric not in OBJECTIVES or header.quality not in range(1, 9):
        raise ValueError(
            f"CompressAI's format has no quality {header.quality} with metric {header.metric!r}; expected 1 to 8 and "
            f"{' or '.join(OBJECTIVES)}"
        )
    code = OBJECTIVES.index(header.metric) << 4 | (header.quality - 1)
    data = struct.pack(">BBII", number, code, header.height, header.width)
    data += b"\x08" if header.layout == "current" else b""
    data += struct.pack(">III", *header.shape, len(strings))
    return data + b"".join(struct.pack(">I", len(string)) + string for string in strings)


def unpack(data: bytes, *, layout: str | None = None, max_pixels: int = MAX_PIXELS) -> tuple[Header, list[bytes]]:
    """Reads a file, and checks what its sizes reveal.

    Args:
        data: the whole file.
        layout: a key of `LAYOUTS`, or None to take the one that fits.
        max_pixels: refuse pictures of more pixels (padding included).

    Returns:
        Header and strings.

    Raises:
        BitstreamError: it fits no layout, or is too large.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    reasons = []
    for candidate in [layout] if layout else LAYOUTS:
        try:
            return _unpack(data, candidate, max_pixels)
        except _WrongLayoutError as reason:
            reasons.append(f"{candidate}: {reason}")
    raise BitstreamError(f"neither a .jxc file nor a whole file of CompressAI's codec ({'; '.join(reasons)})")


class _WrongLayoutError(Exception):
    pass


def _unpack(data: bytes, layout: str, max_pixels: int) -> tuple[Header, list[bytes]]:
    head = struct.Struct(">BBIIBIII" if layout == "current" else ">BBIIIII")
    if len(data) < head.size:
        raise _WrongLayoutError(f"{len(data)} bytes are shorter than the header of {head.size}")
    model, code, height, width, *depth, rows, columns, count = head.unpack_from(data)
    strings, position = [], head.size
    for _ in range(min(count, 3)):  # no image model has more than two
        if position + 4 > len(data):
            raise _WrongLayoutError("cut off before the length of a string")
        (length,) = struct.unpack_from(">I", data, position)
        strings.append(data[position + 4 : position + 4 + length])
        position += 4 + length
    if position != len(data) or len(strings) != count:
        raise _WrongLayoutError(f"{count} strings end at byte {position} of {len(data)}")
    if depth and depth != [8]:
        raise _WrongLayoutError(f"bit depth {depth[0]}, where pictures have 8")
    if model not in LAYOUTS[layout]:
        raise _WrongLayoutError(f"model id {model} is none of {len(LAYOUTS[layout])} image models")
    metric, quality = code >> 4, (code & 15) + 1
    if metric >= len(OBJECTIVES) or quality > 8:
        raise _WrongLayoutError(f"metric {metric} and quality {quality} do not exist")
    header = Header(LAYOUTS[layout][model], OBJECTIVES[metric], quality, height, width, (rows, columns), layout)
    padded_height, padded_width = (-(-side // PADDING_MULTIPLE) * PADDING_MULTIPLE for side in (height, width))
    if not height or not width or padded_height * padded_width > max_pixels:
        raise BitstreamError(
            f"the file says its picture is {width} x {height} pixels; expected at least one and, with padding, at "
            f"most {max_pixels} (max_pixels, --max-pixels)"
        )
    return header, strings


def check_shape(header: Header, stride: int) -> None:
    """Raises BitstreamError unless a file's latent is as large as its picture makes it.

    Args:
        header: of the file.
        stride: pixels in a cell of the deepest latent, each way.
    """
    sides = [-(-side // PADDING_MULTIPLE) * PADDING_MULTIPLE // stride for side in (header.height, header.width)]
    if list(header.shape) != sides:
        raise BitstreamError(
            f"the file's latent is {header.shape[0]} x {header.shape[1]}, but a picture of {header.width} x "
            f"{header.height} pixels makes it {sides[0]} x {sides[1]}"
        )
