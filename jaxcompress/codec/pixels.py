"""Pictures on their way into the networks and out of them."""

import numpy as np

from jaxcompress.codec.windows import Area, intersect, within
from jaxcompress.ops import Padding


def checked_picture(image: np.ndarray) -> np.ndarray:
    """The picture, or ValueError unless it is uint8 `[H, W, 3]` or `[H, W]`."""
    image = np.asarray(image)
    if (
        image.dtype != np.uint8
        or image.ndim not in (2, 3)
        or (image.ndim == 3 and image.shape[2] != 3)
        or not image.size
    ):
        raise ValueError(
            f"the picture is {image.dtype} of shape {image.shape}; expected uint8 [H, W, 3] or [H, W]: "
            f"jaxcompress.codec.read_picture(file).pixels is that"
        )
    return image


class PaddedPicture:
    """A picture as networks see it, zeros around it: float32 `[H, W, 3]` in [0, 1], made where it is looked at.

    Args:
        image: uint8 `[H, W, 3]`, or `[H, W]` if it is grey.
        padding: rows and columns of zeros.
    """

    def __init__(self, image: np.ndarray, padding: Padding):
        self._image = image
        top, bottom, left, right = padding
        height, width = image.shape[:2]
        self.shape = height + top + bottom, width + left + right, 3
        self._area = slice(top, top + height), slice(left, left + width)

    def __getitem__(self, area: Area) -> np.ndarray:
        """A part."""
        rows, columns = area
        part = np.zeros((rows.stop - rows.start, columns.stop - columns.start, 3), np.float32)
        if seen := intersect(area, self._area):
            pixels = self._image[within(seen, (self._area[0].start, self._area[1].start))]
            place = part[within(seen, (rows.start, columns.start))]
            np.divide(pixels if pixels.ndim == 3 else pixels[..., None], np.float32(255), out=place)
        return part


def to_pixels(x_hat: np.ndarray, channels: int) -> np.ndarray:
    """What x_hat `[H, W, 3]` in [0, 1] is in 8 bits, rounded: `[H, W, channels]`, one or three."""
    pixels = x_hat * 255
    return np.rint(pixels.mean(axis=-1, keepdims=True) if channels == 1 else pixels).astype(np.uint8)
