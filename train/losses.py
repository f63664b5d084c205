"""The objective all these models are trained for: rate plus lambda times distortion."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxcompress.metrics import estimated_bits_per_pixel
from jaxcompress.models import Output


class RateDistortion(NamedTuple):
    """The loss and its parts, scalars.

    Attributes:
        loss: `lmbda * 255**2 * mse + bpp`.
        bpp: estimated bits per pixel of the batch.
        mse: mean squared error on the [0, 1] scale.
    """

    loss: jax.Array
    bpp: jax.Array
    mse: jax.Array


def rate_distortion(output: Output, x: jax.Array, *, lmbda: float) -> RateDistortion:
    """Rate plus weighted mean squared error.

    Args:
        output: of a model, for `x`.
        x: pictures `[N, H, W, 3]` in [0, 1].
        lmbda: weight of the distortion; CompressAI's qualities 1 to 8 use 0.0018 0.0035 0.0067 0.0130 0.0250 0.0483
            0.0932 0.1800.

    Returns:
        Loss, rate and distortion.

    Source: CompressAI `RateDistortionLoss(metric="mse")`.
    """
    n, height, width, _ = x.shape
    bpp = estimated_bits_per_pixel(output.likelihoods, n * height * width)
    mse = jnp.mean((output.x_hat - x) ** 2)
    return RateDistortion(lmbda * 255**2 * mse + bpp, bpp, mse)
