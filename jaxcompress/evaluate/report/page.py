"""The page as a whole."""

import base64
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jaxcompress
from jaxcompress.evaluate import axes
from jaxcompress.evaluate.curve import Curve
from jaxcompress.evaluate.entries import Entry
from jaxcompress.evaluate.report import facts
from jaxcompress.evaluate.report.gallery import Gallery, make_gallery
from jaxcompress.metric_table import axis_label

_SCRIPTS = ("charts.js", "table.js", "viewer.js")


@dataclasses.dataclass(frozen=True)
class Report:
    """A page.

    Attributes:
        html: the whole of it.
        pictures: names of those that can be looked at.
        pictures_size: bytes of the page that they take.
        notes: what could not be shown, and why.
    """

    html: str = dataclasses.field(repr=False)
    pictures: Sequence[str]
    pictures_size: int
    notes: Sequence[str]


def make_report(
    entries: Sequence[Entry],
    *,
    anchor: str | None = None,
    pictures: Sequence[str] | None = None,
    bpp: Sequence[float] | None = None,
    title: str = "Rate and distortion",
) -> Report:
    """Makes a page of curves, BD-rates, values and pictures, which needs no network and no other file.

    Args:
        entries: curves, see `load_entries`.
        anchor: name of the curve that BD-rates compare with, or its short one; the first reference, else the first
            curve, unless given.
        pictures: names of pictures to show, of those that were saved; the first three unless given.
        bpp: rates to show pictures at: of each curve the saved one nearest to it; unless given, the rate
            that all curves come nearest to.
        title: of the page.

    Raises:
        ImportError: Bokeh or bjontegaard is not installed.
        ValueError: there are no curves, or no such anchor or picture.
    """
    curves = [entry.curve for entry in entries]
    chosen = _find_anchor(entries, anchor)
    try:
        import jinja2

        from jaxcompress.evaluate.report import charts

        library = charts.resources()
    except ImportError as error:
        raise ImportError("reports need the extra: pip install 'jaxcompress[eval]'") from error

    own = [entry.curve for entry in entries if not entry.reference]
    references = [entry.curve for entry in entries if entry.reference]
    styles = dict(zip(map(id, own + references), axes.styles(own, references), strict=True))
    in_order = [styles[id(curve)] for curve in curves]
    gallery = make_gallery(entries, pictures=pictures, bpp=bpp)
    scripts = [library, *map(_read, _SCRIPTS)]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["signed"] = _signed
    html = environment.from_string(_read("page.html")).render(
        title=title,
        policy=_policy(scripts),
        style=_read("style.css"),
        scripts=scripts,
        curves=[(curve, style, charts.swatch(style)) for curve, style in zip(curves, in_order, strict=True)],
        charts=_data(charts.make_charts(curves, in_order)),
        metrics=[(key, axis_label(key)) for key in charts.shown_metrics(curves)],
        anchor=chosen,
        differences={key: facts.differences(curves, chosen, key) for key in charts.shown_metrics(curves)},
        table=_data(facts.table(curves)),
        gallery=gallery,
        gallery_data=_data(_for_page(gallery, curves)),
        measured={curve.name: facts.measured(curve) for curve in curves},
        mixture=facts.mixture(curves),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        version=jaxcompress.__version__,
    )
    return Report(html, [shot["name"] for shot in gallery.shots], gallery.size, gallery.notes)


def _find_anchor(entries: Sequence[Entry], name: str | None) -> Curve:
    if not entries:
        raise ValueError("there are no curves to report on")
    if name is None:
        return next((entry for entry in entries if entry.reference), entries[0]).curve
    for entry in entries:
        if name in (entry.curve.name, entry.short):
            return entry.curve
    known = ", ".join(entry.curve.name for entry in entries)
    raise ValueError(f"there is no curve {name!r} to be the anchor; expected one of {known}")


def _for_page(gallery: Gallery, curves: Sequence[Curve]) -> dict[str, Any]:
    return {"images": gallery.images, "shots": gallery.shots, "curves": [curve.name for curve in curves]}


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _data(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _signed(value: float, places: int) -> str:
    return f"{value:+.{places}f}".replace("-", "\N{MINUS SIGN}")


def _policy(scripts: Sequence[str]) -> str:
    """What the page may do: run its own scripts, and nothing else; reach nothing."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
