"""The light codec before training: a linear transform codec."""

import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxcompress
from jaxcompress.models import Light
from jaxcompress.train.klt import fit_klt, quantization_steps, with_klt
from jaxcompress.train.losses import rate_lambda

M = 256


@pytest.fixture(scope="module")
def photograph():
    """A photograph, uint8 `[512, 768, 3]`."""
    with Image.open(Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png") as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def klt(photograph):
    return fit_klt([photograph], components=M, blocks=4000)


@pytest.fixture(scope="module")
def fresh(klt):
    """A narrow model, for its nonlinear paths give zeros, and its parameters."""
    model = Light(n=12, m=M)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 64, 64, 3)))["params"]
    return model, with_klt(model, params, klt)


def test_components_are_orthonormal_and_coefficients_uncorrelated(klt, photograph):
    np.testing.assert_allclose(klt.components.T @ klt.components, np.eye(M), atol=1e-9)
    assert (np.diff(klt.deviations) <= 0).all()
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (16, 16), (0, 1))[::5, ::5]
    blocks = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 768) / 255
    blocks = np.concatenate([blocks, blocks.reshape(-1, 16, 16, 3)[:, :, ::-1].reshape(-1, 768)])
    coefficients = ((blocks - klt.mean) @ klt.components)[:, :8] / klt.deviations[:8]
    np.testing.assert_allclose(coefficients.T @ coefficients / len(blocks), np.eye(8), atol=0.3)


def test_the_fit_depends_on_the_seed_alone(klt, photograph):
    again = fit_klt([photograph], components=M, blocks=4000)
    np.testing.assert_array_equal(again.components, klt.components)
    other = fit_klt([photograph], components=M, blocks=4000, seed=1)
    assert (other.components != klt.components).any()


def test_steps_fall_by_half_where_lambda_grows_fourfold():
    steps = quantization_steps(np.array([0.0, 5.0]), M)
    assert steps.shape == (2, M)
    ratio = np.sqrt(rate_lambda(0.0) / rate_lambda(5.0))
    np.testing.assert_allclose(steps[1] / steps[0], ratio, rtol=1e-5)
    assert (np.diff(steps) > 0).all()
    # In levels of 8 bits: sqrt(18 / (0.0018 ln 2)), and the factors of the first and the last component.
    assert 255 * steps[0, 0] == pytest.approx(120.1 * 0.7788, rel=1e-3)
    assert 255 * steps[0, -1] == pytest.approx(120.1 * 2.1129, rel=1e-3)


def test_without_quantization_it_gives_pictures_back(fresh, photograph, klt):
    model, params = fresh
    x, rate = jnp.asarray(photograph[None, :64, :64] / np.float32(255)), jnp.zeros(1)
    y = model.apply({"params": params}, x, method="analysis", rate=rate)
    x_hat = model.apply({"params": params}, y, method="synthesis", rate=rate)
    blocks = np.asarray(x).reshape(4, 16, 4, 16, 3).swapaxes(1, 2).reshape(4, 4, 768)
    expected = (blocks - klt.mean) @ klt.components @ klt.components.T + klt.mean
    expected = expected.reshape(4, 4, 16, 16, 3).swapaxes(1, 2).reshape(64, 64, 3)
    np.testing.assert_allclose(x_hat[0], expected, atol=1e-4)


def test_it_codes_about_as_well_as_jpeg(fresh, photograph):
    model, params = fresh
    picture = photograph[128:384, 256:512]
    rates = jnp.array([0.0, 4.0])
    x = jnp.repeat(picture[None] / jnp.float32(255), len(rates), 0)
    output = jax.jit(model.apply)({"params": params}, x, rate=rates)
    bits = sum(-np.log2(likelihood).sum((1, 2, 3)) for likelihood in output.likelihoods.values())
    bpp = bits / picture[..., 0].size
    ours = [psnr(x_hat, picture) for x_hat in np.rint(np.clip(output.x_hat, 0, 1) * 255)]
    curve = np.array([jpeg(picture, quality) for quality in range(5, 95, 5)])
    theirs = np.interp(bpp, curve[:, 0], curve[:, 1])
    assert bpp[1] > 2 * bpp[0]
    assert (ours > theirs - 1).all()


def psnr(found, picture):
    return 10 * np.log10(255**2 / np.square(found - picture.astype(np.float64)).mean())


def jpeg(picture, quality):
    """Bits per pixel, and PSNR."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=quality)
    return len(file.getvalue()) * 8 / picture[..., 0].size, psnr(np.asarray(Image.open(file)), picture)
