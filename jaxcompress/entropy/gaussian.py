"""The conditional Gaussian: mean and scale of every latent come from side information.

Ballé et al. 2018 (scales) and Minnen et al. 2018 (means and scales); CompressAI `GaussianConditional`. The coder has
a table for each of 64 scales, and an index picks the table of the smallest scale not below the predicted one.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops

SCALE_BOUND = 0.11
LIKELIHOOD_BOUND = 1e-9

# exp(linspace(log 0.11, log 256, 64)) as PyTorch's float32 arithmetic gives it, little-endian. Kept as data: computed
# elsewhere 46 of the 64 differ in their last bits, and a scale between two versions would pick another table.
_DEFAULT_SCALE_TABLE = bytes.fromhex(
    "ae47e13d93c7fe3d3012103ec7ef223ec845383e0467503e24b16b3e0a47853ecdba963e9a77aa3e0ecac03eca08da3e"
    "cc95f63ef26f0b3f34b21d3f8958323f18b3493f861c643fabfd803fbde1913f07fca43faf96ba3f8f05d33f7ca7ee3f"
    "dcf30640c79f1840169c2c405c36434051c65c402faf794097308d4098ad9f405b96b4400e3ccc4078fae640b19c0241"
    "1bb71341dd0e274107ef3c4183ac554158a7714110a68841d88a9a4174c7ae4171aac541a98cdf418bd2fc41ddf60e42"
    "59af214265db364230cd4e42a0e16942f0408442639295425d28a942ec4ebf42065cd842deb0f442bd5d0a43187c1c43"
    "cef9304372264843eb5b624300008043"
)


def default_scale_table() -> np.ndarray:
    """The 64 scales of CompressAI's tables, float32 `[64]` ascending from 0.11 to 256."""
    return np.frombuffer(_DEFAULT_SCALE_TABLE, "<f4").astype(np.float32)


def gaussian_likelihood(y: jax.Array, scales: jax.Array, means: jax.Array | None = None) -> jax.Array:
    """Probability of the unit interval around each value under its own Gaussian.

    Args:
        y: any shape.
        scales: standard deviations, shaped as `y`; those below 0.11 count as 0.11.
        means: shaped as `y`, or None for zero.

    Returns:
        Array shaped as `y`, in [1e-9, 1].
    """
    distance = jnp.abs(y if means is None else y - means)
    scales = ops.lower_bound(scales, SCALE_BOUND)
    upper, lower = _cumulative((0.5 - distance) / scales), _cumulative((-0.5 - distance) / scales)
    return ops.lower_bound(upper - lower, LIKELIHOOD_BOUND)


def _cumulative(x: jax.Array) -> jax.Array:
    return 0.5 * jax.lax.erfc(-math.sqrt(0.5) * x)


@jax.jit  # likewise outside of jit: one program for all thresholds
def build_indexes(scales: jax.Array, scale_table: jax.Array | np.ndarray) -> jax.Array:
    """Index of the smallest table scale not below each scale; the last one if none is.

    Args:
        scales: any shape. Equal to a table scale takes that table; at or below 0.11 the first; NaN the last.
        scale_table: `[R]` ascending, R at most 256.

    Returns:
        uint8 array shaped as `scales`.

    Source: CompressAI `GaussianConditional.build_indexes`.
    """
    scales = ops.lower_bound(scales, SCALE_BOUND)
    last = len(scale_table) - 1
    indexes = jnp.full(scales.shape, last, jnp.uint8)
    for threshold in scale_table[:last]:
        indexes -= (scales <= threshold).astype(jnp.uint8)
    return indexes


class GaussianConditional(nn.Module):
    """The conditional Gaussian as a module without parameters.

    Attributes:
        training_quantizer: what stands in for rounding in training, see `ops.TRAINING_QUANTIZERS`.
    """

    training_quantizer: Callable[..., jax.Array] = ops.add_uniform_noise

    @nn.compact
    def __call__(
        self, y: jax.Array, scales: jax.Array, means: jax.Array | None = None, *, training: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """Quantizes and rates.

        Args:
            y: any shape.
            scales: shaped as `y`.
            means: shaped as `y`, or None for zero.
            training: perturb (needs the rng "noise") instead of rounding around the means.

        Returns:
            The quantized values and their likelihoods, both shaped as `y`.

        Raises:
            ValueError: scales or means of another shape.
        """
        for name, values in (("scales", scales), ("means", means)):
            if values is not None and values.shape != y.shape:
                raise ValueError(f"{name} have shape {values.shape}; expected that of y, {y.shape}")
        y_hat = self.training_quantizer(y, means, key=self.make_rng("noise")) if training else ops.quantize(y, means)
        return y_hat, gaussian_likelihood(y_hat, scales, means)
