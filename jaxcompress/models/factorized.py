"""Factorized prior: every latent channel has one learned density. Ballé et al. 2018, section 2."""

import jax
import jax.numpy as jnp

from jaxcompress.entropy import EntropyBottleneck
from jaxcompress.layers import Sequential
from jaxcompress.models import transforms
from jaxcompress.models.base import CompressionModel, Output


class FactorizedPrior(CompressionModel):
    """bmshj2018-factorized; CompressAI `FactorizedPrior`."""

    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        return transforms.analysis(self.n, self.m)

    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        return transforms.synthesis(self.n)

    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.entropy_bottleneck = EntropyBottleneck(self.m, training_quantizer=self.training_quantizer)

    def __call__(self, x: jax.Array, *, training: bool = False, as_coded: bool = False) -> Output:
        """Codes a batch in theory: reconstruction and likelihoods, no bitstream.

        Args:
            x: pictures `[N, H, W, 3]` in [0, 1], sides a multiple of 16.
            training: perturb the latents (needs the rng "noise") instead of rounding them.
            as_coded: return exactly what the codec would decode, clamped to [0, 1].

        Returns:
            See `Output`; likelihoods "y".

        Raises:
            ValueError: `x` has another shape, or both modes were asked for.
        """
        self.check_call(x, training=training, as_coded=as_coded)
        y_hat, likelihood = self.entropy_bottleneck(self.analysis(x), training=training)
        x_hat = self.synthesis(y_hat)
        return Output(jnp.clip(x_hat, 0, 1) if as_coded else x_hat, y_hat, {"y": likelihood})


class FactorizedPriorReLU(FactorizedPrior):
    """bmshj2018-factorized-relu, with ReLU in place of GDN; CompressAI `FactorizedPriorReLU`."""

    def make_g_a(self) -> Sequential:
        """The analysis transform."""
        return transforms.analysis(self.n, self.m, activation=jax.nn.relu)

    def make_g_s(self) -> Sequential:
        """The synthesis transform."""
        return transforms.synthesis(self.n, activation=jax.nn.relu)
