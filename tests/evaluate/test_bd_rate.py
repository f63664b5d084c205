"""BD-rates: by hand, and of the published curves."""

import math
import re
import subprocess
import sys

import pytest

from jaxcompress.evaluate import Curve, published
from jaxcompress.evaluate.bd_rate import METHODS, bd_rate
from jaxcompress.evaluate.bd_table import bd_table, render

RATES, QUALITIES = (0.1, 0.2, 0.4, 0.8, 1.6), (28.0, 31.0, 34.5, 37.0, 39.0)


def curve(name="test", rates=RATES, psnr=QUALITIES, **more):
    return Curve(name, "by hand", {"bpp": rates, "psnr-rgb": psnr}, **more)


def rows(pictures, rates=RATES, psnr=QUALITIES):
    """Rows of pictures, each a name and a factor of the rates."""
    return [
        {"picture": name, "quality": i, "bpp": factor * rate, "psnr-rgb": quality}
        for name, factor in pictures.items()
        for i, (rate, quality) in enumerate(zip(rates, psnr, strict=True))
    ]


@pytest.mark.parametrize(
    ("anchor", "name", "metric", "expected"),
    [
        ("vtm", "bmshj2018-factorized-mse", "psnr-rgb", (68.0, 68.1, 67.8)),
        ("vtm", "bmshj2018-hyperprior-mse", "psnr-rgb", (30.5, 30.5, 30.1)),
        ("vtm", "mbt2018-mean-mse", "psnr-rgb", (21.3, 21.3, 21.0)),
        ("vtm", "mbt2018-mse", "psnr-rgb", (11.0, 11.0, 10.6)),
        ("vtm", "cheng2020-anchor-mse", "psnr-rgb", (3.6, 3.7, 3.8)),
        ("vtm", "hm", "psnr-rgb", (23.3,)),
        ("vtm", "jpeg", "psnr-rgb", (208.5,)),
        ("bpg", "bmshj2018-factorized-mse", "psnr-rgb", (32.5,)),
        ("bpg", "bmshj2018-hyperprior-mse", "psnr-rgb", (3.9,)),
        ("bpg", "mbt2018-mean-mse", "psnr-rgb", (-3.3,)),
        ("bpg", "mbt2018-mse", "psnr-rgb", (-11.2,)),
        ("bpg", "cheng2020-anchor-mse", "psnr-rgb", (-19.0,)),
        ("bpg", "vtm", "psnr-rgb", (-18.0,)),
        ("bpg", "hm", "psnr-rgb", (0.8,)),
        ("vtm", "bmshj2018-factorized-mse", "ms-ssim-rgb", (17.5,)),
        ("vtm", "bmshj2018-hyperprior-mse", "ms-ssim-rgb", (7.4,)),
        ("vtm", "mbt2018-mean-mse", "ms-ssim-rgb", (3.2,)),
        ("vtm", "mbt2018-mse", "ms-ssim-rgb", (-2.1,)),
        ("vtm", "cheng2020-anchor-mse", "ms-ssim-rgb", (-7.5,)),
    ],
)
def test_published_curves_give_known_rates(anchor, name, metric, expected):
    curves = published.load(anchor), published.load(name)
    found = [bd_rate(*curves, metric=metric, method=method).percent for method in METHODS[: len(expected)]]
    assert found == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_half_the_rate_is_minus_50_percent_and_a_decibel_more_is_one(method):
    found = bd_rate(curve(), curve(rates=[rate / 2 for rate in RATES]), method=method)
    assert found.percent == pytest.approx(-50)
    assert (found.metric, found.method, found.points, found.dropped) == ("psnr-rgb", method, (5, 5), ())
    assert found.overlap == (28, 39)
    assert found.overlap_share == 1
    assert found.bpp == pytest.approx((0.05, 1.6), rel=0.2 if method == "cubic" else 1e-6)
    assert not found.small_overlap
    better = bd_rate(curve(), curve(psnr=[quality + 1 for quality in QUALITIES]), method=method)
    assert better.decibels == pytest.approx(1)
    assert better.percent < 0


def test_points_come_in_any_order_and_useless_ones_are_dropped():
    rates = [1.6, 0.4, 0.1, math.nan, 0.2, 0.8, 0.4, 3.2, 6.4, 0, 0.9]
    psnr = [39.0, 34.5, 28.0, 30.0, 31.0, 37.0, 34.5, math.inf, math.nan, 20.0, 36.0]
    found = bd_rate(curve(), curve("lossless", rates, psnr))
    assert found.percent == pytest.approx(0, abs=1e-9)
    assert found.points == (5, 5)
    assert found.dropped == (
        "lossless: nan bpp, 30 dB: not finite",
        "lossless: 3.2 bpp, inf dB: not finite",
        "lossless: 6.4 bpp, nan dB: not finite",
        "lossless: 0 bpp, 20 dB: not finite",
        "lossless: 0.4 bpp, 34.5 dB: no better than 0.4 bpp, 34.5 dB",
        "lossless: 0.9 bpp, 36 dB: no better than 0.8 bpp, 37 dB",
    )


def test_similarity_is_compared_in_decibels_and_may_be_given_in_them():
    linear = Curve("a", "", {"bpp": RATES, "ms-ssim-rgb": [1 - 10 ** (-q / 20) for q in QUALITIES]})
    decibels = Curve("b", "", {"bpp": RATES, "ms-ssim-db-rgb": [q / 2 for q in QUALITIES]})
    found = bd_rate(linear, decibels, metric="ms-ssim-rgb")
    assert found.percent == pytest.approx(0, abs=1e-6)
    assert found.overlap == pytest.approx((14, 19.5))
    ssim = Curve("c", "", {"bpp": RATES, "ssim-rgb": [1 - 10 ** (-q / 20) for q in QUALITIES]})
    assert bd_rate(ssim, ssim, metric="ssim-rgb").overlap == pytest.approx((14, 19.5))


def test_little_in_common_is_flagged_without_a_warning():
    found = bd_rate(curve(), curve(psnr=[quality + 9 for quality in QUALITIES]))
    assert found.overlap == (37, 39)
    assert found.overlap_share == pytest.approx(2 / 20)
    assert found.small_overlap
    assert bd_rate(curve(), curve(rates=[rate / 100 for rate in RATES])).decibels is None


def test_curves_that_cannot_be_compared_raise():
    with pytest.raises(ValueError, match=r"no quality in common \(psnr-rgb\): test 28 to 39 dB, high 39 to 50 dB"):
        bd_rate(curve(), curve("high", psnr=[quality + 11 for quality in QUALITIES]))
    with pytest.raises(
        ValueError, match=r"short has 3 points of use; expected at least 4; dropped short: 0.8 bpp, inf"
    ):
        bd_rate(curve(), curve("short", RATES[:4], [30, 31, 32, math.inf]))
    with pytest.raises(ValueError, match="test has no 'ms-ssim-rgb'; it has bpp, psnr-rgb"):
        bd_rate(curve(), curve(), metric="ms-ssim-rgb")
    with pytest.raises(ValueError, match="expected one of psnr-rgb"):
        bd_rate(curve(), curve(), metric="bpp")
    with pytest.raises(ValueError, match="expected one of akima"):
        bd_rate(curve(), curve(), method="linear")


def test_each_picture_counts_alike():
    anchor = curve(pictures=rows({"a.png": 1, "b.png": 1, "c.png": 1, "only here.png": 1}))
    short = rows({"c.png": 1})[:2]
    test = curve("mine", pictures=rows({"b.png": 1.5, "a.png": 0.5}) + short)
    found = bd_rate(anchor, test)
    assert found.by_picture == pytest.approx({"a.png": -50, "b.png": 50})
    assert found.picture_mean == pytest.approx(0)
    assert found.percent == pytest.approx(0, abs=1e-9)
    assert found.failed_pictures == {"c.png": "mine, c.png has 2 points of use; expected at least 4"}
    assert bd_rate(anchor, curve()).picture_mean is None


def test_the_table_states_what_belongs_to_the_numbers():
    anchor = curve("anchor", meta={"dataset": "Two", "origin": "a book"}, pictures=rows({"a.png": 1, "b.png": 1}))
    half = curve(
        "half", [rate / 2 for rate in RATES], pictures=rows({"a.png": 0.5, "b.png": 0.5}), meta={"note": "made up"}
    )
    other = curve("other", meta={"pictures": 24})
    high = curve("high", psnr=[quality + 9 for quality in QUALITIES])
    table = bd_table(anchor, [half, other, high, curve("few", RATES[:3], QUALITIES[:3])], method="pchip")
    assert [row.curve.name for row in table] == ["half", "other", "high", "few"]
    assert [row.result is None for row in table] == [False, False, False, True]
    lines = render(anchor, table).splitlines()
    assert lines[0] == "anchor: anchor (by hand), Two, 2 pictures, a book"
    assert lines[2] == "interpolation: pchip of log10(bpp) over decibels"
    cells = {line.split()[0]: line.split()[1:] for line in lines[6:10]}
    assert re.fullmatch(
        r"-50\.0 % \+\d\.\d\d dB -50\.0 % \(2\) 28\.0 to 39\.0 dB 100% 0\.050 to 1\.600 5 \(5\)",
        " ".join(cells["half"]),
    )
    assert cells["other"][:2] == ["+0.0", "%"]
    assert "10%*" in cells["high"]
    assert cells["few"] == ["-"]
    notes = lines[lines.index("notes:") + 1 :]
    assert "  half: made up" in notes
    assert "  other: 24 pictures, 2 of the anchor: the BD-rate compares different pictures" in notes
    assert "  few: no BD-rate by psnr-rgb: few has 3 points of use; expected at least 4" in notes
    assert any(note.startswith("  * the curves share less than 75 %") for note in notes)
    curves = lines[lines.index("curves:") + 1 :]
    assert "  other (by hand), 24 pictures" in curves
    assert "  high (by hand), an unknown number of pictures" in curves


def test_curves_of_other_pictures_are_noted():
    anchor = curve("anchor", pictures=rows({"a.png": 1, "b.png": 1}))
    text = render(anchor, bd_table(anchor, [curve("mine", pictures=rows({"a.png": 1, "c.png": 1}))]))
    assert "mine: 2 pictures, 2 of the anchor, 1 in common: the BD-rate compares different pictures" in text
    assert "different pictures" not in render(anchor, bd_table(anchor, [anchor]))


def test_an_anchor_of_no_use_is_told():
    with pytest.raises(ValueError, match="anchor has 2 points of use"):
        bd_table(curve("anchor", RATES[:2], QUALITIES[:2]), [curve()])


def test_a_missing_package_is_told_and_importing_is_light():
    code = "from jaxcompress.evaluate import bd_table, published\nimport sys\n"
    light = code + "print([m for m in ('matplotlib', 'bjontegaard', 'scipy.interpolate') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-P", "-c", light], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
    missing = (
        code + "sys.modules['bjontegaard'] = None\nvtm = published.load('vtm')\nprint(bd_table.bd_table(vtm, [vtm]))"
    )
    result = subprocess.run([sys.executable, "-P", "-c", missing], capture_output=True, text=True, check=False)
    assert "pip install 'jaxcompress[eval]'" in result.stderr
