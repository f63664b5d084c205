"""Entropy-parameter networks as chains of real-valued convolutions of stride 1: what `quantize_entropy` starts from."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.layers import leaky_relu
from jaxcompress.ops import pixel_shuffle

NOT_FINITE = "the networks' signals are not finite: sums overflow while pictures are coded"
"""Message of the error that overflowing float networks raise."""


class UnsupportedNetworkError(ValueError):
    """A model's networks are of a kind that has no integer twin."""


class LinearLayer(NamedTuple):
    """A convolution of stride 1, a shuffle of channels into space, and an activation.

    Attributes:
        kernel: float64 `[k, k, in, out]`.
        bias: float64 `[out]`, or `[count, out]` with a row for each value of a setting.
        factor: sides grow by it, while channels become `out / factor ** 2`.
        activation: "relu", "leaky", or "none".
        skip: whether the layer adds its own input to what the activation gives.
    """

    kernel: np.ndarray
    bias: np.ndarray
    factor: int = 1
    activation: str = "none"
    skip: bool = False

    def __call__(self, x: jax.Array, number: int | None = None, added: jax.Array | float = 0) -> jax.Array:
        """The layer of `[N, h, w, in]`, at a number of the setting, with something `added` to its sums."""
        outputs = self.finish(self.sums(x, number) + added)
        return outputs + x if self.skip else outputs

    def sums(self, x: jax.Array, number: int | None = None) -> jax.Array:
        """The convolution alone, of `[N, h, w, in]`."""
        margin = self.kernel.shape[0] // 2
        kernel = jnp.asarray(self.kernel, jnp.float32)
        padding = ((margin, margin), (margin, margin))
        y = lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        bias = self.bias if self.bias.ndim == 1 else self.bias[number]
        return y + jnp.asarray(bias, jnp.float32)

    def finish(self, sums: jax.Array) -> jax.Array:
        """What becomes of the sums."""
        x = pixel_shuffle(sums, self.factor) if self.factor > 1 else sums
        activations: dict[str, Callable] = {"relu": jax.nn.relu, "leaky": leaky_relu, "none": lambda x: x}
        return activations[self.activation](x)


class LinearSettings(NamedTuple):
    """What depends on a setting besides biases: float64 `[count, M]` each, a row for each of its values.

    Attributes:
        latent_gains: factors of the latents that a pass sees; None for a prior in one pass.
        mean_gains: factors of the outputs for means.
        scale_offsets: added to the outputs for scales.
    """

    latent_gains: np.ndarray | None
    mean_gains: np.ndarray
    scale_offsets: np.ndarray


class LinearNetworks(NamedTuple):
    """The networks of a model.

    Attributes:
        hyper_synthesis: from z_hat to outputs, or to the sums that the context or the passes add to.
        context: of an autoregressive model: the context and the first 1x1 layer in one, whose bias the last of h_s has;
            then the other 1x1 layers.
        passes: of a prior in several passes: for each the layer that sees latents, then others.
        selections: of such a prior: from a shape `(h, w, M)` to what each pass codes, masks of that shape.
        settings: what depends on a setting, or None.
        log_scales: whether the outputs for scales are their natural logarithms.
    """

    hyper_synthesis: list[LinearLayer]
    context: list[LinearLayer]
    passes: Sequence[list[LinearLayer]] = ()
    selections: Callable[[tuple[int, int, int]], Iterable[Any]] = lambda shape: ()
    settings: LinearSettings | None = None
    log_scales: bool = False

    def seen(self, y_hat: jax.Array, number: int | None) -> jax.Array:
        """Latents as the first layer of a pass sees them."""
        if self.settings is None or self.settings.latent_gains is None:
            return y_hat
        return y_hat * jnp.asarray(self.settings.latent_gains[number], jnp.float32)

    def end(self, outputs: jax.Array, channels: int, number: int | None = None) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means (None: zero), `[N, h, w, M]` each, from the outputs of a last layer.

        Args:
            outputs: `[N, h, w, M]` or `[N, h, w, 2 M]`.
            channels: M.
            number: of the setting.
        """
        scales, means = outputs[..., :channels], outputs[..., channels:]
        if self.settings is not None:
            scales += jnp.asarray(self.settings.scale_offsets[number], jnp.float32)
            means *= jnp.asarray(self.settings.mean_gains[number], jnp.float32)
        return jnp.exp(scales) if self.log_scales else scales, means if means.shape[-1] else None


def run_chain(
    layers: Sequence[LinearLayer], x: jax.Array, number: int | None = None, added: jax.Array | float = 0
) -> list[jax.Array]:
    """What each layer makes of the one before.

    Args:
        layers: one after the other.
        x: `[N, h, w, in]`.
        number: of the setting.
        added: to the sums of the first layer.

    Returns:
        The outputs of each layer.
    """
    outputs = []
    for layer in layers:
        x = layer(x, number, added)
        outputs.append(x)
        added = 0
    return outputs
