"""What is drawn of curves, and how: metrics by the names users give them, labels of axes, colours and markers."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxcompress.evaluate.codec import Quality
from jaxcompress.evaluate.curve import Curve, to_db

LABELS = {
    "psnr-rgb": "PSNR (RGB) [dB]",
    "ms-ssim-db-rgb": "MS-SSIM (RGB) [dB]",
    "psnr-y": "PSNR (Y) [dB]",
    "psnr-yuv": "PSNR (YUV 6:1:1) [dB]",
    "ms-ssim-rgb": "MS-SSIM (RGB)",
    "ssim-rgb": "SSIM (RGB)",
    "encoding_time": "Encoding time per picture [s]",
    "decoding_time": "Decoding time per picture [s]",
}
BPP_LABEL = "Bit-rate [bpp]"
_ALIASES = {"psnr": "psnr-rgb", "ms-ssim": "ms-ssim-db-rgb", "ssim": "ssim-rgb"}

# Of Okabe and Ito's palette, which people with any colour vision tell apart, those that show on white and on black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
# As many as have no common divisor with the colours, so that 63 curves differ. Names of Bokeh's.
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star", "hex", "cross", "x")


@dataclasses.dataclass(frozen=True)
class Style:
    """How a curve is drawn.

    Attributes:
        colour: as `#rrggbb`.
        marker: of `MARKERS`.
        dashed: whether its line is.
    """

    colour: str
    marker: str
    dashed: bool


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of a curve.

    Attributes:
        bpp: bits per pixel.
        value: of the metric.
        quality: the codec's setting, or None if the file did not tell.
    """

    bpp: float
    value: float
    quality: Quality | None


def metric_key(name: str) -> str:
    """The key in a curve's results of a metric: "psnr" is "psnr-rgb", "ms-ssim" is MS-SSIM in decibels."""
    return _ALIASES.get(name, name)


def metric_label(key: str) -> str:
    """What an axis says, with the unit."""
    return LABELS.get(key, key)


def styles(curves: Sequence[Curve], references: Sequence[Curve] = ()) -> list[Style]:
    """Styles that tell curves apart, also in grey: of learned codecs solid, of others and of references dashed."""
    return [
        Style(_COLOURS[i % len(_COLOURS)], MARKERS[i % len(MARKERS)], i >= len(curves) or not is_learned(curve))
        for i, curve in enumerate([*curves, *references])
    ]


def is_learned(curve: Curve) -> bool:
    """Whether a curve is one of a learned codec, as far as its file tells."""
    command = str(curve.meta.get("command", ""))
    if command.startswith("jaxcompress "):
        return command.startswith("jaxcompress evaluate")
    return "device" in curve.meta or curve.description.startswith("Inference")


def has_metric(curve: Curve, key: str) -> bool:
    """Whether `points` finds the metric."""
    return key in curve.results or (key == "ms-ssim-db-rgb" and "ms-ssim-rgb" in curve.results)


def qualities(curve: Curve) -> Sequence[Quality | None]:
    """The settings of a curve's points, or so many times None if the file did not tell."""
    count = len(curve.results["bpp"])
    return curve.qualities if len(curve.qualities) == count else [None] * count


def points(curve: Curve, key: str) -> list[Point]:
    """The points of a curve from the fewest bits to the most, without those of infinite quality.

    Raises:
        ValueError: the curve has no such metric.
    """
    found = (Point(*each) for each in zip(curve.results["bpp"], curve.values(key), qualities(curve), strict=True))
    return sorted((p for p in found if math.isfinite(p.bpp) and math.isfinite(p.value)), key=lambda point: point.bpp)


def picture_points(curve: Curve, key: str) -> Iterator[Point]:
    """Points of single pictures, as far as the file has them."""
    for row in curve.pictures:
        bpp, value = number(row, "bpp"), number(row, key)
        if bpp is not None and value is not None and math.isfinite(bpp) and math.isfinite(value):
            yield Point(bpp, value, row.get("quality"))


def number(row: Mapping[str, Any], key: str) -> float | None:
    """A value of a picture's row; None if it is not there, or no number."""
    if key == "ms-ssim-db-rgb" and key not in row:
        linear = number(row, "ms-ssim-rgb")
        return None if linear is None else to_db(linear)
    value = row.get(key)
    return float(value) if isinstance(value, (int, float)) and not math.isnan(value) else None
