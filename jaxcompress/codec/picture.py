"""Image files to pixel arrays and back, with Pillow.

What a file may hold beyond 8-bit RGB, and what becomes of it:

| in the file | coded as |
|---|---|
| EXIF orientation | applied: the pixels are turned |
| grey, black and white | grey, one channel |
| 16-bit grey | grey, scaled to 8 bits and rounded (16-bit colour: Pillow keeps the upper 8 bits) |
| floats, or integers beyond 16 bits | refused: nothing tells their range |
| palette | RGB |
| CMYK, YCbCr, Lab | RGB, by Pillow's plain conversion |
| transparency | laid over a background, white unless told otherwise |
| several frames | the first |
| colour profile | returned beside the pixels, which stay as they are |
"""

import dataclasses
import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcompress.files import write_file

_DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")

# Where a format loses something by default, lose as little as it can. Where it takes as long as decoding did (PNG, by
# default), be four times as fast for files that are 4 % larger.
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "PNG": {"compress_level": 2},
}


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A picture read from a file.

    Attributes:
        pixels: uint8 `[H, W, 3]`, or `[H, W]` if it is grey.
        icc_profile: its colour profile, or nothing.
    """

    pixels: np.ndarray
    icc_profile: bytes = b""

    def __repr__(self) -> str:
        """One line, without the pixels."""
        return f"Picture(uint8 {self.pixels.shape}, icc_profile of {len(self.icc_profile)} bytes)"


# Rows that are taken from Pillow at a time: it copies what it hands over twice.
_ROWS = 256


class _TooLargeError(ValueError):
    pass


def read_picture(
    source: str | Path | BinaryIO,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    max_pixels: int | None = None,
) -> Picture:
    """Reads an image file of any format that Pillow knows.

    Args:
        source: path, or binary file.
        background: RGB that shows through transparent parts.
        max_pixels: refuse larger pictures. Pillow has a limit of its own, `PIL.Image.MAX_IMAGE_PIXELS`, twice which is
            refused whatever this says.

    Returns:
        The picture, upright.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no image, is damaged, or is larger than `max_pixels` or Pillow's limit against decompression
            bombs.
    """
    name = getattr(source, "name", None) or (source if isinstance(source, (str, Path)) else "the input")
    try:
        with Image.open(source) as image:
            if max_pixels is not None and image.width * image.height > max_pixels:
                raise _TooLargeError(
                    f"{name} has {image.width} x {image.height} pixels, more than the limit of {max_pixels} "
                    f"(--max-pixels)"
                )
            image.load()
            icc_profile = image.info.get("icc_profile") or b""
            ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(image, background)
    except (FileNotFoundError, PermissionError, IsADirectoryError, _TooLargeError):
        raise
    except Exception as error:  # Pillow's readers raise many kinds for damaged files
        reason = "its format is not known" if isinstance(error, UnidentifiedImageError) else error
        raise ValueError(f"{name} is no image that can be read: {reason}") from error
    return Picture(pixels, icc_profile)


def _pixels(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray:
    """uint8, grey or colour, nothing transparent."""
    if image.mode == "F":
        raise ValueError("it holds floating-point numbers, whose range is not known; convert it to 8 or 16 bits")
    if image.mode in _DEEP_MODES:
        image = _reduce_to_8_bits(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        under = Image.new("RGBA", over.size, (*background, 255))
        return _array(Image.alpha_composite(under, over).convert("RGB"))
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return _array(image if image.mode == mode else image.convert(mode))


def _array(image: Image.Image) -> np.ndarray:
    """uint8 `[H, W, ...]`."""
    pixels = np.empty((image.height, image.width, *(len(image.getbands()),) * (image.mode != "L")), np.uint8)
    for top in range(0, image.height, _ROWS):
        rows = pixels[top : top + _ROWS]
        rows[:] = np.asarray(image.crop((0, top, image.width, top + len(rows))))
    return pixels


def _reduce_to_8_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8-bit grey, 65535 becoming 255, with an alpha channel if one value is transparent."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"it holds values from {values.min()} to {values.max()}; expected 8 or 16 bits without sign")
    grey = np.rint(values / 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    return Image.fromarray(np.stack([grey, np.where(values == transparent, 0, 255).astype(np.uint8)], axis=-1))


def write_picture(path: str | Path, pixels: np.ndarray, *, icc_profile: bytes = b"", overwrite: bool = False) -> None:
    """Writes an image file whole or not at all.

    Args:
        path: the suffix tells the format; .png, .ppm, .tif and .webp keep every pixel, .jpg does not.
        pixels: uint8 `[H, W, 3]` or `[H, W]`.
        icc_profile: colour profile to put in.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: it exists, and `overwrite` is off.
        ValueError: no known image format has this suffix.
    """
    kind = image_format(path)
    write_file(path, encode_picture(pixels, kind, icc_profile=icc_profile), overwrite=overwrite)


def image_format(path: str | Path) -> str:
    """Pillow's name of the format that a file's suffix stands for.

    Args:
        path: name of a file.

    Raises:
        ValueError: no image format that can be written has this suffix.
    """
    suffix = Path(path).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise ValueError(f"{path}: no image format with the suffix {suffix!r} can be written; .png is lossless")
    return kind


def encode_picture(pixels: np.ndarray, kind: str = "PNG", *, icc_profile: bytes = b"") -> memoryview:
    """The bytes of an image file.

    Args:
        pixels: uint8 `[H, W, 3]` or `[H, W]`.
        kind: Pillow's name of the format.
        icc_profile: colour profile to put in.

    Returns:
        The file's content.
    """
    buffer = io.BytesIO()
    profile = {"icc_profile": icc_profile} if icc_profile else {}
    Image.fromarray(pixels).save(buffer, kind, **_SAVE_OPTIONS.get(kind, {}), **profile)
    return buffer.getbuffer()
