"""The objective against PyTorch."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pytorch_msssim
import torch

from jaxcompress.models import Output
from jaxcompress.train import (
    LAMBDAS,
    quality_lambda,
    rate_distortion,
    rate_distortion_by_picture,
    rate_lambda,
)

SIDE = 176  # MS-SSIM needs 161


@pytest.fixture(scope="module")
def pictures():
    """A smooth picture and a noisy copy, `[2, 176, 176, 3]` each."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(SIDE) / 9)[:, None, None] * np.cos(np.arange(SIDE) / 7)[:, None]
    x = np.clip(0.5 + 0.3 * waves + rng.normal(scale=0.1, size=(2, SIDE, SIDE, 3)), 0, 1)
    x_hat = x + rng.normal(scale=0.05, size=x.shape)
    return x.astype(np.float32), x_hat.astype(np.float32)


@pytest.fixture(scope="module")
def likelihoods():
    rng = np.random.default_rng(1)
    shapes = {"y": (2, 11, 11, 8), "z": (2, 3, 3, 4)}
    return {name: rng.uniform(0.01, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def in_torch(array):
    """NHWC to a float64 tensor NCHW that wants a gradient."""
    return torch.from_numpy(array.astype(np.float64).transpose(0, 3, 1, 2)).requires_grad_()


def torch_bpp(likelihoods):
    """CompressAI's formula, written down anew."""
    return sum(torch.log(value).sum() / (-math.log(2) * 2 * SIDE * SIDE) for value in likelihoods.values())


def torch_objective(x_hat, x, likelihoods, *, lmbda, metric):
    if metric == "mse":
        return torch_bpp(likelihoods) + lmbda * 255**2 * torch.nn.functional.mse_loss(x_hat, x)
    return torch_bpp(likelihoods) + lmbda * (1 - pytorch_msssim.ms_ssim(x_hat, x, data_range=1.0))


@pytest.mark.parametrize(("metric", "lmbda"), [("mse", 0.013), ("ms-ssim", 8.73)])
def test_objective_and_gradients_are_those_of_torch(pictures, likelihoods, metric, lmbda):
    x, x_hat = pictures

    @jax.jit
    def objective(x_hat, likelihoods):
        found = rate_distortion(Output(x_hat, jnp.zeros(()), likelihoods), x, lmbda=lmbda, metric=metric)
        return found.loss, found

    (loss, found), gradients = jax.value_and_grad(objective, argnums=(0, 1), has_aux=True)(x_hat, likelihoods)
    their_x_hat, their_likelihoods = in_torch(x_hat), {name: in_torch(value) for name, value in likelihoods.items()}
    theirs = torch_objective(their_x_hat, in_torch(x).detach(), their_likelihoods, lmbda=lmbda, metric=metric)
    theirs.backward()

    assert loss == pytest.approx(theirs.item(), rel=1e-5)
    assert found.bpp == pytest.approx(torch_bpp(their_likelihoods).item(), rel=1e-6)
    assert found.mse == pytest.approx(np.mean((x_hat - x).astype(np.float64) ** 2), rel=1e-6)
    assert (found.ms_ssim is None) == (metric == "mse")
    pairs = [(gradients[0], their_x_hat), *((gradients[1][name], their_likelihoods[name]) for name in likelihoods)]
    for ours, tensor in pairs:
        expected = tensor.grad.numpy().transpose(0, 2, 3, 1)
        assert np.isfinite(ours).all()
        assert np.linalg.norm(ours - expected) <= 1e-4 * np.linalg.norm(expected)


def test_ms_ssim_has_finite_gradients_where_it_is_perfect_or_worst(pictures):
    x, _ = pictures

    @jax.jit
    @jax.grad
    def gradient(x_hat):
        return rate_distortion(Output(x_hat, jnp.zeros(()), {"y": jnp.ones(1)}), x, lmbda=1.0, metric="ms-ssim").loss

    for x_hat in (x, np.zeros_like(x), 1 - x):
        assert np.isfinite(gradient(x_hat)).all()


def test_lambdas_are_compressai_s():
    table = {
        "mse": [0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800],
        "ms-ssim": [2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00],
    }
    assert set(table) == set(LAMBDAS)
    for metric, expected in table.items():
        assert [quality_lambda(quality, metric=metric) for quality in range(1, 9)] == expected
    assert quality_lambda(3) == 0.0067


@pytest.mark.parametrize("quality", [0, 9, -1, None, 1.5])
def test_a_quality_that_does_not_exist_is_named(quality):
    with pytest.raises(ValueError, match=rf"no lambda for quality {quality!r}; expected 1 to 8"):
        quality_lambda(quality)


def test_an_unknown_metric_is_named(pictures):
    with pytest.raises(ValueError, match="unknown metric 'psnr'; expected one of mse, ms-ssim"):
        quality_lambda(1, metric="psnr")
    x, x_hat = pictures
    with pytest.raises(ValueError, match="unknown metric 'ssim'; expected one of mse, ms-ssim"):
        rate_distortion(Output(x_hat, jnp.zeros(()), {"y": jnp.ones(1)}), x, lmbda=1.0, metric="ssim")


def test_pictures_too_small_for_ms_ssim_are_refused():
    x = jnp.zeros((1, 160, 176, 3))
    with pytest.raises(ValueError, match="at least 161"):
        rate_distortion(Output(x, x, {"y": jnp.ones(1)}), x, lmbda=1.0, metric="ms-ssim")


def test_the_lambda_of_a_rate_is_compressai_s_at_both_ends_and_grows_evenly():
    assert rate_lambda(0) == pytest.approx(quality_lambda(1), rel=1e-6)
    assert rate_lambda(5) == pytest.approx(quality_lambda(6), rel=1e-5)
    lambdas = rate_lambda(np.arange(-2.0, 7.0))
    np.testing.assert_allclose(lambdas[1:] / lambdas[:-1], (0.0483 / 0.0018) ** 0.2, rtol=1e-5)


def test_the_loss_by_picture_is_that_of_each_alone(pictures, likelihoods):
    x, x_hat = pictures
    lmbda, weights = np.float32([0.01, 0.04]), np.float32([2, 0.5])
    found = rate_distortion_by_picture(Output(x_hat, None, likelihoods), x, lmbda=lmbda, weights=weights)
    alone = [
        rate_distortion(
            Output(x_hat[i : i + 1], None, {name: value[i : i + 1] for name, value in likelihoods.items()}),
            x[i : i + 1],
            lmbda=float(lmbda[i]),
        )
        for i in range(2)
    ]
    assert found.loss == pytest.approx(np.mean([w * float(a.loss) for w, a in zip(weights, alone, strict=True)]))
    assert found.bpp == pytest.approx(np.mean([float(a.bpp) for a in alone]))
    assert found.mse == pytest.approx(np.mean([float(a.mse) for a in alone]))
