"""What the page says in words and numbers: differences of rate, values of single pictures, how it was measured."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcompress.evaluate import axes
from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import VALUES, of_key, with_unit

_RATES = {"file": "whole file", "strings": "entropy-coded strings, no header", "estimate": "estimated"}


@dataclasses.dataclass(frozen=True)
class Difference:
    """A row of the table of BD-rates.

    Attributes:
        curve: name.
        result: a `BDRate`; None if there is none.
        reason: why there is none.
    """

    curve: str
    result: Any = None
    reason: str = ""


def differences(curves: Sequence[Curve], anchor: Curve, key: str) -> list[Difference]:
    """BD-rates of all curves but the anchor, in their order."""
    from jaxcompress.evaluate.bd_rate import bd_rate

    found = []
    for curve in curves:
        if curve is anchor:
            continue
        try:
            value = of_key(key)
            result = bd_rate(anchor, curve, metric=value.key if value else key)
            found.append(Difference(curve.name, result))
        except ValueError as error:
            found.append(Difference(curve.name, reason=str(error)))
    return found


def table(curves: Sequence[Curve]) -> dict[str, Any]:
    """Means and rows of single pictures, as the page's script shows them."""
    shown = [value for value in VALUES if any(curve.has(value.shown_key) for curve in curves)]
    keys = [value.shown_key for value in shown]
    return {
        "columns": [with_unit(value.column, value.shown_unit) for value in shown],
        "curves": [curve.name for curve in curves],
        "rows": [row for i, curve in enumerate(curves) for row in _rows(curve, i, keys)],
    }


def measured(curve: Curve) -> dict[str, str]:
    """What is known of how a curve was measured: first what matters most, then everything else its file says."""
    meta = dict(curve.meta)
    rate = meta.pop("bpp", None)
    first = {
        "description": curve.description,
        "rate": _RATES.get(str(rate), _text(rate)) if rate is not None else "not stated",
        "chroma": meta.pop("subsampling", None),
        "pictures": meta.pop("pictures", None) or len({str(row.get("picture")) for row in curve.pictures}) or None,
        "data set": meta.pop("dataset", None),
        "versions": meta.pop("versions", None),
        "device": meta.pop("device", None),
        "processor": meta.pop("processor", None),
        "command": meta.pop("command", None),
        "date": meta.pop("date", None),
    }
    return {key: _text(value) for key, value in (first | meta).items() if value not in (None, "", {}, [])}


def mixture(curves: Sequence[Curve]) -> list[str]:
    """What makes curves hard to compare, if anything does."""
    found = []
    counts = {curve.name: measured(curve).get("pictures") for curve in curves}
    known = {count for count in counts.values() if count}
    if len(known) > 1:
        groups = {count: [name for name in counts if counts[name] == count] for count in sorted(known)}
        each = "; ".join(f"{', '.join(names)}: {count}" for count, names in groups.items())
        found.append(f"These curves are means over different numbers of pictures ({each}).")
    rates = {str(curve.meta.get("bpp")) for curve in curves if "bpp" in curve.meta}
    if len(rates) > 1:
        found.append("Rates do not count the same: whole files, the entropy-coded strings alone, or estimates.")
    return found


def _rows(curve: Curve, place: int, keys: Sequence[str]) -> list[list[Any]]:
    """Place of the curve, picture (None for the mean), quality, values."""
    qualities = axes.qualities(curve)
    absent = [None] * len(qualities)
    means = [curve.values(key) if curve.has(key) else absent for key in keys]
    found = [
        [place, None, _label(quality), *map(_round, values)] for quality, *values in zip(qualities, *means, strict=True)
    ]
    for row in curve.pictures:
        label = _label(row.get("point", row.get("quality")))
        found.append([place, str(row.get("picture")), label, *(_round(axes.number(row, key)) for key in keys)])
    return found


def _label(quality: Any) -> int | float | str | None:
    return quality if isinstance(quality, int) or quality is None else _text(quality)


def _round(value: float | None) -> float | str | None:
    """JSON has no infinity."""
    if value is None or math.isfinite(value):
        return None if value is None else round(value, 5)
    return "∞" if value > 0 else None


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
