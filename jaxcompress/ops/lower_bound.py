"""A maximum whose gradient still lets a bounded value climb back."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def lower_bound(x: jax.Array, bound: jax.Array | float) -> jax.Array:
    """Returns `max(x, bound)`, with a gradient that is cut only where it would push `x` further below.

    The plain maximum has no gradient below the bound, so a scale that falls there once stays there for good. Here
    the incoming gradient g passes where `x >= bound`, or where g < 0 (a descent step would raise x).

    Args:
        x: array of any shape.
        bound: scalar or array that broadcasts against `x`; receives no gradient.

    Returns:
        Array shaped and typed as `x`; NaN stays NaN.

    Source: Ballé et al. 2018, "Variational image compression with a scale hyperprior"; CompressAI `LowerBound`.
    """
    return jnp.maximum(x, jnp.asarray(bound, x.dtype))


def _forward(x, bound):
    return lower_bound(x, bound), (x >= jnp.asarray(bound, x.dtype), jnp.shape(bound))


def _backward(residuals, g):
    inside, bound_shape = residuals
    return jnp.where(inside | (g < 0), g, 0), jnp.zeros(bound_shape, g.dtype)


lower_bound.defvjp(_forward, _backward)
