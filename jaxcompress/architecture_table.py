"""The architectures: one row for each, with its published sizes, files and numbers. No JAX here.

`models.registry` has the class of each; the zoo, CompressAI's container and the commands read the rest.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Size(NamedTuple):
    """Sizes of a published model.

    Attributes:
        n: width of the transforms.
        m: channels of y.
        megabytes: about how large its checkpoint is: four bytes for each parameter.
    """

    n: int
    m: int
    megabytes: int


class Series(NamedTuple):
    """Checkpoints of one architecture, trained for one metric.

    Attributes:
        stem: beginning of the files' names.
        hashes: the first 8 hex digits of the SHA-256 of each file, from quality 1 up, with blanks between.
    """

    stem: str
    hashes: str


class Architecture(NamedTuple):
    """A row of the table.

    Attributes:
        name: name in weights, files, recipes and commands.
        sizes: sizes by quality, from 1 up; none where one model has all qualities.
        only_size: sizes of a model that has all qualities; else None.
        default_quality: quality of such a model unless another is asked for.
        series: CompressAI's checkpoints by the metric they were trained for (`metric_table.OBJECTIVES`).
        compressai_number: number in the container of CompressAI's codec since 1.2.2; None if it has none.
        legacy_number: number in the older container; None if it has none.
    """

    name: str
    sizes: tuple[Size, ...] = ()
    series: Mapping[str, Series] = MappingProxyType({})
    compressai_number: int | None = None
    legacy_number: int | None = None
    only_size: Size | None = None
    default_quality: int | None = None


_ROWS = (
    Architecture(
        "bmshj2018-factorized",
        (Size(128, 192, 12),) * 5 + (Size(192, 320, 28),) * 3,
        {
            "mse": Series(
                "bmshj2018-factorized-prior",
                "446d5c7f 87279a02 5c6f152b 1ed4405a 866ba797 9b02ea3a 6dfd6734 5232faa3",
            ),
            "ms-ssim": Series(
                "bmshj2018-factorized-ms-ssim",
                "9781d705 4a584386 5352f123 4f91b847 b3a88897 ee028763 8c265a29 8811bd14",
            ),
        },
        compressai_number=0,
        legacy_number=0,
    ),
    Architecture(
        "bmshj2018-factorized-relu",
        (Size(128, 192, 12),) * 5 + (Size(192, 320, 28),) * 3,
        compressai_number=1,
    ),
    Architecture(
        "bmshj2018-hyperprior",
        (Size(128, 192, 20),) * 5 + (Size(192, 320, 47),) * 3,
        {
            "mse": Series(
                "bmshj2018-hyperprior",
                "7eb97409 93677231 6d87be32 de1b779c f8b614e1 1ab9c41e 3804dcbd a583f0cf",
            ),
            "ms-ssim": Series(
                "bmshj2018-hyperprior-ms-ssim",
                "5cf249be 1ff60d1f 92dd7878 4377354e c34afc8d 3a6d8229 8747d3bc cc15b5f3",
            ),
        },
        compressai_number=2,
        legacy_number=1,
    ),
    Architecture(
        "mbt2018-mean",
        (Size(128, 192, 28),) * 4 + (Size(192, 320, 70),) * 4,
        {
            "mse": Series(
                "mbt2018-mean",
                "e522738d e54a039d 723404a8 6dba02a3 d504e8eb a19628ab d5d441d1 8089ae3e",
            ),
            "ms-ssim": Series(
                "mbt2018-mean-ms-ssim",
                "5bf9c0b6 e2a1bf3f 640ce819 12626c13 1be7f059 b83bf379 ddf9644c 0cc7b94f",
            ),
        },
        compressai_number=3,
        legacy_number=2,
    ),
    Architecture(
        "mbt2018",
        (Size(192, 192, 57),) * 4 + (Size(192, 320, 102),) * 4,
        {
            "mse": Series(
                "mbt2018",
                "3f36cd77 43b70cdd 22901978 456e2af9 b4a046dd 7052e5ea 8ba2bf82 dd0097aa",
            ),
            "ms-ssim": Series(
                "mbt2018-ms-ssim",
                "2878436b c41cb208 d0dd64e8 a120e037 9b30e3b7 f8b3626f 16e6ff50 0cb49d43",
            ),
        },
        compressai_number=4,
        legacy_number=3,
    ),
    Architecture(
        "cheng2020-anchor",
        (Size(128, 128, 47),) * 3 + (Size(192, 192, 106),) * 3,
        {
            "mse": Series("cheng2020-anchor", "dad2ebff a29008eb e49be189 98b0b468 23852949 4c052b1a"),
            "ms-ssim": Series("cheng2020_anchor-ms-ssim", "20f521db c7ff5812 c23e22d5 0e658304 c0a95e77 f2dc1913"),
        },
        compressai_number=5,
        legacy_number=4,
    ),
    Architecture(
        "cheng2020-attn",
        (Size(128, 128, 53),) * 3 + (Size(192, 192, 119),) * 3,
        {
            "mse": Series("cheng2020_attn-mse", "465f2b64 e0805385 2d07bbdf f7b0ccf2 26c8920e 730501f2"),
            "ms-ssim": Series("cheng2020_attn-ms-ssim", "c5381d91 5dad201d 5c9be841 8b2f647e 5ca1f34c 216423ec"),
        },
        compressai_number=6,
        legacy_number=5,
    ),
    Architecture("light", only_size=Size(96, 256, 8), default_quality=65),
)

TABLE = {row.name: row for row in _ROWS}
"""Rows by name."""

COMPRESSAI = tuple(row.name for row in _ROWS if row.compressai_number is not None)
"""Architectures that CompressAI has, too."""
