"""The table of metrics: every name means one thing, and everything that measures or shows reads the table."""

import math
import subprocess
import sys

import numpy as np
import pytest

from jaxcompress import metric_table
from jaxcompress.evaluate import METRICS, Curve, bd_rate, measure


def test_every_name_belongs_to_one_row():
    names = [name for value in metric_table.VALUES for name in {value.key, value.short, value.decibels_key} if name]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "key"), [("psnr", "psnr-rgb"), ("ms-ssim", "ms-ssim-db-rgb"), ("ssim", "ssim-rgb"), ("other", "other")]
)
def test_short_names_give_the_scale_of_plots(name, key):
    assert metric_table.shown_key(name) == key
    assert metric_table.shown_key(key) == key


def test_a_key_keeps_its_own_scale():
    assert metric_table.shown_key("ms-ssim-rgb") == "ms-ssim-rgb"
    assert metric_table.axis_label("ms-ssim-rgb") == "MS-SSIM (RGB)"
    assert metric_table.axis_label("ms-ssim-db-rgb") == "MS-SSIM (RGB) [dB]"
    assert metric_table.axis_label("psnr-rgb") == "PSNR (RGB) [dB]"
    assert metric_table.axis_label("something else") == "something else"


def test_a_curve_gives_similarity_in_decibels_by_its_other_key():
    curve = Curve("A", "", {"bpp": [1.0], "ms-ssim-rgb": [0.99], "ssim-rgb": [0.9]})
    assert curve.values("ms-ssim-db-rgb") == pytest.approx([20.0])
    assert curve.values("ms-ssim-rgb") == [0.99]
    assert curve.has("ms-ssim-db-rgb")
    assert not curve.has("psnr-rgb")


@pytest.mark.parametrize("key", metric_table.DISTORTIONS)
def test_every_distortion_can_be_measured_and_compared(key):
    if key == "ssim-rgb":
        pytest.importorskip("dm_pix")
    assert METRICS.keys() == metric_table.DISTORTIONS.keys()
    picture = np.random.default_rng(0).integers(0, 256, (168, 168, 3), np.uint8)
    value = measure(picture, picture // 2, [key])[key]
    assert math.isfinite(metric_table.DISTORTIONS[key].in_decibels(value))
    rising = [0.5, 0.6, 0.7, 0.8, 0.9]
    curve = Curve("A", "", {"bpp": rising, key: rising})
    pytest.importorskip("bjontegaard")
    assert bd_rate(curve, curve, metric=key).percent == pytest.approx(0)


def test_the_tables_load_nothing_heavy():
    code = "import sys, jaxcompress.metric_table; assert not {'jax', 'numpy', 'flax'} & set(sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
