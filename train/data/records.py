"""Encoded pictures in ArrayRecord shards: few large files in place of many small ones."""

import bisect
import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from jaxcompress.train.data.optional import require

SUFFIXES = (".array_record", ".arrayrecord")
_NUMBERED = re.compile(r"(.*)-(\d+)-of-(\d+)")


class ImageRecords:
    """Pictures in shards, by number; each record is the content of one image file.

    Args:
        paths: the shards.

    Raises:
        ValueError: a shard is damaged, or one of a numbered set (`train-00000-of-00002`) is missing.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        _check_complete(self.paths)
        self._shards = [_open_shard(path) for path in self.paths]
        self._ends = list(itertools.accumulate(map(len, self._shards)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def name(self, index: int) -> str:
        """The shard of the picture with this index, and its place there."""
        shard, place = self._find(index)
        return f"{self.paths[shard].name}:{place}"

    def open(self, index: int) -> BinaryIO:
        """The encoded bytes of the picture with this index, as an open file.

        Raises:
            ValueError: the record is damaged.
        """
        shard, place = self._find(index)
        try:
            return _Record(self._shards[shard][place], f"{self.paths[shard]}:{place}")
        except RuntimeError as error:
            raise ValueError(f"record {place} of {self.paths[shard]} is damaged: {error}") from error

    def _find(self, index: int) -> tuple[int, int]:
        shard = bisect.bisect_right(self._ends, index)
        return shard, index - (self._ends[shard - 1] if shard else 0)


class _Record(io.BytesIO):
    """A record that knows its name, for error messages."""

    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self.name = name


def shard_paths(folder: str | Path) -> list[Path]:
    """The shards that lie in a folder, sorted; hidden files are none."""
    return sorted(path for path in Path(folder).iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))


def _open_shard(path: Path):
    module = require("array_record.python.array_record_data_source")
    try:
        return module.ArrayRecordDataSource([str(path)])
    except RuntimeError as error:
        raise ValueError(f"{path} is no ArrayRecord shard, or is damaged: {error}") from error


def _check_complete(paths: Sequence[Path]) -> None:
    found: dict[tuple[str, str], set[int]] = {}
    for path in paths:
        if match := _NUMBERED.fullmatch(path.stem):
            found.setdefault((match[1], match[3]), set()).add(int(match[2]))
    for (name, count), numbers in found.items():
        if missing := sorted(set(range(int(count))) - numbers):
            raise ValueError(
                f"{paths[0].parent} has {len(numbers)} of the {int(count)} shards {name}-*-of-{count}; number "
                f"{missing[0]} is missing; copy or pack them again"
            )
