"""Hyperpriors: side information z carries the scales, or means and scales, of every latent."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxcompress.entropy import EntropyBottleneck, GaussianConditional
from jaxcompress.layers import Conv, ConvTranspose, Sequential, leaky_relu
from jaxcompress.models import transforms
from jaxcompress.models.base import CompressionModel, Output


class ScaleHyperprior(CompressionModel):
    """bmshj2018-hyperprior, scales only; Ballé et al. 2018; CompressAI `ScaleHyperprior`."""

    stride: ClassVar[int] = 64
    has_hyperprior: ClassVar[bool] = True

    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        return transforms.analysis(self.n, self.m)

    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        return transforms.synthesis(self.n)

    def make_h_a(self) -> Sequential:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, N]`."""
        return transforms.hyper_analysis(self.n, activation=jax.nn.relu)

    def make_h_s(self) -> Sequential:
        """The hyper-synthesis transform, `[N, h / 4, w / 4, N]` to what `gaussian_parameters` reads."""
        conv = functools.partial(ConvTranspose, self.n)
        last = functools.partial(Conv, self.m, kernel_size=3, stride=1)
        return Sequential((conv, jax.nn.relu, conv, jax.nn.relu, last, jax.nn.relu))

    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.h_a, self.h_s = self.make_h_a(), self.make_h_s()
        self.entropy_bottleneck = EntropyBottleneck(self.n, training_quantizer=self.training_quantizer)
        self.gaussian_conditional = GaussianConditional(training_quantizer=self.training_quantizer)

    def hyper_analysis(self, y: jax.Array) -> jax.Array:
        """Latent y `[N, h, w, M]` to hyper-latent z `[N, h / 4, w / 4, N]`: h_a of `|y|`."""
        return self._apply(self.h_a, jnp.abs(y))

    def hyper_synthesis(self, z_hat: jax.Array) -> jax.Array:
        """Hyper-latent `z_hat`, `[N, h / 4, w / 4, N]`, to the side information of y, `[N, h, w, ...]`: h_s."""
        return self._apply(self.h_s, z_hat)

    def gaussian_parameters(self, hyper: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means (None: zero) of y, `[N, h, w, M]` each, from `hyper`, the output of `hyper_synthesis`."""
        return hyper, None

    def __call__(self, x: jax.Array, *, training: bool = False, as_coded: bool = False) -> Output:
        """Codes a batch in theory: reconstruction and likelihoods, no bitstream.

        Args:
            x: pictures `[N, H, W, 3]` in [0, 1], sides a multiple of 64.
            training: perturb the latents (needs the rng "noise") instead of rounding them.
            as_coded: return exactly what the codec would decode, clamped to [0, 1].

        Returns:
            See `Output`; likelihoods "y" and "z".

        Raises:
            ValueError: `x` has another shape, or both modes were asked for.
        """
        self.check_call(x, training=training, as_coded=as_coded)
        y = self.analysis(x)
        z_hat, z_likelihood = self.entropy_bottleneck(self.hyper_analysis(y), training=training)
        scales, means = self.gaussian_parameters(self.hyper_synthesis(z_hat))
        y_hat, y_likelihood = self.gaussian_conditional(y, scales, means, training=training)
        x_hat = self.synthesis(y_hat)
        likelihoods = {"y": y_likelihood, "z": z_likelihood}
        return Output(jnp.clip(x_hat, 0, 1) if as_coded else x_hat, y_hat, likelihoods)


class MeanScaleHyperprior(ScaleHyperprior):
    """mbt2018-mean, means and scales; Minnen et al. 2018; CompressAI `MeanScaleHyperprior`."""

    def make_h_a(self) -> Sequential:
        """The hyper-analysis transform, `[N, h, w, M]` to `[N, h / 4, w / 4, N]`."""
        return transforms.hyper_analysis(self.n, activation=leaky_relu)

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

    def hyper_analysis(self, y: jax.Array) -> jax.Array:
        """Latent y `[N, h, w, M]` to hyper-latent z `[N, h / 4, w / 4, N]`: h_a of y."""
        return self._apply(self.h_a, y)

    def gaussian_parameters(self, hyper: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means of y, `[N, h, w, M]` each, from `hyper`, the output of `hyper_synthesis`."""
        scales, means = jnp.split(hyper, 2, axis=-1)
        return scales, means
