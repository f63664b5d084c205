"""What plots and reports draw of curves: their points, colours and markers."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxcompress.evaluate.codec import Quality
from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import of_key

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
    value = of_key(key)
    if value is not None and key == value.decibels_key and key not in row:
        measured = number(row, value.key)
        return None if measured is None else value.in_decibels(measured)
    found = row.get(key)
    return float(found) if isinstance(found, (int, float)) and not math.isnan(found) else None
