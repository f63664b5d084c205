"""Pictures on their way into the networks and out of them."""

import numpy as np

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


def to_float(image: np.ndarray) -> np.ndarray:
    """uint8 picture, colour or grey, to float32 `[H, W, 3]` in [0, 1]."""
    x = image.astype(np.float32) / np.float32(255)
    return np.repeat(x[..., None], 3, axis=-1) if x.ndim == 2 else x


def pad(x: np.ndarray, padding: Padding) -> np.ndarray:
    """Zeros around `[H, W, 3]`."""
    return np.pad(x, ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0)))


def crop(x: np.ndarray, padding: Padding) -> np.ndarray:
    """The inverse of `pad`."""
    return x[padding.top : x.shape[0] - padding.bottom, padding.left : x.shape[1] - padding.right]
