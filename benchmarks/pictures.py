"""Pictures as networks take them."""

from pathlib import Path

import numpy as np

from jaxcompress.codec import read_picture
from jaxcompress.ops import centered_padding


def read_colour(path: Path) -> np.ndarray:
    """A picture as uint8 `[H, W, 3]`."""
    pixels = read_picture(path).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def to_float(image: np.ndarray) -> np.ndarray:
    """A picture as float32 `[1, H, W, 3]` in [0, 1]."""
    return image[None].astype(np.float32) / np.float32(255)


def pad(image: np.ndarray, *, mode: str = "constant") -> np.ndarray:
    """A picture as `to_float` makes it, with sides that are multiples of 64."""
    top, bottom, left, right = centered_padding(*image.shape[:2], 64)
    return np.pad(to_float(image), ((0, 0), (top, bottom), (left, right), (0, 0)), mode=mode)
