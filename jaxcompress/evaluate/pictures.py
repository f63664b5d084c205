"""The pictures of a data set."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxcompress.codec.picture import read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".pgm", ".ppm", ".tif", ".tiff")


@dataclasses.dataclass(frozen=True)
class Source:
    """A picture to be coded.

    Attributes:
        name: relative to the folder it was found in; names its row.
        path: of the file.
    """

    name: str
    path: Path

    def read(self) -> np.ndarray:
        """Its pixels, uint8 `[H, W, 3]`; grey ones repeated.

        Raises:
            ValueError: the file is no picture that can be read.
        """
        pixels = read_picture(self.path).pixels
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def find_pictures(paths: Sequence[str | Path], *, without: str | Path | None = None) -> list[Source]:
    """Picture files by name, and those of folders, at any depth, by their suffixes, in the order of names.

    Args:
        paths: files and folders. Hidden files in folders are left out.
        without: a folder that is left out as well, such as one with decoded pictures of an earlier run.

    Raises:
        FileNotFoundError: one is not there.
        ValueError: there are none, or two would have the same name.
    """
    found = [source for path in paths for source in _sources(Path(path))]
    if without is not None:
        found = [source for source in found if Path(without).resolve() not in source.path.resolve().parents]
    if not found:
        raise ValueError(
            f"there are no pictures in {', '.join(map(str, paths))}; expected files with one of the suffixes "
            f"{' '.join(SUFFIXES)}"
        )
    names: dict[str, Path] = {}
    for source in found:
        if not _is_text(source.name):
            raise ValueError(f"the name of {source.path!r} is no text, which results could hold; rename the file")
        other = names.setdefault(source.name, source.path)
        if other.resolve() != source.path.resolve():
            raise ValueError(
                f"{other} and {source.path} would both be called {source.name}; give the folder above them"
            )
    return [Source(name, path) for name, path in names.items()]


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _sources(path: Path) -> Iterator[Source]:
    if not path.is_dir():
        with open(path, "rb"):  # raises before the work if it cannot be read
            yield Source(path.name, path)
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        hidden = any(part.startswith(".") for part in name.parts)
        if file.suffix.lower() in SUFFIXES and file.is_file() and not hidden:
            yield Source(name.as_posix(), file)
