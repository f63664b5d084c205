"""Generalized divisive normalization as modules."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcompress import ops

_BETA_MIN = 1e-6
_GAMMA_INIT = 0.1


class GDN(nn.Module):
    """Generalized divisive normalization over the last axis; keeps the shape.

    The parameters are stored as roots (`ops.non_negative`): beta `[C]`, gamma `[C, C]` (input, output).

    Attributes:
        inverse: multiply instead of dividing, as synthesis transforms do (IGDN).

    Source: CompressAI `GDN` (gamma transposed).
    """

    inverse: bool = False

    normalize = staticmethod(ops.gdn)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalizes `x`, `[..., C]`."""
        channels = x.shape[-1]
        beta = self.param("beta", lambda _: ops.non_negative_init(jnp.ones(channels, jnp.float32)))
        gamma = self.param("gamma", lambda _: ops.non_negative_init(_GAMMA_INIT * jnp.eye(channels, dtype=jnp.float32)))
        beta, gamma = ops.non_negative(beta, minimum=_BETA_MIN), ops.non_negative(gamma)
        return self.normalize(x, beta, gamma, inverse=self.inverse)


class GDN1(GDN):
    """Simplified GDN, without square and root.

    Source: CompressAI `GDN1`.
    """

    normalize = staticmethod(ops.gdn1)
