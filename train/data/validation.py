"""Pictures to validate with while training."""

from collections.abc import Sequence

import numpy as np

from jaxcompress.train.data.crops import centre_crop
from jaxcompress.train.data.pictures import Pictures


def hold_out(source: Pictures, count: int, *, crop: int | None = None) -> tuple[Pictures, Pictures]:
    """Takes some pictures away from training, evenly spaced, the same in every run.

    Args:
        source: all pictures, N of them.
        count: how many to take, 1 to N - 1.
        crop: side that they must have at least; as in the source if not given.

    Returns:
        What is left to train with, and what was taken.

    Raises:
        ValueError: so many cannot be taken.
    """
    if not 1 <= count < len(source):
        raise ValueError(
            f"{count} of {len(source)} pictures cannot be held out; expected at least 1 and fewer than there are (or "
            f"give pictures to validate with: --validation DIR)"
        )
    taken = _evenly_spaced(len(source), count)
    left = sorted(set(range(len(source))).difference(taken))
    return source.select(left), source.select(taken, crop=crop)


def validation_pictures(source: Pictures, *, count: int, crop: int) -> list[np.ndarray]:
    """The centres of evenly spaced pictures.

    Args:
        source: pictures.
        count: how many to take, at least 1; all if there are fewer.
        crop: side of the square, in pixels.

    Returns:
        Arrays uint8 `[crop, crop, 3]`.

    Raises:
        ValueError: a picture is smaller, or a number is not positive.
    """
    if count < 1 or crop < 1:
        raise ValueError(f"count is {count} and crop is {crop}; expected at least 1 of each")
    chosen = _evenly_spaced(len(source), min(count, len(source)))
    return [centre_crop(source[index], crop=crop) for index in chosen]


def _evenly_spaced(length: int, count: int) -> Sequence[int]:
    """The middles of `count` equal parts."""
    return [(2 * part + 1) * length // (2 * count) for part in range(count)]
