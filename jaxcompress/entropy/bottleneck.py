"""The factorized prior: one learned density per channel, as a small monotone network for its cumulative.

Ballé et al. 2018, "Variational image compression with a scale hyperprior", appendix 6.1; CompressAI
`EntropyBottleneck`. For channel c, `logits(v) = sigmoid^-1(P(V <= v))` is a chain of K affine stages

    h <- softplus(matrix_k) h + bias_k;   h <- h + tanh(factor_k) * tanh(h)   (the last stage without the second part)

of widths 1, 3, 3, 3, 3, 1. Parameters, for C channels: `matrices_k [C, out, in]`, `biases_k [C, out, 1]`,
`factors_k [C, out, 1]`, and `quantiles [C, 1, 3]`, the lower tail, the median and the upper tail, which bound the
tables. All functions take values whose last axis is the channel; any axes may come before it.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops

LIKELIHOOD_BOUND = 1e-9
TAIL_MASS = 1e-9

Params = Mapping[str, Any]


@jax.jit  # for callers that are not under jit: one program instead of some hundred operations
def bottleneck_logits(params: Params, v: jax.Array) -> jax.Array:
    """Logit of the cumulative density, per channel.

    Args:
        params: of an `EntropyBottleneck` with C channels.
        v: `[..., C]`.

    Returns:
        `[..., C]`, increasing in v.
    """
    stages = sum(name.startswith("matrices_") for name in params)
    hidden = [v]  # one array [..., C] for each unit: everything stays elementwise, which compilers fuse
    for k in range(stages):
        matrix, bias = jax.nn.softplus(params[f"matrices_{k}"]), params[f"biases_{k}"]
        hidden = [
            sum(matrix[:, i, j] * h for j, h in enumerate(hidden)) + bias[:, i, 0] for i in range(matrix.shape[1])
        ]
        if k < stages - 1:
            factor = jnp.tanh(params[f"factors_{k}"])
            hidden = [h + factor[:, i, 0] * jnp.tanh(h) for i, h in enumerate(hidden)]
    (logits,) = hidden
    return logits


def bottleneck_likelihood(params: Params, v: jax.Array) -> jax.Array:
    """Probability of the unit interval around each value: `sigmoid(logits(v + 0.5)) - sigmoid(logits(v - 0.5))`.

    Args:
        params: of an `EntropyBottleneck` with C channels.
        v: `[..., C]`.

    Returns:
        `[..., C]`, in [1e-9, 1].
    """
    upper, lower = bottleneck_logits(params, jnp.stack([v + 0.5, v - 0.5]))
    return ops.lower_bound(jax.nn.sigmoid(upper) - jax.nn.sigmoid(lower), LIKELIHOOD_BOUND)


def bottleneck_medians(params: Params) -> jax.Array:
    """The medians that values are rounded around; no gradient flows through them.

    Args:
        params: of an `EntropyBottleneck`.

    Returns:
        `[C]`.
    """
    return jax.lax.stop_gradient(params["quantiles"][:, 0, 1])


def bottleneck_aux_loss(params: Params, *, tail_mass: float = TAIL_MASS) -> jax.Array:
    """Distance of the quantiles from where they belong; its gradient reaches the quantiles alone.

    Args:
        params: of an `EntropyBottleneck`.
        tail_mass: probability outside the outer quantiles.

    Returns:
        Scalar: sum over channels and the three quantiles of `|logits(quantile) - target|`.

    Source: CompressAI `EntropyBottleneck.loss`.
    """
    density = {name: jax.lax.stop_gradient(p) for name, p in params.items() if name != "quantiles"}
    logits = bottleneck_logits(density, params["quantiles"][:, 0, :].T)  # [3, C]
    return jnp.abs(logits - _targets(tail_mass)[:, None]).sum()


def solve_quantiles(params: Params, *, tail_mass: float = TAIL_MASS) -> jax.Array:
    """Finds the quantiles by bisection, exact to float32: the alternative to minimizing the aux loss.

    Args:
        params: of an `EntropyBottleneck` with C channels.
        tail_mass: probability outside the outer quantiles.

    Returns:
        `[C, 1, 3]`, in place of `params["quantiles"]`.

    Source: CompressAI `EntropyBottleneck._update_quantiles`, which stops at a precision of 1e-3.
    """
    targets = jnp.asarray(_targets(tail_mass))[:, None]

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        below = bottleneck_logits(params, middle) < targets
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    start = jnp.full((3, params["quantiles"].shape[0]), 1e5, jnp.float32)
    # From 2e5 wide, 48 halvings pass float32's resolution of any quantile worth having (2**-30).
    low, high = jax.lax.fori_loop(0, 48, halve, (-start, start))
    return ((low + high) / 2).T[:, None, :]


def _targets(tail_mass: float) -> np.ndarray:
    tail = math.log(2 / tail_mass - 1)
    return np.array([-tail, 0, tail], np.float32)


def _centered_uniform(key: jax.Array, shape: Sequence[int]) -> jax.Array:
    return jax.random.uniform(key, shape, jnp.float32, -0.5, 0.5)


class EntropyBottleneck(nn.Module):
    """The factorized prior as a module.

    Attributes:
        channels: C.
        init_scale: half width of the initial density.
        filters: widths of the hidden stages.
        training_quantizer: what stands in for rounding in training, see `ops.TRAINING_QUANTIZERS`.

    Source: CompressAI `EntropyBottleneck`.
    """

    channels: int
    init_scale: float = 10.0
    filters: Sequence[int] = (3, 3, 3, 3)
    training_quantizer: Callable[..., jax.Array] = ops.add_uniform_noise

    def setup(self):
        """Declares the parameters."""
        widths = (1, *self.filters, 1)
        scale = self.init_scale ** (1 / (len(widths) - 1))
        params: dict[str, jax.Array] = {}

        def declare(name, init, *shape):
            params[name] = self.param(name, init, (self.channels, *shape))

        for k, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
            start = math.log(math.expm1(1 / scale / fan_out))
            declare(f"matrices_{k}", nn.initializers.constant(start, jnp.float32), fan_out, fan_in)
            declare(f"biases_{k}", _centered_uniform, fan_out, 1)
            if k < len(self.filters):
                declare(f"factors_{k}", nn.initializers.constant(0, jnp.float32), fan_out, 1)
        quantiles = np.array([-self.init_scale, 0, self.init_scale], np.float32)
        declare("quantiles", lambda _, shape: jnp.broadcast_to(quantiles, shape), 1, 3)
        self.parameters = params

    def __call__(self, v: jax.Array, *, training: bool = False) -> tuple[jax.Array, jax.Array]:
        """Quantizes and rates.

        Args:
            v: `[..., C]`.
            training: perturb (needs the rng "noise") instead of rounding around the medians.

        Returns:
            The quantized values and their likelihoods, both `[..., C]`.
        """
        medians = bottleneck_medians(self.parameters)
        v_hat = (
            self.training_quantizer(v, medians, key=self.make_rng("noise")) if training else ops.quantize(v, medians)
        )
        return v_hat, bottleneck_likelihood(self.parameters, v_hat)

    def aux_loss(self) -> jax.Array:
        """See `bottleneck_aux_loss`."""
        return bottleneck_aux_loss(self.parameters)
