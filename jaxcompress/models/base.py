"""What all models share: their layout and output, and the stages a codec calls by name.

A model is a Flax module whose stages are methods: `model.apply(variables, x, method="analysis")` runs g_a alone.
Signals carry the names of the papers: x the picture, y its latent, z the hyper-latent, `_hat` for what the decoder
knows; g_a, g_s, h_a, h_s are the analysis and synthesis transforms and their hyper counterparts.

To try another transform, subclass a model and override the `make_` method that builds it:

    class MyCodec(MeanScaleHyperprior):
        @sees(3)                            # cells that an output depends on; without it, it runs on whole pictures
        def make_g_a(self):
            return MyTransform(self.m)      # [N, H, W, 3] -> [N, H / 16, W / 16, M]

To try another prior, override `make_prior`, see `jaxcompress.priors`.
"""

from collections.abc import Callable
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops
from jaxcompress.models.layout import Layout, sees


@flax.struct.dataclass
class Output:
    """What a model makes of a batch of pictures.

    Attributes:
        x_hat: reconstruction, `[N, H, W, 3]`, not clamped (except by `as_coded`).
        y_hat: quantized latent, `[N, H / 16, W / 16, M]`.
        likelihoods: probability of every quantized value, by latent ("y", "z"), shaped as the latent.
    """

    x_hat: jax.Array
    y_hat: jax.Array
    likelihoods: dict[str, jax.Array]


class CompressionModel(nn.Module):
    """Base of all models.

    Attributes:
        n: width of the transforms (CompressAI's N).
        m: channels of the latent y (CompressAI's M).
        training_quantizer: what stands in for rounding in training, see `ops.TRAINING_QUANTIZERS`.
        compute_dtype: float32, or bfloat16 for the transforms and the entropy-parameter networks; parameters, latents,
            likelihoods and pictures are float32 in either case. For training: a codec always computes in float32.
    """

    n: int
    m: int
    training_quantizer: Callable[..., jax.Array] = ops.add_uniform_noise
    compute_dtype: Any = jnp.float32

    @property
    def layout(self) -> Layout:
        """What the model is: latents, networks, settings."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is: layout")

    @property
    def stride(self) -> int:
        """What the sides of a picture must divide by."""
        return self.layout.stride

    @sees(0)
    def analysis(self, x: jax.Array, **settings: jax.Array) -> jax.Array:
        """Picture x, `[N, H, W, 3]` in [0, 1], to latent y, `[N, H / 16, W / 16, M]`: g_a.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return self._apply(self.g_a, x)

    @sees(0)
    def synthesis(self, y_hat: jax.Array, **settings: jax.Array) -> jax.Array:
        """Quantized latent `y_hat`, `[N, h, w, M]`, to the reconstruction `[N, 16 h, 16 w, 3]`, not clamped: g_s.

        `settings` are the model's knobs, see `Setting`, float32 `[N]` each; this model has none.
        """
        return self._apply(self.g_s, y_hat)

    def _apply(self, network: Callable, x: jax.Array, **options: Any) -> jax.Array:
        """What a network makes of `x`, computed in `compute_dtype`."""
        return network(x.astype(self.compute_dtype), **options).astype(jnp.float32)

    def aux_loss(self) -> jax.Array:
        """The loss of the factorized prior's quantiles, see `entropy.bottleneck_aux_loss`."""
        return self.entropy_bottleneck.aux_loss()

    def __call__(
        self, x: jax.Array, *, training: bool = False, as_coded: bool = False, **settings: jax.Array
    ) -> Output:
        """Codes a batch in theory: reconstruction and likelihoods, no bitstream.

        Args:
            x: pictures `[N, H, W, 3]` in [0, 1], sides a multiple of `stride`.
            training: perturb the latents (needs the rng "noise") instead of rounding them.
            as_coded: return exactly what the codec would decode, clamped to [0, 1]; with a raster prior the same but
                for the last bits, since the codec's sums run in another order.
            settings: the model's knobs, see `Setting`; float32 `[N]` each, by default those of the layout.

        Returns:
            See `Output`; likelihoods by latent.

        Raises:
            ValueError: `x` has another shape, or both modes were asked for.
        """
        self.check_call(x, training=training, as_coded=as_coded)
        layout = self.layout

        def quantized(latent: Any, values: jax.Array, known: Any) -> tuple[jax.Array, jax.Array]:
            if as_coded:
                return latent.prior.as_coded(self, values, known, **settings)
            return latent.prior.forward(self, values, known, training=training, **settings)

        y, known, likelihoods = self.analysis(x, **settings), None, {}
        if layout.side:
            z_hat, rated = quantized(layout.side, self.hyper_analysis(y, **settings), None)
            likelihoods[layout.side.name] = rated
            known = self.hyper_synthesis(z_hat, **settings)
        y_hat, likelihoods[layout.last.name] = quantized(layout.last, y, known)
        x_hat = self.synthesis(y_hat, **settings)
        return Output(jnp.clip(x_hat, 0, 1) if as_coded else x_hat, y_hat, likelihoods)

    def check_call(self, x: jax.Array | np.ndarray, *, training: bool, as_coded: bool) -> None:
        """Checks what the model is called with.

        Args:
            x: pictures `[N, H, W, 3]`.
            training: see `__call__` of the models.
            as_coded: see there.

        Raises:
            ValueError: modes that exclude each other, or a batch whose shape the strides would change.
        """
        if training and as_coded:
            raise ValueError("training=True perturbs the latents and as_coded=True rounds them; pass one of the two")
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise ValueError(f"x is {x.dtype}; expected floating-point pictures in [0, 1]: divide bytes by 255")
        if x.ndim != 4 or x.shape[-1] != 3 or not x.shape[1] or not x.shape[2]:
            raise ValueError(f"x has shape {x.shape}; expected pictures [N, H, W, 3]")
        if x.shape[1] % self.stride or x.shape[2] % self.stride:
            raise ValueError(
                f"x has shape {x.shape}; height and width must divide by {self.stride}: pad with jaxcompress.ops.pad, "
                f"or use Codec, which does"
            )
