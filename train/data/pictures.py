"""Decoded pictures by number, where one that cannot be used gives way to the next."""

import functools
import hashlib
import logging
import threading
from collections.abc import Sequence
from typing import BinaryIO, Protocol, SupportsIndex

import numpy as np

from jaxcompress.codec import read_picture

_logger = logging.getLogger("jaxcompress")


class Files(Protocol):
    """Encoded pictures by number: `ImageFiles` or `ImageRecords`."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """The name of a file, the same wherever its folder lies."""

    def open(self, index: int) -> BinaryIO:
        """The bytes of a file, to be closed by the caller."""


class Pictures:
    """A random-access source of pictures.

    In place of a picture that is broken, or smaller than the crop, stands the next one that is not: so every index has
    a picture, the same in every process. A warning of the logger "jaxcompress" names each such picture once.

    Args:
        files: the encoded pictures.
        crop: side that a picture must have at least, in pixels.
        indices: numbers of the files to use; all if not given.
        cache_bytes: memory for decoded pictures; the first that fit are kept.
    """

    def __init__(self, files: Files, *, crop: int, indices: Sequence[int] | None = None, cache_bytes: int = 0):
        self._files = files
        self._indices = range(len(files)) if indices is None else indices
        self._cache_bytes = cache_bytes
        self._cache: dict[int, np.ndarray] = {}
        self._free = cache_bytes
        self._reported: set[int] = set()
        self._lock = threading.Lock()
        self.crop = crop

    def __reduce__(self):
        """What a copy is made of; its cache is empty."""
        make = functools.partial(Pictures, crop=self.crop, indices=self._indices, cache_bytes=self._cache_bytes)
        return make, (self._files,)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: SupportsIndex) -> np.ndarray:
        """A picture.

        Args:
            index: its number.

        Returns:
            uint8 `[H, W, 3]`, both sides at least `crop`; not writable.

        Raises:
            IndexError: there is no such number.
            ValueError: not one of the pictures can be used.
        """
        first = range(len(self))[index]
        for step in range(len(self)):
            pixels = self._load((first + step) % len(self))
            if pixels is not None:
                return pixels
        raise ValueError(
            f"none of {len(self)} pictures can be read and has {self.crop} x {self.crop} pixels, such as "
            f"{self.name(first)}; the warnings before tell why"
        )

    def name(self, index: int) -> str:
        """The name of the picture with this index, without its folder's."""
        return self._files.name(self._indices[index])

    def select(self, indices: Sequence[int], *, crop: int | None = None) -> "Pictures":
        """A source of some of the pictures.

        Args:
            indices: their numbers here.
            crop: side that they must have at least; as here if not given.

        Returns:
            The source, with a cache of its own.
        """
        chosen = [self._indices[index] for index in indices]
        return Pictures(self._files, crop=crop or self.crop, indices=chosen, cache_bytes=self._cache_bytes)

    def fingerprint(self) -> str:
        """A hash of the pictures' names, 16 hex digits."""
        digest = hashlib.blake2b(digest_size=8)
        for index in range(len(self)):
            digest.update(self.name(index).encode("utf-8", "surrogateescape") + b"\n")
        return digest.hexdigest()

    def _load(self, index: int) -> np.ndarray | None:
        if index in self._cache:
            return self._cache[index]
        try:
            with self._files.open(self._indices[index]) as file:
                pixels = decode(file)
            check_size(pixels, self.crop)
        except (OSError, ValueError) as error:
            self._report(index, error)
            return None
        pixels.flags.writeable = False
        self._keep(index, pixels)
        return pixels

    def _keep(self, index: int, pixels: np.ndarray) -> None:
        with self._lock:
            if pixels.nbytes <= self._free and index not in self._cache:
                self._cache[index] = pixels
                self._free -= pixels.nbytes

    def _report(self, index: int, error: Exception) -> None:
        with self._lock:
            if index in self._reported:
                return
            self._reported.add(index)
        _logger.warning("the picture %s is left out, the next takes its place: %s", self.name(index), error)


def decode(file: BinaryIO) -> np.ndarray:
    """A picture's pixels as a network is trained on them.

    Args:
        file: an image file.

    Returns:
        uint8 RGB `[H, W, 3]`, upright, grey in all three channels, transparent parts over white.

    Raises:
        ValueError: it is no image, or is damaged.
    """
    pixels = read_picture(file).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def check_size(pixels: np.ndarray, crop: int) -> None:
    """Raises ValueError if a picture `[H, W, 3]` has a side shorter than the crop's."""
    height, width = pixels.shape[:2]
    if min(height, width) < crop:
        raise ValueError(f"it has {width} x {height} pixels, fewer than the crop's {crop} x {crop}")
