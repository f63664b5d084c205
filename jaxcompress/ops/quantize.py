"""Rounding, and the two things that stand in for it while training."""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def round_ste(x: jax.Array) -> jax.Array:
    """Rounds half to even; the gradient passes unchanged (straight-through).

    Args:
        x: float array of any shape.

    Returns:
        The rounded array, same shape and type.

    Source: Bengio et al. 2013, arXiv:1308.3432; CompressAI `quantize_ste`.
    """
    return jnp.round(x)


@round_ste.defjvp
def _round_ste_jvp(primals, tangents):
    return round_ste(*primals), tangents[0]


def quantize(x: jax.Array, means: jax.Array | None = None) -> jax.Array:
    """Rounds the distance from the mean: `round(x - means) + means`, half to even.

    Args:
        x: float array of any shape.
        means: array that broadcasts against `x`, or None for zero.

    Returns:
        Array shaped as `x`.

    Source: CompressAI `EntropyModel.quantize(mode="dequantize")`.
    """
    return jnp.round(x) if means is None else jnp.round(x - means) + means


def add_uniform_noise(x: jax.Array, *, key: jax.Array) -> jax.Array:
    """Adds noise uniform in [-0.5, 0.5): the differentiable stand-in for rounding in training.

    Args:
        x: float array of any shape.
        key: PRNG key.

    Returns:
        Array shaped as `x`. Means play no part: a uniform noise has none.

    Source: Ballé et al. 2017, "End-to-end optimized image compression", eq. 9.
    """
    return x + jax.random.uniform(key, x.shape, x.dtype, -0.5, 0.5)
