"""The checkpoints that CompressAI has published: names, addresses and hashes. Nothing heavy here."""

import dataclasses
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from jaxcompress.architecture_table import TABLE, Series
from jaxcompress.metric_table import OBJECTIVES

ADDRESS = "https://compressai.s3.amazonaws.com/models/v1/"


SERIES: dict[tuple[str, str], Series] = {
    (row.name, metric): series for row in TABLE.values() for metric, series in row.series.items()
}
"""Checkpoints by architecture and metric."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A published file.

    Attributes:
        name: of the architecture.
        metric: what it was trained for.
        quality: from 1, the fewest bits.
        stem: of the file's name.
        sha256: how the file's SHA-256 begins, 8 hex digits.
    """

    name: str
    metric: str
    quality: int
    stem: str
    sha256: str

    @property
    def label(self) -> str:
        """The file's name without suffixes."""
        return f"{self.stem}-{self.quality}-{self.sha256}"

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.label}.pth.tar"

    @property
    def size(self) -> int:
        """About how many bytes it has."""
        return TABLE[self.name].sizes[self.quality - 1].megabytes * 10**6

    @property
    def address(self) -> str:
        """Where it is fetched from: `$JAXCOMPRESS_MIRROR` stands for all but the file's name.

        Raises:
            ValueError: the mirror is no address.
        """
        mirror = os.environ.get("JAXCOMPRESS_MIRROR")
        if mirror and not (urlsplit(mirror).scheme in ("http", "https") and urlsplit(mirror).netloc):
            raise ValueError(f"JAXCOMPRESS_MIRROR is {mirror!r}; expected an address such as https://host/folder")
        return f"{(mirror or ADDRESS).rstrip('/')}/{self.file}"


def names() -> list[str]:
    """Architectures that have published models."""
    return list(dict.fromkeys(name for name, _ in SERIES))


def checkpoints() -> Iterator[Checkpoint]:
    """All of them."""
    for (name, metric), series in SERIES.items():
        for quality, sha256 in enumerate(series.hashes.split(), 1):
            yield Checkpoint(name, metric, quality, series.stem, sha256)


def qualities(name: str, *, metric: str | None = None) -> list[int]:
    """Qualities that there are, ascending.

    Args:
        name: one of `names()`.
        metric: one of `metric_table.OBJECTIVES`, or None for the first.

    Raises:
        ValueError: there are no such models.
    """
    return [found.quality for found in _series(name, metric)]


def checkpoint(name: str, quality: int | None, metric: str | None = None) -> Checkpoint:
    """One of them.

    Args:
        name: one of `names()`.
        quality: from 1.
        metric: one of `metric_table.OBJECTIVES`, or None for the first.

    Raises:
        ValueError: there is none such.
    """
    series = _series(name, metric)
    for found in series:
        if found.quality == quality:
            return found
    given = "none" if quality is None else repr(quality)
    raise ValueError(f"{name} is published with qualities 1 to {len(series)}; {given} was given (quality=, --quality)")


def _series(name: str, metric: str | None) -> list[Checkpoint]:
    if name not in names():
        raise ValueError(f"no weights named {name!r} are published; there are {', '.join(names())}")
    if metric not in (None, *OBJECTIVES):
        raise ValueError(f"{name} is published for the metrics {' and '.join(OBJECTIVES)}; {metric!r} was given")
    return [found for found in checkpoints() if (found.name, found.metric) == (name, metric or "mse")]
