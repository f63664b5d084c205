"""Bjontegaard's difference of rate: how many percent more bits a codec needs than another for the same quality.

The logarithms of the rates are interpolated over quality in decibels, and averaged over the range of quality that both
curves cover. Needs the package bjontegaard.
"""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from jaxcompress.evaluate.curve import Curve
from jaxcompress.metric_table import DISTORTIONS

METHODS = ("akima", "pchip", "cubic")
"""Interpolations: akima is the least prone to overshoot, cubic the original (VCEG-M33, one polynomial)."""

METRICS = tuple(DISTORTIONS)
"""Metrics; those of similarity are taken in decibels, `-10 log10(1 - value)`."""

MIN_POINTS = 4
SMALL_OVERLAP = 0.75


@dataclasses.dataclass(frozen=True)
class BDRate:
    """What a codec differs by from an anchor, and what that was computed of.

    Attributes:
        percent: of bits more than the anchor's for the same quality; negative is better.
        decibels: of quality more than the anchor's for the same bits (BD-PSNR for PSNR); None if no rate is in common.
        metric: see `METRICS`.
        method: see `METHODS`.
        overlap: the quality that both curves cover, in decibels, from and to.
        overlap_share: of the range of quality that either curve covers, in [0, 1].
        bpp: the rates that belong to the overlap, the lower of the two curves' to the higher.
        points: used, of the anchor and of the codec.
        dropped: points that were not used, each with the reason.
        by_picture: `percent` for each picture that has rows in both curves; empty if there are none.
        failed_pictures: pictures that have, and no difference of rate, with the reason.
    """

    percent: float
    decibels: float | None
    metric: str
    method: str
    overlap: tuple[float, float]
    overlap_share: float
    bpp: tuple[float, float]
    points: tuple[int, int]
    dropped: tuple[str, ...] = ()
    by_picture: Mapping[str, float] = dataclasses.field(default_factory=dict)
    failed_pictures: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def small_overlap(self) -> bool:
        """Whether the curves have so little in common (less than 75 %) that the difference tells little."""
        return self.overlap_share < SMALL_OVERLAP

    @property
    def picture_mean(self) -> float | None:
        """Mean of the pictures' percentages, where each picture counts alike; None without pictures."""
        return statistics.fmean(self.by_picture.values()) if self.by_picture else None


def bd_rate(anchor: Curve, test: Curve, *, metric: str = "psnr-rgb", method: str = "akima") -> BDRate:
    """Compares a codec's curve with an anchor's.

    Points may come in any order and number. Those without a finite rate and quality (lossless ones) are dropped, and
    those that cost as much as a better one or more; `BDRate.dropped` names them.

    Args:
        anchor: what to compare with.
        test: the codec.
        metric: one of `METRICS`.
        method: one of `METHODS`.

    Returns:
        The difference of the curves, and of each picture where both have rows.

    Raises:
        ValueError: a curve has no such metric or fewer than 4 points of use, or the two have no quality in common.
        ImportError: bjontegaard is missing.

    Source: Bjontegaard 2001, "Calculation of average PSNR differences between RD-curves" (VCEG-M33); Herglotz et al.
    2022, "Beyond Bjontegaard" for akima.
    """
    if metric not in METRICS:
        raise ValueError(f"the metric is {metric!r}; expected one of {', '.join(METRICS)}")
    if method not in METHODS:
        raise ValueError(f"the method is {method!r}; expected one of {', '.join(METHODS)}")
    of_anchor, of_test = (
        _Points.of(curve.name, curve.values("bpp"), _quality(curve, metric)) for curve in (anchor, test)
    )
    difference = _compare(of_anchor, of_test, metric, method)
    by_picture, failed = _compare_pictures(anchor, test, metric, method)
    return dataclasses.replace(difference, by_picture=by_picture, failed_pictures=failed)


@dataclasses.dataclass(frozen=True)
class _Points:
    """Points of a curve that can be interpolated: rate and quality both increase."""

    name: str
    rates: np.ndarray
    qualities: np.ndarray
    dropped: tuple[str, ...]

    @classmethod
    def of(cls, name: str, rates: Sequence[float], qualities: Sequence[float]) -> "_Points":
        kept: list[tuple[float, float]] = []
        points = list(zip(rates, qualities, strict=True))
        finite = [point for point in points if all(map(math.isfinite, point)) and point[0] > 0]
        dropped = [f"{name}: {_text(point)}: not finite" for point in points if point not in finite]
        for point in sorted(finite, key=lambda point: (point[0], -point[1])):
            if kept and kept[-1][1] >= point[1]:
                dropped.append(f"{name}: {_text(point)}: no better than {_text(kept[-1])}")
            else:
                kept.append(point)
        if len(kept) < MIN_POINTS:
            raise ValueError(
                f"{name} has {len(kept)} point{'s' * (len(kept) != 1)} of use; expected at least {MIN_POINTS}"
                + "".join(f"; dropped {point}" for point in dropped)
            )
        return cls(name, np.array(kept)[:, 0], np.array(kept)[:, 1], tuple(dropped))

    def range(self) -> str:
        return f"{self.name} {self.qualities[0]:.4g} to {self.qualities[-1]:.4g} dB"


def _text(point: tuple[float, float]) -> str:
    return f"{point[0]:.4g} bpp, {point[1]:.4g} dB"


def _compare(anchor: _Points, test: _Points, metric: str, method: str) -> BDRate:
    low, high = max(anchor.qualities[0], test.qualities[0]), min(anchor.qualities[-1], test.qualities[-1])
    if low >= high:
        raise ValueError(f"the curves have no quality in common ({metric}): {anchor.range()}, {test.range()}")
    try:
        import bjontegaard
    except ImportError as error:
        raise ImportError(f"BD-rates need bjontegaard ({error}): pip install 'jaxcompress[eval]'") from error
    points = anchor.rates, anchor.qualities, test.rates, test.qualities
    # Codecs have their own numbers of points; what a small overlap means is for the reader of `overlap_share`.
    options = {"method": method, "require_matching_points": False, "min_overlap": 0}
    percent, *log_rates = bjontegaard.bd_rate(*points, interpolators=True, **options)
    bounds = [10 ** float(log_rate(quality)) for quality in (low, high) for log_rate in log_rates]
    rates_meet = max(anchor.rates[0], test.rates[0]) < min(anchor.rates[-1], test.rates[-1])
    decibels = float(bjontegaard.bd_psnr(*points, **options)) if rates_meet else None
    union = max(anchor.qualities[-1], test.qualities[-1]) - min(anchor.qualities[0], test.qualities[0])
    return BDRate(
        percent=float(percent),
        decibels=decibels,
        metric=metric,
        method=method,
        overlap=(float(low), float(high)),
        overlap_share=float((high - low) / union),
        bpp=(min(bounds[:2]), max(bounds[2:])),
        points=(len(anchor.rates), len(test.rates)),
        dropped=anchor.dropped + test.dropped,
    )


def _quality(curve: Curve, metric: str) -> list[float]:
    """A metric in decibels, which curves of papers may have instead."""
    value = DISTORTIONS[metric]
    if value.decibels_key in curve.results:
        return curve.values(value.decibels_key)
    return [value.in_decibels(measured) for measured in curve.values(metric)]


def _compare_pictures(anchor: Curve, test: Curve, metric: str, method: str) -> tuple[dict[str, float], dict[str, str]]:
    """Percentages of the pictures that both curves have rows of, and reasons for those that have none."""
    percents: dict[str, float] = {}
    failed: dict[str, str] = {}
    rows_of_anchor, rows_of_test = _by_picture(anchor, metric), _by_picture(test, metric)
    for picture in sorted(rows_of_anchor.keys() & rows_of_test.keys()):
        try:
            of_anchor = _Points.of(f"{anchor.name}, {picture}", *rows_of_anchor[picture])
            of_test = _Points.of(f"{test.name}, {picture}", *rows_of_test[picture])
            percents[picture] = _compare(of_anchor, of_test, metric, method).percent
        except ValueError as error:
            failed[picture] = str(error)
    return percents, failed


def _by_picture(curve: Curve, metric: str) -> dict[str, tuple[list[float], list[float]]]:
    """Rates and qualities of each picture."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for row in curve.pictures:
        if metric in row:
            rates, qualities = found.setdefault(row["picture"], ([], []))
            rates.append(row["bpp"])
            qualities.append(DISTORTIONS[metric].in_decibels(row[metric]))
    return found
