"""Rate-distortion curves as a figure of Matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxcompress.evaluate import axes as drawn
from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import axis_label, shown_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

_MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "inverted_triangle": "v",
    "star": "*",
    "hex": "h",
    "cross": "P",
    "x": "X",
}
_LEGEND_ROW = 0.22  # inches
_MARKER_SIZES = {"star": 8.5, "hex": 6.5, "diamond": 4.8}


def plot_curves(
    curves: Sequence[Curve],
    *,
    references: Sequence[Curve] = (),
    metric: str = "psnr-rgb",
    title: str | None = None,
    limits: tuple[float, float, float, float] | None = None,
    figsize: tuple[float, float] = (7.0, 4.8),
    scatter: bool = False,
    log: bool = False,
) -> Figure:
    """Draws rate-distortion curves.

    Args:
        curves: those of learned codecs are drawn solid, of others dashed.
        references: more of them, all dashed.
        metric: on the y axis: a key of the curves' results, "psnr", or "ms-ssim" for MS-SSIM in decibels.
        title: above them.
        limits: of the axes: lowest and highest x, lowest and highest y.
        figsize: in inches.
        scatter: whether to draw points of single pictures, small, as far as curves have rows of them.
        log: whether the rate's axis is logarithmic.

    Returns:
        A `matplotlib.figure.Figure`, which pyplot knows nothing of.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: there is no curve, or one has no such metric.
    """
    if not curves and not references:
        raise ValueError("there are no curves to plot")
    if log and limits is not None and min(limits[:2]) <= 0:
        raise ValueError(
            f"the rate's limits are {limits[0]:g} and {limits[1]:g}; a logarithmic axis needs positive ones"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots need the extra: pip install 'jaxcompress[eval]'") from error

    key = shown_key(metric)
    figure = Figure(figsize=figsize, layout="constrained")
    axes = figure.add_subplot()
    _draw_frame(axes, key, title, log)
    lines = []
    for curve, style in zip([*curves, *references], drawn.styles(curves, references), strict=True):
        points = drawn.points(curve, key)
        lines += axes.plot(
            [point.bpp for point in points],
            [point.value for point in points],
            color=style.colour,
            linestyle=(0, (4, 1.6)) if style.dashed else "solid",
            linewidth=1.3 if style.dashed else 1.7,
            marker=_MARKERS[style.marker],
            markersize=_MARKER_SIZES.get(style.marker, 5.5),
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=2.0 if style.dashed else 2.5,
        )
        if scatter:
            singles = list(drawn.picture_points(curve, key))
            axes.scatter(
                [point.bpp for point in singles],
                [point.value for point in singles],
                s=7,
                color=style.colour,
                marker=_MARKERS[style.marker],
                alpha=0.35,
                linewidths=0,
                zorder=1.5,
            )
    if limits is not None:
        axes.set(xlim=limits[:2], ylim=limits[2:])
    elif not log:
        axes.set_xlim(left=0)
    _add_legend(figure, axes, lines, [curve.name for curve in (*curves, *references)])
    return figure


def render(figure: Figure, format: str, *, dpi: int = 200) -> bytes:
    """The bytes of a figure's file.

    Args:
        figure: see `plot_curves`.
        format: of `FORMATS`.
        dpi: pixels per inch of a PNG.

    Raises:
        ValueError: the format is another.
    """
    if format not in FORMATS:
        raise ValueError(f"the format is {format!r}; expected one of {', '.join(FORMATS)}")
    import matplotlib

    file = io.BytesIO()
    # Text that stays text: to be searched, and edited.
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.fonttype": "none"}):
        figure.savefig(file, format=format, dpi=dpi)
    return file.getvalue()


def _draw_frame(axes: Axes, key: str, title: str | None, log: bool) -> None:
    axes.set_xlabel(axis_label("bpp"))
    axes.set_ylabel(axis_label(key), parse_math=False)
    if title:
        axes.set_title(title, parse_math=False)
    axes.grid(color="#d9d9d9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if log:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _add_legend(figure: Figure, axes: Axes, lines: Sequence, names: Sequence[str]) -> None:
    """In the lower right corner, which curves leave free; beside the axes if they do not."""
    options = {"fontsize": "small", "framealpha": 0.9, "edgecolor": "#d9d9d9", "handlelength": 2.8}
    legend = axes.legend(lines, names, loc="lower right", **options)
    legend.set_in_layout(False)
    _show_plainly(legend)
    figure.draw_without_rendering()
    box = legend.get_window_extent().padded(6)
    frame = axes.get_window_extent()
    hidden = any(line.get_transform().transform_path(line.get_path()).intersects_bbox(box, False) for line in lines)
    hidden |= any(box.count_contains(axes.transData.transform(dots.get_offsets())) for dots in axes.collections)
    if hidden or box.x0 < frame.x0 or box.y1 > frame.y1:
        legend.remove()
        columns = math.ceil(len(lines) * _LEGEND_ROW / figure.get_figheight())
        _show_plainly(figure.legend(lines, names, loc="outside right upper", ncols=columns, **options))


def _show_plainly(legend) -> None:
    for text in legend.get_texts():
        text.set_parse_math(False)
