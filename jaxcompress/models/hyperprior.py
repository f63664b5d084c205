"""Hyperpriors: side information z carries the scales, or means and scales, of every latent."""

import functools

import jax
import jax.numpy as jnp

from jaxcompress.entropy import EntropyBottleneck, GaussianConditional
from jaxcompress.layers import Conv, ConvTranspose, Sequential, leaky_relu
from jaxcompress.models import transforms
from jaxcompress.models.base import CompressionModel
from jaxcompress.models.layout import Latent, Layout, Network, reach_of, runs, sees
from jaxcompress.priors import Factorized, Hyperprior, Prior


class ScaleHyperprior(CompressionModel):
    """bmshj2018-hyperprior, scales only; Ballé et al. 2018; CompressAI `ScaleHyperprior`."""

    @property
    def layout(self) -> Layout:
        """Two latents: z carries what the prior of y needs."""
        prior = self.make_prior()
        h_s = reach_of(self, "setup", "make_h_s", "hyper_synthesis")
        if prior.in_one_pass:  # its parameters are computed in the windows of h_s
            of_prior = prior.reach if reach_of(self, "gaussian_parameters") == 0 else None
            h_s = None if h_s is None or of_prior is None else h_s + of_prior
        return Layout(
            (Latent("z", 64, self.n, Factorized()), Latent("y", 16, self.m, prior)),
            (
                Network("g_a", "analysis", "x", "y", reach=reach_of(self, "setup", "make_g_a", "analysis")),
                Network("h_a", "hyper_analysis", "y", "z", reach=reach_of(self, "setup", "make_h_a", "hyper_analysis")),
                Network("h_s", "hyper_synthesis", "z", "hyper", decides_bits=True, reach=h_s),
                Network("g_s", "synthesis", "y", "x", reach=reach_of(self, "setup", "make_g_s", "synthesis")),
            ),
        )

    def make_prior(self) -> Prior:
        """How y is coded."""
        return Hyperprior()

    @sees(2)
    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        return transforms.analysis(self.n, self.m)

    @sees(2)
    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        return transforms.synthesis(self.n)

    @sees(2)
    def make_h_a(self) -> Sequential:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, N]`."""
        return transforms.hyper_analysis(self.n, activation=jax.nn.relu)

    @sees(2)
    def make_h_s(self) -> Sequential:
        """The hyper-synthesis transform, `[N, h / 4, w / 4, N]` to what `gaussian_parameters` reads."""
        conv = functools.partial(ConvTranspose, self.n)
        last = functools.partial(Conv, self.m, kernel_size=3, stride=1)
        return Sequential((conv, jax.nn.relu, conv, jax.nn.relu, last, jax.nn.relu))

    @sees(0)
    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.h_a, self.h_s = self.make_h_a(), self.make_h_s()
        self.entropy_bottleneck = EntropyBottleneck(self.n, training_quantizer=self.training_quantizer)
        self.gaussian_conditional = GaussianConditional(training_quantizer=self.training_quantizer)

    @sees(0)
    def hyper_analysis(self, y: jax.Array, **settings: jax.Array) -> jax.Array:
        """Latent y `[N, h, w, M]` to hyper-latent z `[N, h / 4, w / 4, N]`: h_a of `|y|`.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return self._apply(self.h_a, jnp.abs(y))

    @sees(0)
    @runs("h_s")
    def hyper_synthesis(self, z_hat: jax.Array, **settings: jax.Array) -> jax.Array:
        """Hyper-latent `z_hat`, `[N, h / 4, w / 4, N]`, to the side information of y, `[N, h, w, ...]`: h_s.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return self._apply(self.h_s, z_hat)

    @sees(0)
    @runs()
    def gaussian_parameters(self, hyper: jax.Array, **settings: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means (None: zero) of y, `[N, h, w, M]` each, from `hyper`, the output of `hyper_synthesis`.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return hyper, None


class MeanScaleHyperprior(ScaleHyperprior):
    """mbt2018-mean, means and scales; Minnen et al. 2018; CompressAI `MeanScaleHyperprior`."""

    @sees(2)
    def make_h_a(self) -> Sequential:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, N]`."""
        return transforms.hyper_analysis(self.n, activation=leaky_relu)

    @sees(2)
    def make_h_s(self) -> Sequential:
        """The hyper-synthesis transform, `[N, h / 4, w / 4, N]` to `[N, h, w, 2 M]`: scales, then means."""
        return Sequential(
            (
                functools.partial(ConvTranspose, self.m),
                leaky_relu,
                functools.partial(ConvTranspose, self.m * 3 // 2),
                leaky_relu,
                functools.partial(Conv, self.m * 2, kernel_size=3, stride=1),
            )
        )

    @sees(0)
    def hyper_analysis(self, y: jax.Array, **settings: jax.Array) -> jax.Array:
        """Latent y `[N, h, w, M]` to hyper-latent z `[N, h / 4, w / 4, N]`: h_a of y.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return self._apply(self.h_a, y)

    @sees(0)
    @runs()
    def gaussian_parameters(self, hyper: jax.Array, **settings: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means of y, `[N, h, w, M]` each, from `hyper`, the output of `hyper_synthesis`.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        scales, means = jnp.split(hyper, 2, axis=-1)
        return scales, means
