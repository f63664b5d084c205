"""Joint autoregressive and hierarchical priors: each latent also sees those decoded before it."""

import functools
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxcompress.layers import Conv, MaskedConv, Sequential, leaky_relu
from jaxcompress.models.hyperprior import MeanScaleHyperprior
from jaxcompress.models.layout import runs, sees
from jaxcompress.priors import Prior, Raster


class JointAutoregressive(MeanScaleHyperprior):
    """mbt2018; Minnen et al. 2018; CompressAI `JointAutoregressiveHierarchicalPriors`."""

    context_size: ClassVar[int] = 5
    """Side of the context window, in latents."""

    def make_prior(self) -> Prior:
        """How y is coded: position by position."""
        return Raster(context_size=self.context_size)

    def make_context_prediction(self) -> MaskedConv:
        """The context model, `[N, h, w, M]` to `[N, h, w, 2 M]`, causal in raster order."""
        return MaskedConv(2 * self.m, self.context_size)

    def make_entropy_parameters(self) -> Sequential:
        """1x1 layers from side information and context, `[N, h, w, 4 M]`, to scales and means, `[N, h, w, 2 M]`."""
        layer = functools.partial(Conv, kernel_size=1, stride=1)
        return Sequential(
            (
                functools.partial(layer, self.m * 10 // 3),
                leaky_relu,
                functools.partial(layer, self.m * 8 // 3),
                leaky_relu,
                functools.partial(layer, self.m * 2),
            )
        )

    @sees(0)
    def setup(self):
        """Declares the parts."""
        super().setup()
        self.context_prediction = self.make_context_prediction()
        self.entropy_parameters = self.make_entropy_parameters()

    def parallel_parameters(self, y_hat: jax.Array, hyper: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scales and means of all positions, `[N, h, w, M]` each, where y_hat is known: by the masked convolution.

        Args:
            y_hat: `[N, h, w, M]`.
            hyper: `[N, h, w, 2 M]`, the output of `hyper_synthesis`.
        """
        context = self._apply(self.context_prediction, y_hat)
        parameters = self._apply(self.entropy_parameters, jnp.concatenate([hyper, context], -1))
        scales, means = jnp.split(parameters, 2, axis=-1)
        return scales, means

    @runs("context_prediction", "entropy_parameters")
    def position_parameters(self, window: jax.Array, hyper: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Scales and means of one position, from its decoded neighbours and its side information.

        Args:
            window: `[5, 5, M]` of y_hat around the position, zeros outside the latent; what is not decoded yet is
                not read.
            hyper: `[2 M]`, the output of `hyper_synthesis` at the position.

        Returns:
            Scales and means, `[M]` each.
        """
        context = self._apply(self.context_prediction, window, at_center=True)
        parameters = self._apply(self.entropy_parameters, jnp.concatenate([hyper, context])[None, None, None])
        scales, means = jnp.split(parameters[0, 0, 0], 2)
        return scales, means
