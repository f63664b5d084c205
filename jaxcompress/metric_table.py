"""The values that rate-distortion curves hold: one row for each, with its key, its names and its unit. No JAX here.

`metrics` computes them, `evaluate.measure` by these keys; `plot`, `report`, `bd-rate` and the commands read the rest.
"""

import math
from typing import NamedTuple

OBJECTIVES = ("mse", "ms-ssim")
"""Distortions that models are trained for, by the names that recipes, weights and CompressAI's files have for them."""


class Value(NamedTuple):
    """A value of a coded picture.

    Attributes:
        key: name in the results of a curve and in the rows of its pictures, on the scale that is measured.
        label: name on the axis of a plot, without the unit.
        column: name at the head of a table's column, without the unit.
        unit: "dB", "s" or nothing.
        short: name that a user may give instead of `key`; nothing if there is none.
        decibels_key: key of the same metric in decibels, which papers publish and plots show instead of `key`; nothing
            if plots show the measured scale.
        is_distortion: whether it compares the decoded picture with the original. Higher is better for all of these.
        by_default: for distortions, whether `evaluate` measures it unless told otherwise.
    """

    key: str
    label: str
    column: str
    unit: str = ""
    short: str = ""
    decibels_key: str = ""
    is_distortion: bool = True
    by_default: bool = True

    @property
    def shown_key(self) -> str:
        """Key of the scale that plots and tables show."""
        return self.decibels_key or self.key

    @property
    def shown_unit(self) -> str:
        """Unit of the scale that plots and tables show."""
        return "dB" if self.decibels_key else self.unit

    def in_decibels(self, value: float) -> float:
        """A measured value in decibels; values of a metric that is measured in decibels stay as they are."""
        return value if self.unit == "dB" else to_db(value)


VALUES = (
    Value("bpp", "Bit-rate [bpp]", "bpp", is_distortion=False),
    Value("estimated-bpp", "Estimated bit-rate [bpp]", "bpp, estimated", is_distortion=False),
    Value("psnr-rgb", "PSNR (RGB)", "PSNR", "dB", short="psnr"),
    Value("ms-ssim-rgb", "MS-SSIM (RGB)", "MS-SSIM", short="ms-ssim", decibels_key="ms-ssim-db-rgb"),
    Value("psnr-y", "PSNR (Y)", "PSNR-Y", "dB"),
    Value("psnr-yuv", "PSNR (YUV 6:1:1)", "PSNR-YUV", "dB"),
    Value("ssim-rgb", "SSIM (RGB)", "SSIM", short="ssim", by_default=False),
    Value("encoding_time", "Encoding time per picture", "encoding", "s", is_distortion=False),
    Value("decoding_time", "Decoding time per picture", "decoding", "s", is_distortion=False),
)
"""All rows, in the order that tables show them."""

DISTORTIONS = {value.key: value for value in VALUES if value.is_distortion}
"""Distortions by key."""


def find(name: str) -> Value | None:
    """The row with a key or a short name; None if there is none."""
    return next((value for value in VALUES if name and name in (value.key, value.short)), None)


def shown_key(name: str) -> str:
    """The key that a plot shows for what a user names: short names give the scale of plots, keys stay as they are.

    Args:
        name: a short name, such as "psnr", or a key of a curve's results.

    Returns:
        Such as "psnr-rgb"; "ms-ssim-db-rgb" for "ms-ssim", whose linear scale is "ms-ssim-rgb".
    """
    value = find(name)
    return value.shown_key if value is not None and name == value.short else name


def of_key(key: str) -> Value | None:
    """The row that a key belongs to, be it measured or in decibels; None if there is none."""
    return next((value for value in VALUES if key in (value.key, value.shown_key)), None)


def axis_label(key: str) -> str:
    """The label of an axis that shows the values of a key, with the unit."""
    value = of_key(key)
    if value is None:
        return key
    return with_unit(value.label, value.unit if key == value.key else "dB")


def with_unit(text: str, unit: str) -> str:
    """A label with its unit in brackets, if it has one."""
    return f"{text} [{unit}]" if unit else text


def to_db(similarity: float) -> float:
    """A similarity (SSIM, MS-SSIM) in decibels, `-10 log10(1 - similarity)`.

    CompressAI plots it of a mean over pictures, not the mean of decibels.

    Args:
        similarity: at most 1.

    Returns:
        Decibels; infinity for 1.
    """
    return -10 * math.log10(1 - similarity) if similarity < 1 else math.inf
