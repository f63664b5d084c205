"""The checkpoints that CompressAI has published: names, addresses and hashes. Nothing heavy here."""

import dataclasses
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from jaxcompress.metric_table import OBJECTIVES

ADDRESS = "https://compressai.s3.amazonaws.com/models/v1/"


@dataclasses.dataclass(frozen=True)
class Series:
    """Models of one architecture, trained for one metric.

    Attributes:
        stem: how the names of the files begin.
        hashes: the first 8 hex digits of the SHA-256 of each file, from quality 1 up, with blanks between.
    """

    stem: str
    hashes: str


SERIES = {
    ("bmshj2018-factorized", "mse"): Series(
        "bmshj2018-factorized-prior",
        "446d5c7f 87279a02 5c6f152b 1ed4405a 866ba797 9b02ea3a 6dfd6734 5232faa3",
    ),
    ("bmshj2018-factorized", "ms-ssim"): Series(
        "bmshj2018-factorized-ms-ssim",
        "9781d705 4a584386 5352f123 4f91b847 b3a88897 ee028763 8c265a29 8811bd14",
    ),
    ("bmshj2018-hyperprior", "mse"): Series(
        "bmshj2018-hyperprior",
        "7eb97409 93677231 6d87be32 de1b779c f8b614e1 1ab9c41e 3804dcbd a583f0cf",
    ),
    ("bmshj2018-hyperprior", "ms-ssim"): Series(
        "bmshj2018-hyperprior-ms-ssim",
        "5cf249be 1ff60d1f 92dd7878 4377354e c34afc8d 3a6d8229 8747d3bc cc15b5f3",
    ),
    ("mbt2018-mean", "mse"): Series(
        "mbt2018-mean",
        "e522738d e54a039d 723404a8 6dba02a3 d504e8eb a19628ab d5d441d1 8089ae3e",
    ),
    ("mbt2018-mean", "ms-ssim"): Series(
        "mbt2018-mean-ms-ssim",
        "5bf9c0b6 e2a1bf3f 640ce819 12626c13 1be7f059 b83bf379 ddf9644c 0cc7b94f",
    ),
    ("mbt2018", "mse"): Series(
        "mbt2018",
        "3f36cd77 43b70cdd 22901978 456e2af9 b4a046dd 7052e5ea 8ba2bf82 dd0097aa",
    ),
    ("mbt2018", "ms-ssim"): Series(
        "mbt2018-ms-ssim",
        "2878436b c41cb208 d0dd64e8 a120e037 9b30e3b7 f8b3626f 16e6ff50 0cb49d43",
    ),
    ("cheng2020-anchor", "mse"): Series(
        "cheng2020-anchor",
        "dad2ebff a29008eb e49be189 98b0b468 23852949 4c052b1a",
    ),
    ("cheng2020-anchor", "ms-ssim"): Series(
        "cheng2020_anchor-ms-ssim",
        "20f521db c7ff5812 c23e22d5 0e658304 c0a95e77 f2dc1913",
    ),
    ("cheng2020-attn", "mse"): Series(
        "cheng2020_attn-mse",
        "465f2b64 e0805385 2d07bbdf f7b0ccf2 26c8920e 730501f2",
    ),
    ("cheng2020-attn", "ms-ssim"): Series(
        "cheng2020_attn-ms-ssim",
        "c5381d91 5dad201d 5c9be841 8b2f647e 5ca1f34c 216423ec",
    ),
}
"""By architecture and metric."""

# Of each quality, about: four bytes for each parameter.
_MEGABYTES = {
    "bmshj2018-factorized": (12,) * 5 + (28,) * 3,
    "bmshj2018-hyperprior": (20,) * 5 + (47,) * 3,
    "mbt2018-mean": (28,) * 4 + (70,) * 4,
    "mbt2018": (57,) * 4 + (102,) * 4,
    "cheng2020-anchor": (47,) * 3 + (106,) * 3,
    "cheng2020-attn": (53,) * 3 + (119,) * 3,
}


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
        return _MEGABYTES[self.name][self.quality - 1] * 10**6

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
