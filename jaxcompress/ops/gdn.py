"""Generalized divisive normalization and the parametrization that keeps its coefficients positive."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from jaxcompress.ops.lower_bound import lower_bound
from jaxcompress.ops.precision import choose_precision

# Added under the root so that the gradient of the square does not vanish at zero.
_PEDESTAL = (2.0**-18) ** 2


def non_negative(x: jax.Array, *, minimum: float = 0.0) -> jax.Array:
    """Effective value of a stored root: `max(x, bound)**2 - pedestal`, at least `minimum`.

    Args:
        x: stored parameter, any shape.
        minimum: smallest effective value.

    Returns:
        Array shaped as `x`.

    Source: CompressAI `NonNegativeParametrizer`.
    """
    return lower_bound(x, math.sqrt(minimum + _PEDESTAL)) ** 2 - _PEDESTAL


def non_negative_init(value: jax.Array) -> jax.Array:
    """Stored root of a wanted effective value: the inverse of `non_negative`.

    Args:
        value: effective value, any shape; negative ones are stored as zero.

    Returns:
        Array shaped as `value`.
    """
    return jnp.sqrt(jnp.maximum(value + _PEDESTAL, _PEDESTAL))


def gdn(
    x: jax.Array,
    beta: jax.Array,
    gamma: jax.Array,
    *,
    inverse: bool = False,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """Divides each channel by the pooled energy of all: `x_i / sqrt(beta_i + sum_j gamma_ji x_j**2)`.

    Args:
        x: `[..., C]`, float32 or bfloat16; the pooled energy is float32 in either case.
        beta: `[C]`, effective (positive) values.
        gamma: `[C, C]`, effective (non-negative) values, row = input channel j, column = output channel i.
        inverse: multiply by the root instead of dividing (IGDN).
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        Array shaped as `x`.

    Source: Ballé et al. 2016, "Density modeling of images using a generalized normalization transformation";
    CompressAI `GDN`, whose gamma is the transpose.
    """
    norm = _pool(x**2, gamma, precision) + beta
    return (x * (jnp.sqrt(norm) if inverse else lax.rsqrt(norm))).astype(x.dtype)


def gdn1(
    x: jax.Array,
    beta: jax.Array,
    gamma: jax.Array,
    *,
    inverse: bool = False,
    precision: lax.PrecisionLike = None,
) -> jax.Array:
    """Simplified GDN, without square and root: `x_i / (beta_i + sum_j gamma_ji |x_j|)`.

    Args:
        x: `[..., C]`, float32 or bfloat16; the pooled energy is float32 in either case.
        beta: `[C]`, effective (positive) values.
        gamma: `[C, C]`, effective (non-negative) values, row = input channel, column = output channel.
        inverse: multiply instead of dividing.
        precision: of the products; if not given, that of `jax.default_matmul_precision`, else the highest.

    Returns:
        Array shaped as `x`.

    Source: Johnston et al. 2019, "Computationally efficient neural image compression"; CompressAI `GDN1`.
    """
    norm = _pool(jnp.abs(x), gamma, precision) + beta
    return (x * norm if inverse else x / norm).astype(x.dtype)


def _pool(energy: jax.Array, gamma: jax.Array, precision: lax.PrecisionLike) -> jax.Array:
    """`energy @ gamma` with products in the type of the energy and sums of at least float32."""
    return jnp.dot(
        energy,
        gamma.astype(energy.dtype),
        precision=choose_precision(precision),
        preferred_element_type=jnp.promote_types(energy.dtype, jnp.float32),
    )
