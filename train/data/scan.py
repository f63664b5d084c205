"""The sizes that files tell in their headers, so that small pictures are left out before training starts."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from jaxcompress.train.data.pictures import Files

_THREADS = 16
_CHUNK = 256


class Scan(NamedTuple):
    """What the headers of some files tell.

    Attributes:
        large: numbers of the pictures at least as large as the crop.
        small: how many are smaller.
        unreadable: why each of the others cannot be read.
    """

    large: Sequence[int]
    small: int
    unreadable: Sequence[str]


def scan(files: Files, *, crop: int) -> Scan:
    """Reads the header of every file.

    Args:
        files: encoded pictures.
        crop: side that a picture must have at least, in pixels.

    Returns:
        Which are large enough, and counts of those that are not.
    """
    large: list[int] = []
    small, unreadable = 0, []
    chunks = [range(len(files))[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    progress = tqdm(total=len(files), desc="reading headers", unit="file", delay=2, leave=False, disable=None)
    with ThreadPoolExecutor(_THREADS) as threads, progress:
        for chunk, sides in zip(chunks, threads.map(lambda chunk: _shorter_sides(files, chunk), chunks), strict=True):
            unreadable += [side for side in sides if isinstance(side, str)]
            small += sum(isinstance(side, int) and side < crop for side in sides)
            large += [index for index, side in zip(chunk, sides, strict=True) if isinstance(side, int) and side >= crop]
            progress.update(len(chunk))
    return Scan(large, small, unreadable)


def _shorter_sides(files: Files, chunk: Sequence[int]) -> list[int | str]:
    """Each picture's shorter side, which no EXIF orientation changes, or why it is unknown."""
    return [_shorter_side(files, index) for index in chunk]


def _shorter_side(files: Files, index: int) -> int | str:
    try:
        with files.open(index) as file, Image.open(file) as image:
            return min(image.size)
    except Exception as error:  # Pillow's readers raise many kinds for damaged files
        return f"{files.name(index)}: {error}"
