"""Interactive curves: figures of Bokeh as JSON, one for each metric and kind of rate axis."""

import math
from collections.abc import Sequence
from typing import Any

from jaxcompress.evaluate import axes
from jaxcompress.evaluate.axes import Style
from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import DISTORTIONS, axis_label

_SIZES = {"diamond": 11, "star": 11}


def shown_metrics(curves: Sequence[Curve]) -> list[str]:
    """Keys of the distortions that any curve has, on the scale that plots show."""
    keys = [value.shown_key for value in DISTORTIONS.values()]
    return [key for key in keys if any(curve.has(key) for curve in curves)]


def make_charts(curves: Sequence[Curve], styles: Sequence[Style]) -> list[dict[str, Any]]:
    """For each metric its name, the places of the curves that have it, and figures for `Bokeh.embed.embed_item`."""
    from bokeh.embed import json_item

    charts = []
    for key in shown_metrics(curves):
        members = [i for i, curve in enumerate(curves) if curve.has(key) and axes.points(curve, key)]
        figures = {
            name: json_item(_make_figure(curves, styles, members, key, log=log))
            for name, log in (("linear", False), ("log", True))
        }
        charts.append({"key": key, "label": axis_label(key), "curves": members, "figures": figures})
    return charts


def resources() -> str:
    """The script of Bokeh that shows them."""
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw)


def _make_figure(
    curves: Sequence[Curve], styles: Sequence[Style], members: Sequence[int], key: str, *, log: bool
) -> Any:
    from bokeh.models import HoverTool, LogTicker, NumeralTickFormatter, WheelZoomTool
    from bokeh.plotting import figure

    plot = figure(
        name="chart",
        height=440,
        sizing_mode="stretch_width",
        x_axis_type="log" if log else "linear",
        x_axis_label=axis_label("bpp"),
        y_axis_label=axis_label(key),
        tools="pan,box_zoom,reset,save",
        active_drag="box_zoom",
        toolbar_location="above",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
    )
    wheel = WheelZoomTool(modifiers={"ctrl": True})  # the wheel alone scrolls the page
    plot.add_tools(wheel)
    plot.toolbar.active_scroll = wheel
    plot.toolbar.logo = None
    if log:
        plot.xaxis.ticker = LogTicker(mantissas=[1, 2, 5])
        plot.xaxis.formatter = NumeralTickFormatter(format="0.[000]")
    markers = [_draw(plot, curves[i], styles[i], key, name=str(i)) for i in members]
    columns = [("codec", "@codec"), ("quality", "@quality"), ("bpp", "@x{0.0000}"), (key, "@y{0.0000}")]
    plot.add_tools(HoverTool(renderers=markers, tooltips=columns))
    return plot


def _draw(plot: Any, curve: Curve, style: Style, key: str, *, name: str) -> Any:
    """A curve, whose parts the page finds by name. Returns its markers."""
    from bokeh.models import ColumnDataSource

    points = axes.points(curve, key)
    source = ColumnDataSource(
        {
            "x": [point.bpp for point in points],
            "y": [point.value for point in points],
            "codec": [curve.name] * len(points),
            "quality": ["" if point.quality is None else str(point.quality) for point in points],
        }
    )
    dash = "dashed" if style.dashed else "solid"
    plot.line("x", "y", source=source, line_color=style.colour, line_width=2, line_dash=dash, name=name)
    return plot.scatter(
        "x",
        "y",
        source=source,
        marker=style.marker,
        size=_SIZES.get(style.marker, 8),
        color=style.colour,
        line_color=None,
        name=name,
    )


def swatch(style: Style) -> str:
    """What a legend shows of a style, as the path of its marker in a square of 14 units around the origin."""
    if style.marker == "circle":
        return "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0"
    if style.marker in ("cross", "x"):
        turn = 0.0 if style.marker == "cross" else math.pi / 4
        arms = [(math.cos(turn + i * math.pi / 2) * 5, math.sin(turn + i * math.pi / 2) * 5) for i in range(4)]
        return "".join(f"M0,0L{x:.1f},{y:.1f}" for x, y in arms)
    corners, turn, inner = _POLYGONS[style.marker]
    step = math.pi / corners
    angles = [turn + i * step for i in range(2 * corners)] if inner else [turn + 2 * i * step for i in range(corners)]
    radii = [5.5 if i % 2 == 0 or not inner else 5.5 * inner for i in range(len(angles))]
    path = (f"{r * math.cos(a):.1f},{r * math.sin(a):.1f}" for a, r in zip(angles, radii, strict=True))
    return "M" + "L".join(path) + "Z"


# Corners, the angle of the first, and how far in the corners between them lie.
_POLYGONS = {
    "square": (4, math.pi / 4, 0.0),
    "diamond": (4, 0.0, 0.0),
    "triangle": (3, -math.pi / 2, 0.0),
    "inverted_triangle": (3, math.pi / 2, 0.0),
    "hex": (6, 0.0, 0.0),
    "star": (5, -math.pi / 2, 0.4),
}
