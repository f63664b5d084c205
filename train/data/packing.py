"""Packing picture files into ArrayRecord shards, for storage where many small files are slow."""

import itertools
import logging
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from jaxcompress.train.data.optional import require
from jaxcompress.train.data.pictures import Files, decode
from jaxcompress.train.data.records import shard_paths
from jaxcompress.train.data.sources import find_files

_logger = logging.getLogger("jaxcompress")

_THREADS = 16
_CHUNK = 256  # pictures whose bytes are in memory at a time


class Packed(NamedTuple):
    """What was packed.

    Attributes:
        pictures: how many.
        shards: in how many files.
        bytes: size of these, together.
        small: pictures left out because they are smaller than the crop.
        broken: files left out because they cannot be decoded.
    """

    pictures: int
    shards: int
    bytes: int
    small: int
    broken: int


class _Candidate(NamedTuple):
    """A file's content, or why it is of no use."""

    data: bytes
    small: bool = False
    broken: bool = False


def pack(
    path: str | Path, output: str | Path, *, crop: int, shard_bytes: int = 256 * 2**20, overwrite: bool = False
) -> Packed:
    """Writes the training pictures of a folder to shards, which `open_source` reads.

    Records are the files' own bytes, sorted by path. Every picture is decoded to be sure of it; one that is broken is
    told in a warning of the logger "jaxcompress". The shards get their names, `train-00000-of-00004.array_record` and
    so on, when all are written.

    Args:
        path: a folder, as `open_source` takes.
        output: folder for the shards; made if there is none.
        crop: side that a picture must have at least, in pixels.
        shard_bytes: size at which a shard is full.
        overwrite: replace the shards that are in the folder.

    Returns:
        What was packed and what was left out.

    Raises:
        FileExistsError: the folder holds shards, and `overwrite` is off.
        FileNotFoundError: there are no training pictures at `path`.
        ImportError: array_record is not installed.
        ValueError: no picture can be packed, or a number is not positive.
    """
    if crop < 1 or shard_bytes < 1:
        raise ValueError(f"crop is {crop} and shard_bytes is {shard_bytes}; expected at least 1 of each")
    files, output = find_files(path, split="train"), Path(output)
    old = shard_paths(output) if output.is_dir() else []
    if old and not overwrite:
        raise FileExistsError(
            f"{output} holds {old[0].name}; choose another folder, or pass --force (overwrite=True) to "
            f"replace its shards"
        )
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=output) as temporary:
        packed, shards = _write(files, Path(temporary), crop=crop, shard_bytes=shard_bytes)
        if not packed.pictures:
            raise ValueError(
                f"{path} holds no picture of at least {crop} x {crop} pixels; found were {len(files)} image files, "
                f"{packed.small} smaller and {packed.broken} unreadable; give a folder with larger pictures, "
                f"or a smaller crop"
            )
        for shard in old:
            shard.unlink()
        for number, shard in enumerate(shards):
            os.replace(shard, output / f"train-{number:05d}-of-{len(shards):05d}.array_record")
    return packed


def _write(files: Files, folder: Path, *, crop: int, shard_bytes: int) -> tuple[Packed, list[Path]]:
    """Fills shards one after the other."""
    writer_class = require("array_record.python.array_record_module").ArrayRecordWriter
    shards: list[Path] = []
    pictures = small = broken = room = 0
    writer: Any = None
    try:
        for candidate in _candidates(files, crop):
            small += candidate.small
            broken += candidate.broken
            if candidate.small or candidate.broken:
                continue
            if room <= 0:
                if writer:
                    writer.close()
                shards.append(folder / str(len(shards)))
                # One picture in each group, so that one can be read alone; most are compressed already.
                writer, room = writer_class(str(shards[-1]), "group_size:1,uncompressed"), shard_bytes
            writer.write(candidate.data)
            room -= len(candidate.data)
            pictures += 1
    finally:
        if writer:
            writer.close()
    size = sum(shard.stat().st_size for shard in shards)
    return Packed(pictures, len(shards), size, small, broken), shards


def _candidates(files: Files, crop: int) -> Iterator[_Candidate]:
    """The files in their order, decoded by several threads to see whether they are good."""
    indices = iter(range(len(files)))
    progress = tqdm(total=len(files), desc="packing", unit="file", leave=False, disable=None)
    with ThreadPoolExecutor(_THREADS) as threads, progress:
        while chunk := list(itertools.islice(indices, _CHUNK)):
            for candidate in threads.map(lambda index: _candidate(files, index, crop), chunk):
                yield candidate
                progress.update()


def _candidate(files: Files, index: int, crop: int) -> _Candidate:
    try:
        with files.open(index) as file:
            data = file.read()
            file.seek(0)
            pixels = decode(file)
    except (OSError, ValueError) as error:
        _logger.warning("%s is not packed: %s", files.name(index), error)
        return _Candidate(b"", broken=True)
    return _Candidate(b"", small=True) if min(pixels.shape[:2]) < crop else _Candidate(data)
