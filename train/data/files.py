"""Encoded pictures, one file each: those below a folder, or those that Vimeo-90K's lists name."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

# Compared in lower case.
SUFFIXES = {".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

# Frames of each sequence, by how its list's name begins; septuplets come first if there are both.
VIMEO_FRAMES = {"sep": 7, "tri": 3}


class ImageFiles:
    """Picture files of a folder, by number.

    Args:
        root: the folder.
        names: their paths below it, with `/` between the parts.
    """

    def __init__(self, root: str | Path, names: Sequence[str]):
        self.root = Path(root)
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        """The path below the root of the picture with this index."""
        return self._names[index]

    def open(self, index: int) -> BinaryIO:
        """The encoded bytes of the picture with this index, as an open file."""
        return open(self.root / self._names[index], "rb")


def image_folder(root: str | Path) -> ImageFiles:
    """The picture files below a folder, at any depth, sorted by path.

    Args:
        root: the folder; what is hidden in it is ignored, links are followed.

    Returns:
        All files with the suffix of a picture.
    """
    return ImageFiles(root, sorted(_walk(Path(root))))


def _walk(root: Path) -> Iterator[str]:
    seen = set()
    for folder, children, names in os.walk(root, onerror=_raise, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:  # a link to where we have been
            children.clear()
            continue
        seen.add(real)
        children[:] = sorted(child for child in children if not child.startswith("."))
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield (Path(folder) / name).relative_to(root).as_posix()


def _raise(error: OSError) -> None:
    raise error


def vimeo_list(root: str | Path, split: str) -> Path | None:
    """Where Vimeo-90K's list of a split is.

    Args:
        root: folder of the data set.
        split: "train" or "test".

    Returns:
        `sep_trainlist.txt` and the like, or None.
    """
    paths = (Path(root) / f"{kind}_{split}list.txt" for kind in VIMEO_FRAMES)
    return next((path for path in paths if path.is_file()), None)


def vimeo_frames(path: Path) -> ImageFiles:
    """Every frame of the sequences that one of Vimeo-90K's lists names.

    Args:
        path: the list, beside the folder `sequences`; each line such as `00001/0001`.

    Returns:
        `sequences/00001/0001/im1.png` and so on, sorted.

    Raises:
        FileNotFoundError: there is no folder `sequences`.

    Source: CompressAI `Vimeo90kDataset`.
    """
    if not (path.parent / "sequences").is_dir():
        raise FileNotFoundError(f"{path} names sequences, but there is no folder {path.parent / 'sequences'} beside it")
    numbers = range(1, VIMEO_FRAMES[path.name[:3]] + 1)
    sequences = filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines()))
    return ImageFiles(path.parent, sorted(f"sequences/{sequence}/im{n}.png" for sequence in sequences for n in numbers))
