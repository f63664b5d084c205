"""The objective all these models are trained for: rate plus lambda times distortion."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxcompress.metrics import estimated_bits_per_pixel, ms_ssim
from jaxcompress.models import Output

LAMBDAS: dict[str, tuple[float, ...]] = {
    "mse": (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    "ms-ssim": (2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00),
}
"""CompressAI's weight of the distortion for the qualities 1 to 8, by metric."""


def quality_lambda(quality: int, *, metric: str = "mse") -> float:
    """The lambda that CompressAI trained a quality with.

    Args:
        quality: 1 to 8.
        metric: "mse" or "ms-ssim".

    Raises:
        ValueError: there is no such quality or metric.
    """
    lambdas = LAMBDAS[_known(metric)]
    if quality not in range(1, len(lambdas) + 1):
        raise ValueError(f"there is no lambda for quality {quality!r}; expected 1 to {len(lambdas)}")
    return lambdas[quality - 1]


def rate_lambda(rate: ArrayLike) -> jax.Array:
    """The lambda of a rate on a continuous scale: CompressAI's of quality 1 at 0, and of quality 6 at 5.

    Args:
        rate: real numbers of any shape; between and beyond, the lambda grows by the same factor for each whole rate.

    Returns:
        float32 of that shape.
    """
    first, last = (math.log(quality_lambda(quality)) for quality in (1, 6))
    return jnp.exp(first + (last - first) / 5 * jnp.asarray(rate, jnp.float32))


class RateDistortion(NamedTuple):
    """The loss and its parts, scalars.

    Attributes:
        loss: what is minimized.
        bpp: estimated bits per pixel of the batch.
        mse: mean squared error on the [0, 1] scale.
        ms_ssim: mean MS-SSIM, if that is the metric.
    """

    loss: jax.Array
    bpp: jax.Array
    mse: jax.Array
    ms_ssim: jax.Array | None = None


def rate_distortion(output: Output, x: jax.Array, *, lmbda: float, metric: str = "mse") -> RateDistortion:
    """Rate plus weighted distortion: `bpp + lmbda * 255**2 * mse`, or `bpp + lmbda * (1 - ms_ssim)`.

    Args:
        output: of a model, for `x`.
        x: pictures `[N, H, W, 3]` in [0, 1]; for "ms-ssim" the sides are at least 161.
        lmbda: weight of the distortion; CompressAI's are in `LAMBDAS`.
        metric: "mse" or "ms-ssim".

    Returns:
        Loss, rate and distortion.

    Raises:
        ValueError: there is no such metric, or the pictures are too small for it.

    Source: CompressAI `RateDistortionLoss`.
    """
    n, height, width, _ = x.shape
    bpp = estimated_bits_per_pixel(output.likelihoods, n * height * width)
    mse = jnp.mean((output.x_hat - x) ** 2)
    if _known(metric) == "mse":
        return RateDistortion(bpp + lmbda * 255**2 * mse, bpp, mse)
    similarity = ms_ssim(output.x_hat, x).mean()
    return RateDistortion(bpp + lmbda * (1 - similarity), bpp, mse, similarity)


def rate_distortion_by_picture(output: Output, x: jax.Array, *, lmbda: jax.Array, weights: jax.Array) -> RateDistortion:
    """Rate plus weighted squared error, where each picture of a batch has a lambda and a weight of its own.

    Args:
        output: of a model, for `x`.
        x: pictures `[N, H, W, 3]` in [0, 1].
        lmbda: weight of the distortion in each picture's loss, `[N]`.
        weights: weight of each picture's loss in the mean, `[N]`.

    Returns:
        Loss, rate and distortion; the last two are plain means.
    """
    _, height, width, _ = x.shape
    bits = jnp.zeros(len(x))
    for likelihood in output.likelihoods.values():
        bits -= jnp.log2(likelihood).sum((1, 2, 3))
    bpp = bits / (height * width)
    mse = jnp.square(output.x_hat - x).mean((1, 2, 3))
    return RateDistortion((weights * (bpp + lmbda * 255**2 * mse)).mean(), bpp.mean(), mse.mean())


def _known(metric: str) -> str:
    if metric not in LAMBDAS:
        raise ValueError(f"unknown metric {metric!r}; expected one of {', '.join(LAMBDAS)}")
    return metric
