"""Bits per pixel, of files and by likelihoods."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp


def bits_per_pixel(data: bytes, height: int, width: int) -> float:
    """Bits of a file for each pixel of its picture, header and all.

    Args:
        data: the file.
        height: rows of the picture, without padding.
        width: columns.

    Returns:
        8 * bytes / pixels.
    """
    return 8 * len(data) / (height * width)


def estimated_bits_per_pixel(likelihoods: Mapping[str, jax.Array], num_pixels: int) -> jax.Array:
    """Bits per pixel that an ideal coder would need: `-log2` of all likelihoods.

    Args:
        likelihoods: by latent, as a model returns them.
        num_pixels: N * H * W of the pictures.

    Returns:
        Scalar, differentiable.
    """
    nats = jnp.stack([-jnp.log(likelihood).sum() for likelihood in likelihoods.values()]).sum()
    return nats / (math.log(2) * num_pixels)
