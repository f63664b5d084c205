"""The light codec: one small network for all rates, a learned correction of a linear transform codec.

Source: the transforms are bottleneck residual networks around a Karhunen-Loève transform of 16x16 blocks; the gain is
that of Cui et al. 2021, "Asymmetric gained deep image compression with continuous rate adaptation"; the order of
coding is that of Li et al. 2023, "Neural video compression with diverse contexts". CompressAI has no counterpart.
"""

import jax
import jax.numpy as jnp

from jaxcompress.architecture_table import TABLE
from jaxcompress.entropy import GaussianConditional, LogisticMixture
from jaxcompress.models.base import CompressionModel
from jaxcompress.models.layout import Latent, Layout, Network, Setting, reach_of, sees
from jaxcompress.models.light_networks import (
    LatentGain,
    LightAnalysis,
    LightContext,
    LightHyperAnalysis,
    LightHyperSynthesis,
    LightSynthesis,
    bounded_scales,
    multiply,
)
from jaxcompress.priors import Mixture, Phases, Prior

RATE = Setting("rate", low=-2.0, high=6.0, default=(TABLE["light"].default_quality or 0) - 1)
"""The rate: 0 to 5 belong to CompressAI's lambdas of the qualities 1 to 6. A little beyond works as well."""


class Light(CompressionModel):
    """The light codec; `n` is the width of the transforms, `m` the channels of the latent.

    Each picture of a batch has its own rate, a real number. Stages that are not given one use the default of `RATE`.
    """

    @property
    def layout(self) -> Layout:
        """Two latents and one setting: z, then y in four passes, at a rate."""
        g_a, g_s = reach_of(self, "setup", "make_g_a", "analysis"), reach_of(self, "setup", "make_g_s", "synthesis")
        h_a = reach_of(self, "setup", "make_h_a", "hyper_analysis")
        h_s = reach_of(self, "setup", "make_h_s", "hyper_synthesis")
        return Layout(
            (Latent("z", 64, self.width, Mixture()), Latent("y", 16, self.m, self.make_prior())),
            (
                Network("g_a", "analysis", "x", "y", reach=g_a),
                Network("h_a", "hyper_analysis", "y", "z", reach=h_a),
                Network("h_s", "hyper_synthesis", "z", "hyper", decides_bits=True, reach=h_s),
                Network("g_s", "synthesis", "y", "x", reach=g_s),
            ),
            settings=(RATE,),
            shared=("gain",),
        )

    @property
    def width(self) -> int:
        """Channels of the entropy networks and of z."""
        return self.n * 2 // 3

    def make_prior(self) -> Prior:
        """How y is coded."""
        return Phases(reach=reach_of(self, "setup", "make_context", "light_parameters"))

    # 2x2 at 1/8, then five 3x3 layers there, of which the last has stride 2, and one at 1/16.
    @sees(4)
    def make_g_a(self) -> LightAnalysis:
        """The analysis transform before the gain, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        return LightAnalysis(self.n, self.m, dtype=self.compute_dtype)

    @sees(3)
    def make_g_s(self) -> LightSynthesis:
        """The synthesis transform after the inverse gain, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        return LightSynthesis(self.n, dtype=self.compute_dtype)

    @sees(1)
    def make_h_a(self) -> LightHyperAnalysis:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, width]`."""
        return LightHyperAnalysis(self.width)

    @sees(1)
    def make_h_s(self) -> LightHyperSynthesis:
        """The hyper-synthesis transform, `[N, h / 4, w / 4, width]` to `[N, h, w, width]`."""
        return LightHyperSynthesis(self.width)

    @sees(1)
    def make_context(self) -> LightContext:
        """The network of a pass, see `LightContext`."""
        return LightContext(self.m, self.width)

    @sees(0)
    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.h_a, self.h_s = self.make_h_a(), self.make_h_s()
        self.gain, self.context = LatentGain(self.m), self.make_context()
        self.z_density = LogisticMixture(self.width, training_quantizer=self.training_quantizer)
        self.gaussian_conditional = GaussianConditional(training_quantizer=self.training_quantizer)

    @sees(0)
    def analysis(self, x: jax.Array, *, rate: jax.Array | None = None) -> jax.Array:  # type: ignore[override]
        """Pictures to latents y in quantization steps, `[N, H / 16, W / 16, M]`: g_a and the gain.

        Args:
            x: `[N, H, W, 3]` in [0, 1].
            rate: `[N]`.
        """
        rate = _rate(rate, x)
        return multiply(self.g_a(x, rate=rate).astype(jnp.float32), self.gain.gain(rate))

    @sees(0)
    def hyper_analysis(self, y: jax.Array, *, rate: jax.Array | None = None) -> jax.Array:
        """Latents to hyper-latents z, `[N, h / 4, w / 4, width]`: h_a.

        Args:
            y: `[N, h, w, M]`, as `analysis` gives them.
            rate: `[N]`, not read.
        """
        return self._apply(self.h_a, y)

    @sees(0)
    def hyper_synthesis(self, z_hat: jax.Array, *, rate: jax.Array | None = None) -> jax.Array:
        """Quantized hyper-latents to the side information of y, `[N, h, w, width]`: h_s.

        Args:
            z_hat: `[N, h / 4, w / 4, width]`.
            rate: `[N]`.
        """
        return self._apply(self.h_s, z_hat, rate=_rate(rate, z_hat))

    @sees(0)
    def light_parameters(
        self, hyper: jax.Array, y_hat: jax.Array, number: int, *, rate: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        """Scales and means of y in one pass.

        Args:
            hyper: `[N, h, w, width]`, the output of `hyper_synthesis`.
            y_hat: `[N, h, w, M]`, what earlier passes decoded, and zero elsewhere.
            number: number of the pass, 0 to 3.
            rate: `[N]`.

        Returns:
            Scales and means, `[N, h, w, M]` each; those of other passes are of no use.
        """
        rate = _rate(rate, hyper)
        gain, unit = self.gain.gain(rate), self.gain.unit(rate)
        known = multiply(y_hat, -unit).astype(self.compute_dtype)
        means, log_scales = jnp.split(self._apply(self.context, hyper, y_hat=known, number=number), 2, axis=-1)
        return bounded_scales(log_scales + gain), multiply(means, unit)

    @sees(0)
    def synthesis(self, y_hat: jax.Array, *, rate: jax.Array | None = None) -> jax.Array:  # type: ignore[override]
        """Quantized latents to reconstructions `[N, 16 h, 16 w, 3]`, not clamped: the inverse gain and g_s.

        Args:
            y_hat: `[N, h, w, M]`.
            rate: `[N]`.
        """
        rate = _rate(rate, y_hat)
        return self.g_s(multiply(y_hat, self.gain.inverse(rate)), rate=rate).astype(jnp.float32)

    def aux_loss(self) -> jax.Array:
        """Zero: the density of z has no quantiles to learn."""
        return jnp.zeros(())


def _rate(rate: jax.Array | None, x: jax.Array) -> jax.Array:
    """The rate of each picture of `x`."""
    return jnp.full(len(x), RATE.value(RATE.default), jnp.float32) if rate is None else jnp.asarray(rate)
