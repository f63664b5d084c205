"""Joint autoregressive and hierarchical priors: each latent also sees those decoded before it."""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from jaxcompress import ops
from jaxcompress.layers import Conv, MaskedConv, Sequential, leaky_relu
from jaxcompress.models.base import Output
from jaxcompress.models.hyperprior import MeanScaleHyperprior


class JointAutoregressive(MeanScaleHyperprior):
    """mbt2018; Minnen et al. 2018; CompressAI `JointAutoregressiveHierarchicalPriors`."""

    is_autoregressive: ClassVar[bool] = True
    context_size: ClassVar[int] = 5
    """Side of the context window, in latents."""

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

    def setup(self):
        """Declares the parts."""
        super().setup()
        self.context_prediction = self.make_context_prediction()
        self.entropy_parameters = self.make_entropy_parameters()

    def __call__(self, x: jax.Array, *, training: bool = False, as_coded: bool = False) -> Output:
        """Codes a batch in theory: reconstruction and likelihoods, no bitstream.

        As in CompressAI, the context and the synthesis see y rounded (or perturbed) without its mean, while the
        likelihood is that of the value rounded around its mean. The codec rounds around the mean throughout, one
        position after the other; `as_coded` does the same, which takes as many steps as there are positions.

        Args:
            x: pictures `[N, H, W, 3]` in [0, 1], sides a multiple of 64.
            training: perturb the latents (needs the rng "noise") instead of rounding them.
            as_coded: return what the codec would decode, clamped to [0, 1]: the same but for the last bits, since the
                codec's sums run in another order.

        Returns:
            See `Output`; likelihoods "y" and "z".

        Raises:
            ValueError: `x` has another shape, or both modes were asked for.
        """
        self.check_call(x, training=training, as_coded=as_coded)
        y = self.analysis(x)
        z_hat, z_likelihood = self.entropy_bottleneck(self.hyper_analysis(y), training=training)
        hyper = self.hyper_synthesis(z_hat)
        if as_coded:
            y_hat, scales, means = self._quantize_in_raster_order(y, hyper)
            _, y_likelihood = self.gaussian_conditional(y, scales, means)
            x_hat = jnp.clip(self.synthesis(y_hat), 0, 1)
        else:
            y_hat = self.training_quantizer(y, key=self.make_rng("noise")) if training else ops.quantize(y)
            context = self._apply(self.context_prediction, y_hat)
            parameters = self._apply(self.entropy_parameters, jnp.concatenate([hyper, context], -1))
            scales, means = jnp.split(parameters, 2, axis=-1)
            _, y_likelihood = self.gaussian_conditional(y, scales, means, training=training)
            x_hat = self.synthesis(y_hat)
        return Output(x_hat, y_hat, {"y": y_likelihood, "z": z_likelihood})

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

    def _quantize_in_raster_order(self, y, hyper):
        """The codec's loop over positions, as one scan: y_hat, scales and means, `[N, h, w, M]` each."""
        module, variables = self.unbind()
        height, width = y.shape[1:3]
        margin = self.context_size // 2

        def quantize(y, hyper):
            def step(padded, position):
                row, column = position // width, position % width
                window = lax.dynamic_slice(
                    padded, (row, column, 0), (self.context_size, self.context_size, y.shape[-1])
                )
                parameters: Any = module.apply(variables, window, hyper[row, column], method="position_parameters")
                scales, means = parameters
                y_hat = ops.quantize(y[row, column], means)
                return padded.at[row + margin, column + margin].set(y_hat), (y_hat, scales, means)

            padded = jnp.pad(y * 0, ((margin, margin), (margin, margin), (0, 0)))
            _, found = lax.scan(step, padded, jnp.arange(height * width))
            return jax.tree.map(lambda values: values.reshape(y.shape), found)

        return jax.vmap(quantize)(y, hyper)
