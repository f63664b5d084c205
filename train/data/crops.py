"""Square crops of pictures."""

import numpy as np

from jaxcompress.train.data.pictures import check_size


def random_crop(pixels: np.ndarray, rng: np.random.Generator, *, crop: int, flip: bool) -> np.ndarray:
    """A crop from anywhere in a picture.

    Args:
        pixels: uint8 `[H, W, 3]`.
        rng: source of the place and the flip; every place is equally likely.
        crop: side, 1 to min(H, W).
        flip: mirror half of the crops left to right.

    Returns:
        A new uint8 array `[crop, crop, 3]`.
    """
    check_size(pixels, crop)
    height, width = pixels.shape[:2]
    top, left = rng.integers(height - crop + 1), rng.integers(width - crop + 1)
    out = pixels[top : top + crop, left : left + crop]
    if flip and rng.integers(2):
        # By channels, because NumPy is slow to copy a mirrored picture as a whole.
        return np.stack([out[:, ::-1, channel] for channel in range(3)], axis=-1)
    return out.copy()


def centre_crop(pixels: np.ndarray, *, crop: int) -> np.ndarray:
    """The middle of a picture.

    Args:
        pixels: uint8 `[H, W, 3]`.
        crop: side, 1 to min(H, W).

    Returns:
        A new uint8 array `[crop, crop, 3]`.
    """
    check_size(pixels, crop)
    height, width = pixels.shape[:2]
    top, left = (height - crop) // 2, (width - crop) // 2
    return pixels[top : top + crop, left : left + crop].copy()
