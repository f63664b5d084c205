import math

import jax
import numpy as np
import pytest
import torch
from pytorch_msssim import ms_ssim as reference

from jaxcompress import metrics

RNG = np.random.default_rng(0)


def test_psnr_by_hand():
    a = np.zeros((4, 4, 3), np.uint8)
    b = a.copy()
    b[0, 0, 0] = 255
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(48))
    assert metrics.psnr(a, a) == math.inf
    assert metrics.psnr(a / 255, b / 255, peak=1) == pytest.approx(10 * math.log10(48))
    with pytest.raises(ValueError, match="cannot be compared"):
        metrics.psnr(a, b[:2])


@pytest.mark.parametrize(("height", "width"), [(161, 161), (162, 177), (200, 165)])
def test_ms_ssim_equals_pytorch_msssim(height, width, golden_of):
    base = np.tile(golden_of("mbt2018-mean").x[:1] * 255, (1, 2, 2, 1))[:, :height, :width]
    a = base.astype(np.float32)
    b = np.clip(a + RNG.normal(0, 15, a.shape), 0, 255).astype(np.float32)
    expected = reference(*(torch.from_numpy(v.transpose(0, 3, 1, 2).copy()) for v in (a, b)), data_range=255)
    assert float(metrics.ms_ssim(a, b, peak=255)[0]) == pytest.approx(float(expected), abs=1e-6)


def test_ms_ssim_of_equal_pictures_is_one_and_small_ones_raise():
    a = RNG.random((2, 161, 161, 3)).astype(np.float32)
    np.testing.assert_allclose(metrics.ms_ssim(a, a), 1, atol=1e-6)
    with pytest.raises(ValueError, match="161"):
        metrics.ms_ssim(a[:, :160], a[:, :160])
    with pytest.raises(ValueError, match="equal"):
        metrics.ms_ssim(a, a[:1])


def test_rates():
    assert metrics.bits_per_pixel(bytes(100), 10, 20) == 4
    likelihoods = {"y": np.full((1, 2, 2, 2), 0.25, np.float32), "z": np.full((1, 1, 1, 4), 0.5, np.float32)}
    assert float(metrics.estimated_bits_per_pixel(likelihoods, 10)) == pytest.approx((16 + 4) / 10)
    assert jax.grad(lambda p: metrics.estimated_bits_per_pixel({"y": p}, 10))(likelihoods["y"]).shape == (1, 2, 2, 2)
