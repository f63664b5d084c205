"""The published curves: that they are there, in order, and a few figures of them."""

import math

import pytest

from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.evaluate import published

CLASSICAL = ("vtm", "hm", "bpg", "av1", "jpeg", "jpeg2000", "webp")
# CompressAI publishes no curves of this one.
LEARNED = [name for name in COMPRESSAI if name != "bmshj2018-factorized-relu"]


def test_there_are_all_classical_codecs_and_architectures():
    learned = [f"{name}-{metric}" for name in LEARNED for metric in ("mse", "ms-ssim", "mse-8bit")]
    vbr = [f"{name}-vbr-mse" for name in ("bmshj2018-hyperprior", "mbt2018-mean", "mbt2018")]
    papers = [name for name in published.names() if name.startswith("paper-")]
    assert sorted([*CLASSICAL, *learned, *vbr, *papers]) == published.names()
    assert len(papers) == 16


@pytest.mark.parametrize("name", published.names())
def test_each_is_sorted_and_complete(name):
    curve = published.load(name)
    bpp = curve.values("bpp")
    assert all(math.isfinite(value) and value > 0 for values in curve.results.values() for value in values)
    assert sorted(set(bpp)) == bpp
    assert curve.name
    assert curve.description
    assert curve.meta["origin"].startswith("CompressAI 1.2.9.dev0, results/image/")
    assert (curve.meta["dataset"], curve.meta["pictures"]) == ("Kodak", 24)
    metrics = set(curve.results) - {"bpp", "encoding_time", "decoding_time"}
    for metric in metrics:
        assert sorted(curve.values(metric)) == curve.values(metric), metric
    if name.startswith("paper-"):
        assert metrics
        assert metrics <= {"psnr-rgb", "ms-ssim-db-rgb"}
    else:
        assert metrics == {"psnr-rgb", "ms-ssim-rgb"}
        assert {"encoding_time", "decoding_time"} < set(curve.results)
    if "vbr" not in name and not name.startswith("paper-"):
        assert len(curve.qualities) == len(bpp)
    if name in ("vtm", "hm", "av1"):
        assert "converted to 8-bit YCbCr" in curve.meta["note"]


@pytest.mark.parametrize(
    ("name", "quality", "bpp", "psnr", "ms_ssim"),
    [
        ("vtm", 37, 0.24582, 31.19987, 0.95611),
        ("hm", 22, 1.55960, 39.99490, 0.99336),
        ("bpg", 22, 1.92971, 41.47887, 0.99493),
        ("av1", 37, 0.49874, 33.64977, 0.97531),
        ("jpeg", 75, 1.36883, 34.39430, 0.98575),
        ("jpeg2000", 10, 1.19824, 35.68072, 0.98072),
        ("webp", 50, 0.72182, 33.23755, 0.97506),
        ("mbt2018-mean-mse", 8, 1.61909, 40.63331, 0.99535),
        ("mbt2018-mean-mse-8bit", 8, 1.61909, 40.56895, 0.99527),
        ("cheng2020-anchor-ms-ssim", 1, 0.09806, 25.79003, 0.94146),
        ("bmshj2018-factorized-ms-ssim", 3, 0.25219, 27.21539, 0.96508),
    ],
)
def test_figures(name, quality, bpp, psnr, ms_ssim):
    curve = published.load(name)
    i = curve.qualities.index(quality)
    assert [curve.values(key)[i] for key in ("bpp", "psnr-rgb", "ms-ssim-rgb")] == [bpp, psnr, ms_ssim]


def test_figures_of_a_paper():
    assert published.load("paper-elic2022-mse").values("psnr-rgb")[0] == 29.113
    assert published.load("paper-minnen2018-checkerboard-ms-ssim").values("ms-ssim-db-rgb")[-1] == 23.561


def test_an_unknown_name_is_told():
    with pytest.raises(ValueError, match="no published curve 'h264'; expected one of av1, "):
        published.load("h264")
