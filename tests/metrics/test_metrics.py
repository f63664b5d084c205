import io
import math
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_msssim import ms_ssim as reference
from pytorch_msssim import ssim as ssim_reference

from jaxcompress import metrics

RNG = np.random.default_rng(0)
KODAK = Path(os.environ.get("JAXCOMPRESS_KODAK", "kodak"))


def nchw(*pictures):
    return (torch.from_numpy(np.asarray(v, np.float32).transpose(0, 3, 1, 2).copy()) for v in pictures)


@pytest.fixture(scope="module")
def pair(golden_of):
    """A photograph [1, 180, 177, 3] in [0, 255] with fractions, and the same with noise."""
    a = (np.tile(golden_of("mbt2018-mean").x[:1] * 255, (1, 2, 2, 1))[:, :180, :177]).astype(np.float32)
    return a, np.clip(a + np.random.default_rng(1).normal(0, 15, a.shape), 0, 255).astype(np.float32)


def test_psnr_by_hand():
    a = np.zeros((4, 4, 3), np.uint8)
    b = a.copy()
    b[0, 0, 0] = 255
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(48))
    assert metrics.psnr(a, a) == math.inf
    assert metrics.psnr(a / 255, b / 255, peak=1) == pytest.approx(10 * math.log10(48))
    with pytest.raises(ValueError, match="cannot be compared"):
        metrics.psnr(a, b[:2])


@pytest.mark.parametrize(
    ("channel", "y", "cb", "cr"),
    [  # BT.709: what one step of a sample changes in each plane
        (0, 0.2126, -0.2126 / 1.8556, 0.5),
        (1, 0.7152, -0.7152 / 1.8556, -0.7152 / 1.5748),
        (2, 0.0722, 0.5, -0.0722 / 1.5748),
    ],
)
def test_psnr_of_planes_by_hand(channel, y, cb, cr):
    a = RNG.integers(0, 200, (6, 5, 3), np.uint8)
    b = a.copy()
    b[..., channel] += 10

    def db(step):
        return 20 * math.log10(255 / abs(10 * step))

    assert metrics.psnr_y(a, b) == pytest.approx(db(y))
    assert metrics.psnr_yuv(a, b) == pytest.approx((6 * db(y) + db(cb) + db(cr)) / 8)
    assert metrics.psnr_yuv(a / 255, b / 255, peak=1) == pytest.approx(metrics.psnr_yuv(a, b))


def test_psnr_of_planes_takes_rgb_alone_and_is_infinite_where_a_plane_is_equal():
    a = np.full((4, 4, 3), 100, np.uint8)
    assert metrics.psnr_y(a, a) == metrics.psnr_yuv(a, a) == math.inf
    assert metrics.psnr_y(a, a + np.uint8(1)) == pytest.approx(20 * math.log10(255))
    assert metrics.psnr_yuv(a, a + np.uint8(1)) > 200  # chroma differs by nothing but rounding
    with pytest.raises(ValueError, match="RGB"):
        metrics.psnr_y(a[..., 0], a[..., 0])
    with pytest.raises(ValueError, match="cannot be compared"):
        metrics.psnr_yuv(a, a[:2])


def test_ssim_agrees_with_pytorch_msssim(pair):
    a, b = pair
    expected = float(ssim_reference(*nchw(a, b), data_range=255))
    assert float(metrics.ssim(a, b, peak=255)[0]) == pytest.approx(expected, abs=1e-5)
    assert float(metrics.ssim(a / 255, b / 255)[0]) == pytest.approx(expected, abs=1e-5)
    whole = [np.rint(v).astype(np.uint8) for v in pair]
    expected = float(ssim_reference(*nchw(*whole), data_range=255))
    assert float(metrics.ssim(*whole, peak=255)[0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(161, 161), (162, 177), (180, 165)])
def test_ms_ssim_equals_pytorch_msssim(height, width, pair):
    a, b = (v[:, :height, :width] for v in pair)
    expected = float(reference(*nchw(a, b), data_range=255))
    assert float(metrics.ms_ssim(a, b, peak=255)[0]) == pytest.approx(expected, abs=1e-6)
    assert float(metrics.ms_ssim(a / 255, b / 255)[0]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("height", "width"), [(161, 161), (162, 177)])
def test_ms_ssim_of_bytes_equals_pytorch_msssim(height, width, pair):
    a, b = (np.rint(v[:, :height, :width]).astype(np.uint8) for v in pair)
    expected = float(reference(*nchw(a, b), data_range=255))
    assert float(metrics.ms_ssim(a, b, peak=255)[0]) == pytest.approx(expected, abs=1e-6)


def jpeg(picture, quality):
    """A picture as bytes [1, H, W, 3], and what JPEG makes of it."""
    picture.save(coded := io.BytesIO(), "JPEG", quality=quality)
    return [np.asarray(v, np.uint8)[None] for v in (picture, Image.open(coded))]


@pytest.mark.parametrize("quality", [1, 5])
def test_similarities_of_flat_blocks_equal_pytorch_msssim(quality):
    # The last bits of the window decide here, and the order in which numbers are added.
    with Image.open(files("jaxcompress") / "demo" / "kingfisher.png") as picture:
        pictures = jpeg(picture.crop((0, 0, 480, 360)), quality)
    found = float(metrics.ms_ssim(*pictures, peak=255)[0])
    assert found == pytest.approx(float(reference(*nchw(*pictures), data_range=255)), abs=1e-6)
    found = float(metrics.ssim(*pictures, peak=255)[0])
    assert found == pytest.approx(float(ssim_reference(*nchw(*pictures), data_range=255)), abs=1e-5)


@pytest.mark.parametrize(
    ("metric", "expected", "side"), [(metrics.ssim, ssim_reference, 32), (metrics.ms_ssim, reference, 161)]
)
def test_similarities_have_all_transformations(metric, expected, side, pair):
    a, b = (v[:, :side, : side + 2] for v in pair)
    x, y = nchw(a, b)
    y.requires_grad_(True)
    value = expected(x, y, data_range=255)
    value.backward()
    pairs = jnp.stack([a, b]), jnp.stack([b, b])
    (one, other), gradient = jax.jit(jax.vmap(jax.value_and_grad(lambda b, a: metric(a, b, peak=255).sum())))(
        *reversed(pairs)
    )
    np.testing.assert_allclose([one, other], [float(value.detach()), 1], atol=1e-5)
    expected_gradient = y.grad.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(gradient[0], expected_gradient, atol=1e-4 * np.abs(expected_gradient).max())


def test_the_gradient_is_finite_where_contrasts_are_opposite(pair):
    a = pair[0][:, :161, :161] / 255
    value, gradient = jax.value_and_grad(lambda b: metrics.ms_ssim(a, b).sum())(1 - a)
    assert value == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(("metric", "side"), [(metrics.ssim, 11), (metrics.ms_ssim, 161)])
def test_similarity_of_equal_pictures_is_one_and_small_ones_raise(metric, side):
    a = RNG.random((2, side, side, 3)).astype(np.float32)
    np.testing.assert_allclose(metric(a, a), [1, 1], atol=1e-6)
    with pytest.raises(ValueError, match=str(side)):
        metric(a[:, :-1], a[:, :-1])
    with pytest.raises(ValueError, match="equal"):
        metric(a, a[:1])
    with pytest.raises(ValueError, match="peak=255"):
        metric(a.astype(np.uint8), a.astype(np.uint8))


def test_decibels():
    assert metrics.to_db(0.99) == pytest.approx(20)
    assert metrics.to_db(1) == metrics.to_db(1 + 1e-7) == math.inf


def test_a_missing_dm_pix_is_told():
    code = """
import sys; sys.modules["dm_pix"] = None
import numpy as np
from jaxcompress import metrics
metrics.ssim(np.ones((1, 11, 11, 3)), np.ones((1, 11, 11, 3)))
"""
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'jaxcompress[eval]'" in result.stderr


def test_importing_metrics_is_light():
    code = "import sys, jaxcompress.metrics; print([m for m in ('dm_pix', 'torch') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_rates():
    assert metrics.bits_per_pixel(bytes(100), 10, 20) == 4
    likelihoods = {"y": np.full((1, 2, 2, 2), 0.25, np.float32), "z": np.full((1, 1, 1, 4), 0.5, np.float32)}
    assert float(metrics.estimated_bits_per_pixel(likelihoods, 10)) == pytest.approx((16 + 4) / 10)
    assert jax.grad(lambda p: metrics.estimated_bits_per_pixel({"y": p}, 10))(likelihoods["y"]).shape == (1, 2, 2, 2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not KODAK.is_dir(), reason="JAXCOMPRESS_KODAK names no folder with the Kodak pictures")
def test_similarities_on_kodak_equal_pytorch_msssim():
    paths = sorted(KODAK.glob("*.png"))
    assert len(paths) == 24
    differences = {"ssim": [], "ms_ssim": []}
    for path in paths:
        for quality in (5, 50, 95):
            with Image.open(path) as picture:
                pictures = jpeg(picture, quality)
            for name, expected in (("ssim", ssim_reference), ("ms_ssim", reference)):
                found = float(getattr(metrics, name)(*pictures, peak=255)[0])
                differences[name].append(abs(found - float(expected(*nchw(*pictures), data_range=255))))
    largest = {name: max(values) for name, values in differences.items()}
    print(f"largest differences: {largest}")
    assert largest["ms_ssim"] <= 1e-6
    assert largest["ssim"] <= 3e-5
