"""Factorized prior: every latent channel has one learned density. Ballé et al. 2018, section 2."""

import jax

from jaxcompress.entropy import EntropyBottleneck
from jaxcompress.layers import Sequential
from jaxcompress.models import transforms
from jaxcompress.models.base import CompressionModel
from jaxcompress.models.layout import Latent, Layout, Network, reach_of, sees
from jaxcompress.priors import Factorized


class FactorizedPrior(CompressionModel):
    """bmshj2018-factorized; CompressAI `FactorizedPrior`."""

    @property
    def layout(self) -> Layout:
        """One latent."""
        return Layout(
            (Latent("y", 16, self.m, Factorized()),),
            (
                Network("g_a", "analysis", "x", "y", reach=reach_of(self, "setup", "make_g_a", "analysis")),
                Network("g_s", "synthesis", "y", "x", reach=reach_of(self, "setup", "make_g_s", "synthesis")),
            ),
        )

    @sees(2)
    def make_g_a(self) -> Sequential:
        """The analysis transform, `[N, H, W, 3]` to `[N, H / 16, W / 16, M]`."""
        return transforms.analysis(self.n, self.m)

    @sees(2)
    def make_g_s(self) -> Sequential:
        """The synthesis transform, `[N, h, w, M]` to `[N, 16 h, 16 w, 3]`."""
        return transforms.synthesis(self.n)

    @sees(0)
    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.entropy_bottleneck = EntropyBottleneck(self.m, training_quantizer=self.training_quantizer)


class FactorizedPriorReLU(FactorizedPrior):
    """bmshj2018-factorized-relu, with ReLU in place of GDN; CompressAI `FactorizedPriorReLU`."""

    @sees(2)
    def make_g_a(self) -> Sequential:
        """The analysis transform."""
        return transforms.analysis(self.n, self.m, activation=jax.nn.relu)

    @sees(2)
    def make_g_s(self) -> Sequential:
        """The synthesis transform."""
        return transforms.synthesis(self.n, activation=jax.nn.relu)
