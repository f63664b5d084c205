"""What all models share: their output, their sizes, and the stages a codec calls by name.

A model is a Flax module whose stages are methods: `model.apply(variables, x, method="analysis")` runs g_a alone.
Signals carry the names of the papers: x the picture, y its latent, z the hyper-latent, `_hat` for what the decoder
knows; g_a, g_s, h_a, h_s are the analysis and synthesis transforms and their hyper counterparts.

To try another transform, subclass a model and override the `make_` method that builds it:

    class MyCodec(MeanScaleHyperprior):
        def make_g_a(self):
            return MyTransform(self.m)      # [N, H, W, 3] -> [N, H / 16, W / 16, M]
"""

from collections.abc import Callable
from typing import Any, ClassVar

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcompress import ops


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

    stride: ClassVar[int] = 16
    """What the sides of a picture must divide by."""

    has_hyperprior: ClassVar[bool] = False
    """Whether there is a z."""

    is_autoregressive: ClassVar[bool] = False
    """Whether the parameters of a latent depend on latents decoded before it."""

    def analysis(self, x: jax.Array) -> jax.Array:
        """Picture x, `[N, H, W, 3]` in [0, 1], to latent y, `[N, H / 16, W / 16, M]`: g_a."""
        return self._apply(self.g_a, x)

    def synthesis(self, y_hat: jax.Array) -> jax.Array:
        """Quantized latent `y_hat`, `[N, h, w, M]`, to the reconstruction `[N, 16 h, 16 w, 3]`, not clamped: g_s."""
        return self._apply(self.g_s, y_hat)

    def _apply(self, network: Callable, x: jax.Array, **options: Any) -> jax.Array:
        """What a network makes of `x`, computed in `compute_dtype`."""
        return network(x.astype(self.compute_dtype), **options).astype(jnp.float32)

    def aux_loss(self) -> jax.Array:
        """The loss of the factorized prior's quantiles, see `entropy.bottleneck_aux_loss`."""
        return self.entropy_bottleneck.aux_loss()

    def check_call(self, x: jax.Array | np.ndarray, *, training: bool, as_coded: bool) -> None:
        """Checks what the model is called with.

        Args:
            x: pictures `[N, H, W, 3]`.
            training: see `__call__` of the models.
            as_coded: likewise.

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
