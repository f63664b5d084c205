"""Tables of BD-rates, with all that has to be stated beside the numbers."""

import dataclasses
from collections.abc import Iterable, Sequence

from jaxcompress.evaluate.bd_rate import BDRate, bd_rate
from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import DISTORTIONS


@dataclasses.dataclass(frozen=True)
class TableRow:
    """A codec in the table.

    Attributes:
        curve: of the codec.
        metric: that it was compared by.
        result: the difference; None if there is none.
        error: why there is none.
    """

    curve: Curve
    metric: str
    result: BDRate | None
    error: str = ""


def bd_table(
    anchor: Curve, curves: Sequence[Curve], *, metrics: Sequence[str] = ("psnr-rgb",), method: str = "akima"
) -> list[TableRow]:
    """Compares curves with an anchor's.

    Args:
        anchor: what to compare with.
        curves: of the codecs.
        metrics: see `bd_rate.METRICS`.
        method: see `bd_rate.METHODS`.

    Returns:
        A row for each metric and curve, by metric first, curves in the order given.

    Raises:
        ValueError: there is no such metric or method, or the anchor cannot be compared with itself by the metric.
        ImportError: bjontegaard is missing.
    """
    rows = []
    for metric in metrics:
        bd_rate(anchor, anchor, metric=metric, method=method)  # what is wrong with the anchor is wrong with all
        for curve in curves:
            try:
                rows.append(TableRow(curve, metric, bd_rate(anchor, curve, metric=metric, method=method)))
            except ValueError as error:
                rows.append(TableRow(curve, metric, None, str(error)))
    return rows


def render(anchor: Curve, rows: Sequence[TableRow]) -> str:
    """The table as text.

    Args:
        anchor: as given to `bd_table`.
        rows: what it returned.

    Returns:
        Lines without a newline at the end.
    """
    methods = {row.result.method for row in rows if row.result}
    lines = [
        f"anchor: {describe(anchor)}",
        "BD-rate: percent of bits beyond the anchor's for the same quality, negative is better",
        f"interpolation: {', '.join(methods) or 'none'} of log10(bpp) over decibels",
    ]
    for metric in dict.fromkeys(row.metric for row in rows):
        of_metric = [row for row in rows if row.metric == metric]
        lines += ["", _title(metric)]
        lines += _columns([_HEADER, *(_cells(row) for row in of_metric)])
    curves = [row.curve for row in rows]
    notes = [f"{curve.name}: {curve.meta['note']}" for curve in (anchor, *curves) if "note" in curve.meta]
    notes += [note for row in rows for note in _notes(row, anchor)]
    lines += ["", "curves:", *_listed(map(describe, curves))]
    return "\n".join([*lines, *(["", "notes:", *_listed(notes)] if notes else [])])


def _title(metric: str) -> str:
    return metric if DISTORTIONS[metric].unit == "dB" else f"{metric} in decibels, -10 log10(1 - value)"


def _listed(lines: Iterable[str]) -> list[str]:
    """Each line once, indented."""
    return [f"  {line}" for line in dict.fromkeys(lines)]


def describe(curve: Curve) -> str:
    """What a curve is of, in a line: name, description, data set, number of pictures, origin."""
    parts = [f"{curve.name} ({curve.description})" if curve.description else curve.name]
    if "dataset" in curve.meta:
        parts.append(str(curve.meta["dataset"]))
    count = _count_pictures(curve)
    parts.append("an unknown number of pictures" if count is None else f"{count} picture{'s' * (count != 1)}")
    if "origin" in curve.meta:
        parts.append(str(curve.meta["origin"]))
    return ", ".join(parts)


_HEADER = ["", "BD-rate", "BD-quality", "mean of pictures", "quality", "in common", "bpp", "points (anchor)"]


def _cells(row: TableRow) -> list[str]:
    result = row.result
    if result is None:
        return [row.curve.name, "-"]
    mean = result.picture_mean
    return [
        row.curve.name,
        f"{result.percent:+.1f} %",
        "-" if result.decibels is None else f"{result.decibels:+.2f} dB",
        "-" if mean is None else f"{mean:+.1f} % ({len(result.by_picture)})",
        f"{result.overlap[0]:.1f} to {result.overlap[1]:.1f} dB",
        f"{result.overlap_share:.0%}{'*' * result.small_overlap}",
        f"{result.bpp[0]:.3f} to {result.bpp[1]:.3f}",
        f"{result.points[1]} ({result.points[0]})",
    ]


def _columns(cells: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose first column is aligned to the left, the others to the right."""
    widths = [max(len(line[i]) for line in cells if i < len(line)) for i in range(len(_HEADER))]
    return [
        "  ".join(f"{cell:{'<' if i == 0 else '>'}{widths[i]}}" for i, cell in enumerate(line)).rstrip()
        for line in cells
    ]


def _notes(row: TableRow, anchor: Curve) -> list[str]:
    """What a reader has to know of a row, each on a line of its own."""
    name, result = row.curve.name, row.result
    if result is None:
        return [f"{name}: no BD-rate by {row.metric}: {row.error}"]
    notes = [f"dropped by {row.metric}: {point}" for point in result.dropped]
    notes += [f"{name}: no BD-rate of {picture}: {why}" for picture, why in result.failed_pictures.items()]
    if result.small_overlap:
        notes.append("* the curves share less than 75 % of the range of quality that either covers")
    if difference := _other_pictures(row.curve, anchor):
        notes.append(f"{name}: {difference}: the BD-rate compares different pictures")
    return notes


def _other_pictures(curve: Curve, anchor: Curve) -> str:
    """How the pictures of two curves differ, as far as is known; nothing if they do not."""
    of_curve, of_anchor = ({row["picture"] for row in c.pictures} for c in (curve, anchor))
    if of_curve and of_anchor and of_curve != of_anchor:
        return f"{len(of_curve)} pictures, {len(of_anchor)} of the anchor, {len(of_curve & of_anchor)} in common"
    counts = _count_pictures(curve), _count_pictures(anchor)
    if None not in counts and counts[0] != counts[1]:
        return f"{counts[0]} pictures, {counts[1]} of the anchor"
    return ""


def _count_pictures(curve: Curve) -> int | None:
    if curve.pictures:
        return len({row["picture"] for row in curve.pictures})
    count = curve.meta.get("pictures")
    return count if isinstance(count, int) else None
