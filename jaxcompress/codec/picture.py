"""Image files to pixel arrays and back, with Pillow.

What a file may hold beyond 8-bit RGB, and what becomes of it:

| in the file | coded as |
|---|---|
| EXIF orientation | applied: the pixels are turned |
| grey, black and white | grey, one channel |
| 16-bit grey | grey, scaled to 8 bits and rounded (16-bit colour: Pillow keeps the upper 8 bits) |
| palette | RGB |
| CMYK, YCbCr, Lab | RGB, by Pillow's plain conversion |
| transparency | laid over a background, white unless told otherwise |
| several frames | the first |
| colour profile | returned beside the pixels, which stay as they are |
"""

import dataclasses
import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcompress.files import write_file

_GREY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """A picture read from a file.

    Attributes:
        pixels: uint8 `[H, W, 3]`, or `[H, W]` if it is grey.
        icc_profile: its colour profile, or nothing.
    """

    pixels: np.ndarray
    icc_profile: bytes = b""


def read_picture(source: str | Path | BinaryIO, *, background: tuple[int, int, int] = (255, 255, 255)) -> Picture:
    """Reads an image file of any format that Pillow knows.

    Args:
        source: path, or binary file.
        background: RGB that shows through transparent parts.

    Returns:
        The picture, upright.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no image, is damaged, or is larger than Pillow's limit against decompression bombs.
    """
    name = getattr(source, "name", None) or (source if isinstance(source, (str, Path)) else "the input")
    try:
        with Image.open(source) as image:
            image.load()
            icc_profile = image.info.get("icc_profile") or b""
            upright = ImageOps.exif_transpose(image)
            pixels = _grey(upright) if upright.mode in _GREY_MODES else None
            if pixels is None or _has_transparency(upright):
                pixels = _colour(upright, background)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)):
            raise
        raise ValueError(f"{name} is no image that can be read: {error}") from error
    return Picture(np.ascontiguousarray(pixels), icc_profile)


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode in ("1", "L", "LA", "La"):
        return np.asarray(image.convert("L"))
    # 16 bits (Pillow opens them as I;16 or I): 65535 becomes 255. Floats are taken to lie in [0, 1].
    values = np.asarray(image, np.float64)
    return np.rint(np.clip(values * (255 if image.mode == "F" else 255 / 65535), 0, 255)).astype(np.uint8)


def _colour(image: Image.Image, background: tuple[int, int, int]) -> np.ndarray:
    if not _has_transparency(image):
        return np.asarray(image.convert("RGB"))
    over = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", over.size, (*background, 255)), over).convert("RGB"))


def write_picture(path: str | Path, pixels: np.ndarray, *, icc_profile: bytes = b"", overwrite: bool = False) -> None:
    """Writes an image file whole or not at all.

    Args:
        path: the suffix tells the format (.png, .ppm, .tif, .jpg, .webp, ...).
        pixels: uint8 `[H, W, 3]` or `[H, W]`.
        icc_profile: colour profile to put in.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: it exists, and `overwrite` is off.
        ValueError: no known image format has this suffix.
    """
    suffix = Path(path).suffix.lower()
    kind = Image.registered_extensions().get(suffix)
    if kind is None or kind not in Image.SAVE:
        raise ValueError(f"{path}: no image format with the suffix {suffix!r} can be written; .png is lossless")
    write_file(path, encode_picture(pixels, kind, icc_profile=icc_profile), overwrite=overwrite)


def encode_picture(pixels: np.ndarray, kind: str = "PNG", *, icc_profile: bytes = b"") -> bytes:
    """The bytes of an image file.

    Args:
        pixels: uint8 `[H, W, 3]` or `[H, W]`.
        kind: Pillow's name of the format.
        icc_profile: colour profile to put in.

    Returns:
        The file's content.
    """
    buffer = io.BytesIO()
    options = {"icc_profile": icc_profile} if icc_profile else {}
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()
