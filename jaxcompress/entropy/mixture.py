"""A static density for each channel: a mixture of logistic densities.

`P(V <= v) = sum_k softmax(weights)_k sigmoid((v - means_k) exp(-log_scales_k))`. Parameters, for C channels and K
components: `weights`, `means` and `log_scales`, `[C, K]` each. Values are rounded to whole numbers: the medians are
zero.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops

LIKELIHOOD_BOUND = 1e-9
_REACH = 2.0
"""Distance of the outer components from zero before training."""

Params = Mapping[str, Any]


def mixture_likelihood(params: Params, v: jax.Array) -> jax.Array:
    """Probability of the unit interval around each value.

    Args:
        params: of a `LogisticMixture` with C channels.
        v: `[..., C]`.

    Returns:
        `[..., C]`, in [1e-9, 1].
    """
    weights, slopes = jax.nn.softmax(params["weights"]), jnp.exp(-params["log_scales"])
    distances = v[..., None] - params["means"]
    upper, lower = jax.nn.sigmoid((distances + 0.5) * slopes), jax.nn.sigmoid((distances - 0.5) * slopes)
    return ops.lower_bound((weights * (upper - lower)).sum(-1), LIKELIHOOD_BOUND)


class LogisticMixture(nn.Module):
    """The mixture as a module.

    Attributes:
        channels: C.
        components: K.
        training_quantizer: what stands in for rounding in training, see `ops.TRAINING_QUANTIZERS`.
    """

    channels: int
    components: int = 3
    training_quantizer: Callable[..., jax.Array] = ops.add_uniform_noise

    def setup(self):
        """Declares the parameters."""
        shape = (self.channels, self.components)
        means = np.broadcast_to(np.linspace(-_REACH, _REACH, self.components, dtype=np.float32), shape)
        self.parameters = {
            "weights": self.param("weights", nn.initializers.zeros, shape),
            "means": self.param("means", lambda _: jnp.asarray(means)),
            "log_scales": self.param("log_scales", nn.initializers.zeros, shape),
        }

    def __call__(self, v: jax.Array, *, training: bool = False) -> tuple[jax.Array, jax.Array]:
        """Quantizes and rates.

        Args:
            v: `[..., C]`.
            training: perturb (needs the rng "noise") instead of rounding.

        Returns:
            The quantized values and their likelihoods, both `[..., C]`.

        Raises:
            ValueError: `v` has another number of channels.
        """
        if v.ndim < 1 or v.shape[-1] != self.channels:
            raise ValueError(f"v has shape {v.shape}; expected {self.channels} channels, last: [..., {self.channels}]")
        v_hat = self.training_quantizer(v, key=self.make_rng("noise")) if training else ops.quantize(v)
        return v_hat, mixture_likelihood(self.parameters, v_hat)
