"""Rounding, and what stands in for it while training."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax


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


def add_uniform_noise(
    x: jax.Array, means: jax.Array | None = None, *, key: jax.Array, axis_name: str | None = None
) -> jax.Array:
    """Adds noise uniform in [-0.5, 0.5): the differentiable stand-in for rounding in training.

    Args:
        x: float array `[N, ...]`.
        means: play no part, since a uniform noise has none; taken so that all quantizers are called alike.
        key: PRNG key.
        axis_name: mapped axis (of `jax.pmap` or `jax.shard_map`) over which a larger batch is split: each part then
            gets its own rows of the noise that the whole batch would get.

    Returns:
        Array shaped as `x`.

    Source: Ballé et al. 2017, "End-to-end optimized image compression", eq. 9.
    """
    return x + _uniform(key, x, axis_name)


def round_straight_through(
    x: jax.Array, means: jax.Array | None = None, *, key: jax.Array | None = None, axis_name: str | None = None
) -> jax.Array:
    """Rounds the distance from the mean, as at test time, and passes the gradient unchanged to `x`.

    Args:
        x: float array of any shape.
        means: array that broadcasts against `x`, or None for zero.
        key: plays no part, since nothing is random.
        axis_name: likewise.

    Returns:
        Array shaped as `x`.

    Source: Theis et al. 2017, "Lossy image compression with compressive autoencoders"; CompressAI `quantize_ste`.
    """
    return round_ste(x) if means is None else round_ste(x - means) + means


def soft_round(x: jax.Array, alpha: float | jax.Array) -> jax.Array:
    """A smooth staircase: the identity as alpha goes to 0, rounding as it goes to infinity.

    Args:
        x: float array of any shape.
        alpha: steepness, positive; under `jax.jit` it may change from step to step.

    Returns:
        Array shaped as `x`, equal to it at integers and halves.

    Source: Agustsson and Theis 2020, "Universally quantized neural compression", eq. 16.
    """
    middle = jnp.floor(x) + 0.5
    return middle + jnp.tanh(alpha * (x - middle)) / (2 * jnp.tanh(alpha / 2))


def soft_round_inverse(y: jax.Array, alpha: float | jax.Array) -> jax.Array:
    """The inverse of `soft_round`.

    Args:
        y: float array of any shape.
        alpha: steepness, positive.

    Returns:
        Array shaped as `y`.
    """
    middle = jnp.floor(y) + 0.5
    # Below one, where arctanh is infinite: for a steepness above 16 float32 rounds tanh(alpha / 2) to it.
    stretched = jnp.clip((y - middle) * (2 * jnp.tanh(alpha / 2)), -1 + 2**-23, 1 - 2**-23)
    return middle + jnp.arctanh(stretched) / alpha


def soft_round_conditional_mean(y: jax.Array, alpha: float | jax.Array) -> jax.Array:
    """What is expected of x, given its softly rounded value with uniform noise in [-0.5, 0.5) added.

    Args:
        y: float array of any shape, `soft_round(x, alpha)` and noise.
        alpha: steepness, positive.

    Returns:
        Array shaped as `y`: the mean of x if all x are as likely, which holds nearly for wide densities.

    Source: Agustsson and Theis 2020, "Universally quantized neural compression", eq. 18.
    """
    return soft_round_inverse(y - 0.5, alpha) + 0.5


def soft_round_with_noise(
    x: jax.Array,
    means: jax.Array | None = None,
    *,
    key: jax.Array,
    alpha: float | jax.Array = 4.0,
    axis_name: str | None = None,
) -> jax.Array:
    """Rounds softly, adds uniform noise, and undoes the softness: between noise (alpha 0) and rounding (infinity).

    Args:
        x: float array `[N, ...]`.
        means: array that broadcasts against `x`, or None for zero; steps lie at whole distances from it.
        key: PRNG key.
        alpha: steepness, positive; above about 8 gradients come rarely and are large.
        axis_name: see `add_uniform_noise`.

    Returns:
        Array shaped as `x`: what is expected of x, given its softly rounded value with noise.

    Source: Agustsson and Theis 2020, "Universally quantized neural compression", eq. 16 to 18.
    """
    distance = x if means is None else x - means
    noisy = soft_round(distance, alpha) + _uniform(key, x, axis_name)
    restored = soft_round_conditional_mean(noisy, alpha)
    return restored if means is None else restored + means


def _uniform(key: jax.Array, x: jax.Array, axis_name: str | None) -> jax.Array:
    """Noise in [-0.5, 0.5) shaped as `x`, or this device's rows of that of the whole batch."""
    if axis_name is None:
        return jax.random.uniform(key, x.shape, x.dtype, -0.5, 0.5)
    rows, parts = x.shape[0], lax.axis_size(axis_name)
    noise = jax.random.uniform(key, (rows * parts, *x.shape[1:]), x.dtype, -0.5, 0.5)
    return lax.dynamic_slice_in_dim(noise, lax.axis_index(axis_name) * rows, rows)


TRAINING_QUANTIZERS: dict[str, Callable[..., jax.Array]] = {
    "noise": add_uniform_noise,
    "straight-through": round_straight_through,
    "soft": soft_round_with_noise,
}
"""What may stand in for rounding in training, by name: functions `(x, means, *, key) -> x_tilde`."""
