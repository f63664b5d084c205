"""The light codec: one small network for all rates, a learned correction of a linear transform codec.

Source: the transforms are bottleneck residual networks around a Karhunen-Loève transform of 16x16 blocks; the gain is
that of Cui et al. 2021, "Asymmetric gained deep image compression with continuous rate adaptation"; the order of
coding is a four-pass checkerboard over positions and channel parts, as in Li et al. 2023, "Neural video compression
with diverse contexts". CompressAI has no counterpart.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress import ops
from jaxcompress.entropy import GaussianConditional, LogisticMixture
from jaxcompress.models.base import CompressionModel, Output
from jaxcompress.models.light_networks import (
    LatentGain,
    LightAnalysis,
    LightContext,
    LightHyperAnalysis,
    LightHyperSynthesis,
    LightSynthesis,
    bounded_scales,
)
from jaxcompress.priors.phases import Phases

DEFAULT_RATE = 2.0
"""Rate of a call that does not name one."""


class Light(CompressionModel):
    """The light codec; `n` is the width of the transforms, `m` the channels of the latent.

    Rates are real numbers: 0 to 5 are trained with CompressAI's lambdas of the qualities 1 to 6, and a little beyond on
    both sides works as well. Each picture of a batch has its own.
    """

    stride: ClassVar[int] = 64
    has_hyperprior: ClassVar[bool] = True

    prior: ClassVar[Phases] = Phases(tables="gaussian_conditional")
    """Order in which y is coded."""

    @property
    def width(self) -> int:
        """Channels of the entropy networks and of z."""
        return self.n * 2 // 3

    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = LightAnalysis(self.n, self.m), LightSynthesis(self.n)
        self.h_a, self.h_s = LightHyperAnalysis(self.width), LightHyperSynthesis(self.width)
        self.gain, self.context = LatentGain(self.m), LightContext(self.m, self.width)
        self.z_density = LogisticMixture(self.width, training_quantizer=self.training_quantizer)
        self.gaussian_conditional = GaussianConditional(training_quantizer=self.training_quantizer)

    def analysis(self, x: jax.Array, *, rate: jax.Array) -> jax.Array:  # type: ignore[override]
        """Pictures to latents y in quantization steps, `[N, H / 16, W / 16, M]`: g_a and the gain.

        Args:
            x: `[N, H, W, 3]` in [0, 1].
            rate: `[N]`.
        """
        return self._apply(self.g_a, x, rate=rate) * jnp.exp(self.gain.gain(rate))

    def hyper_analysis(self, y: jax.Array, *, rate: jax.Array) -> jax.Array:
        """Latents to hyper-latents z, `[N, h / 4, w / 4, width]`: h_a.

        Args:
            y: `[N, h, w, M]`, as `analysis` gives them.
            rate: `[N]`, not read.
        """
        del rate
        return self._apply(self.h_a, y)

    def hyper_synthesis(self, z_hat: jax.Array, *, rate: jax.Array) -> jax.Array:
        """Quantized hyper-latents to the side information of y, `[N, h, w, width]`: h_s.

        Args:
            z_hat: `[N, h / 4, w / 4, width]`.
            rate: `[N]`.
        """
        return self._apply(self.h_s, z_hat, rate=rate)

    def light_parameters(
        self, hyper: jax.Array, y_hat: jax.Array, number: int, *, rate: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Scales and means of y in one pass.

        Args:
            hyper: `[N, h, w, width]`, the output of `hyper_synthesis`.
            y_hat: `[N, h, w, M]`; only what earlier passes decoded is read.
            number: number of the pass, 0 to 3.
            rate: `[N]`.

        Returns:
            Scales and means, `[N, h, w, M]` each; those of other passes are of no use.
        """
        unit = self.gain.unit(rate)
        # Chosen, not multiplied by zero: what is not decoded yet may be anything, NaN included.
        known = jnp.where(self.prior.order(y_hat.shape[1:]) < number, y_hat, 0) * jnp.exp(-unit)
        predicted = self._apply(self.context, hyper, y_hat=known.astype(self.compute_dtype), number=number)
        means, log_scales = jnp.split(predicted, 2, axis=-1)
        return bounded_scales(log_scales + self.gain.gain(rate)), means * jnp.exp(unit)

    def synthesis(self, y_hat: jax.Array, *, rate: jax.Array) -> jax.Array:  # type: ignore[override]
        """Quantized latents to reconstructions `[N, 16 h, 16 w, 3]`, not clamped: the inverse gain and g_s.

        Args:
            y_hat: `[N, h, w, M]`.
            rate: `[N]`.
        """
        return self._apply(self.g_s, y_hat * jnp.exp(self.gain.inverse(rate)), rate=rate)

    def aux_loss(self) -> jax.Array:
        """Zero: the density of z has no quantiles to learn."""
        return jnp.zeros(())

    def __call__(
        self, x: jax.Array, *, rate: jax.Array | None = None, training: bool = False, as_coded: bool = False
    ) -> Output:
        """Codes a batch in theory: reconstruction and likelihoods, no bitstream.

        In training the likelihoods are those of perturbed latents, while contexts and reconstruction see rounded ones,
        whose gradient passes unchanged.

        Args:
            x: pictures `[N, H, W, 3]` in [0, 1], sides a multiple of 64.
            rate: `[N]`; `DEFAULT_RATE` if not given.
            training: perturb the latents (needs the rng "noise") for the likelihoods.
            as_coded: return what the codec would decode, clamped to [0, 1].

        Returns:
            See `Output`; likelihoods "y" and "z".

        Raises:
            ValueError: `x` has another shape, or both modes were asked for.
        """
        self.check_call(x, training=training, as_coded=as_coded)
        if rate is None:
            rate = jnp.full(len(x), DEFAULT_RATE)
        y = self.analysis(x, rate=rate)
        z = self.hyper_analysis(y, rate=rate)
        _, z_likelihood = self.z_density(z, training=training)
        y_hat, scales, means = self._quantize(y, self.hyper_synthesis(ops.round_ste(z), rate=rate), rate)
        _, y_likelihood = self.gaussian_conditional(y, scales, means, training=training)
        x_hat = self.synthesis(y_hat, rate=rate)
        return Output(jnp.clip(x_hat, 0, 1) if as_coded else x_hat, y_hat, {"y": y_likelihood, "z": z_likelihood})

    def _quantize(self, y, hyper, rate) -> tuple[Any, Any, Any]:
        """Quantized y, its scales and means, `[N, h, w, M]` each, pass by pass."""
        y_hat, all_scales, all_means = (jnp.zeros_like(y) for _ in range(3))
        for number, mask in enumerate(self.prior.passes(np.shape(y)[1:])):
            scales, means = self.light_parameters(hyper, y_hat, number, rate=rate)
            y_hat = jnp.where(mask, ops.round_straight_through(y, means), y_hat)
            all_scales, all_means = jnp.where(mask, scales, all_scales), jnp.where(mask, means, all_means)
        return y_hat, all_scales, all_means
