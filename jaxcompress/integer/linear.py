"""Entropy-parameter networks as chains of real-valued convolutions of stride 1: what `quantize_entropy` starts from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.integer.layer import LARGEST_SIZE
from jaxcompress.layers import Conv, ConvTranspose, MaskedConv, Sequential, SubPixelConv, leaky_relu
from jaxcompress.models import CompressionModel
from jaxcompress.models.layout import is_plain
from jaxcompress.ops import pixel_shuffle

# What a model computes besides its networks.
_METHODS = ("hyper_synthesis", "gaussian_parameters", "position_parameters")


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
    selections: Callable[[tuple[int, int, int]], Sequence[np.ndarray]] = lambda shape: ()
    settings: LinearSettings | None = None
    log_scales: bool = False

    def seen(self, y_hat: jax.Array, number: int | None) -> jax.Array:
        """Latents as the first layer of a pass sees them."""
        if self.settings is None or self.settings.latent_gains is None:
            return y_hat
        return y_hat * jnp.asarray(self.settings.latent_gains[number], jnp.float32)

    def end(self, outputs: jax.Array, number: int | None) -> tuple[jax.Array, jax.Array]:
        """Outputs for scales, offset, and means, `[N, h, w, M]` each; of networks that have means."""
        scales, means = jnp.split(outputs, 2, -1)
        if self.settings is None:
            return scales, means
        offsets, gains = self.settings.scale_offsets[number], self.settings.mean_gains[number]
        return scales + jnp.asarray(offsets, jnp.float32), means * jnp.asarray(gains, jnp.float32)


def linear_networks(model: CompressionModel, params: Mapping[str, Any]) -> LinearNetworks:
    """Reads the entropy-parameter networks of a model.

    Where nothing but sums lies between two convolutions they become one: the last of h_s, and the context, go into the
    first 1x1 layer of an autoregressive model.

    Raises:
        UnsupportedNetworkError: the networks are not chains of convolutions with ReLU or leaky ReLU between them.
    """
    if not model.layout.decides_by_networks:
        raise UnsupportedNetworkError(f"{type(model).__name__} has no hyperprior, so no networks that choose tables")
    if changed := [name for name in _METHODS if hasattr(model, name) and not is_plain(model, name)]:
        raise UnsupportedNetworkError(f"{type(model).__name__} has its own {', '.join(changed)}")
    bound: Any = model.bind({"params": params})
    layers = _chain(bound.h_s, params["h_s"])
    if model.layout.last.prior.in_one_pass:
        outputs = layers[-1].kernel.shape[-1] // layers[-1].factor ** 2
        if layers[-1].activation != "none" and outputs != model.layout.last.channels:
            raise UnsupportedNetworkError("h_s ends in an activation, which means would have to go through")
        # Thresholds are positive, so a ReLU at the end changes no index.
        return LinearNetworks([*layers[:-1], layers[-1]._replace(activation="none")], [])
    if type(bound.context_prediction) is not MaskedConv or bound.context_prediction.kind != "A":
        kind = type(bound.context_prediction).__name__
        raise UnsupportedNetworkError(f"the context model is a {kind}; expected a MaskedConv")
    first, *others = chain = _chain(bound.entropy_parameters, params["entropy_parameters"])
    if any(layer.kernel.shape[:2] != (1, 1) for layer in chain) or not others:
        raise UnsupportedNetworkError("entropy_parameters is no chain of two or more 1x1 layers")
    if [layer.activation for layer in chain] != ["leaky"] * len(others) + ["none"]:
        raise UnsupportedNetworkError("entropy_parameters has other activations than leaky ReLU between its layers")
    *hidden, last = layers
    if last.factor != 1 or last.activation != "none":
        raise UnsupportedNetworkError("the last layer of h_s is no plain convolution, which could join the next layer")
    of_side, of_context = np.split(first.kernel[0, 0], [last.kernel.shape[-1]])
    mask = bound.context_prediction.mask[:, :, None, None]
    context = _conv(params["context_prediction"])
    bias = first.bias + last.bias @ of_side + context.bias @ of_context
    side = LinearLayer(last.kernel @ of_side, bias)
    joined = LinearLayer((context.kernel * mask) @ of_context, np.zeros_like(bias), activation=first.activation)
    return LinearNetworks([*hidden, side], [joined, *others])


def _chain(network: Callable, params: Mapping[str, Any]) -> list[LinearLayer]:
    if type(network) is not Sequential:
        raise UnsupportedNetworkError(f"a network is a {type(network).__name__}; expected a Sequential of convolutions")
    found: list[LinearLayer] = []
    for i, layer in enumerate(network.layers):
        if str(i) in params:
            if found and found[-1].activation == "none":
                raise UnsupportedNetworkError(f"layer {i} is {layer}; expected ReLU or leaky ReLU between convolutions")
            found.append(_convolution(layer(), params[str(i)]))
        elif found and found[-1].activation == "none" and layer in (jax.nn.relu, leaky_relu):
            found[-1] = found[-1]._replace(activation="relu" if layer is jax.nn.relu else "leaky")
        else:
            raise UnsupportedNetworkError(f"layer {i} is {layer}; expected ReLU or leaky ReLU after a convolution")
    return found


def _convolution(layer: Any, params: Mapping[str, Any]) -> LinearLayer:
    if type(layer) is Conv and layer.stride == 1:
        return _conv(params)
    if type(layer) is SubPixelConv:
        return _conv(params["0"])._replace(factor=layer.factor)
    if type(layer) is ConvTranspose and layer.stride == 2:
        return _phases(_conv(params))
    raise UnsupportedNetworkError(f"a network has a layer {layer}; expected convolutions that keep or double the sides")


def _conv(params: Mapping[str, Any]) -> LinearLayer:
    kernel = np.asarray(params["kernel"], np.float64)
    if len(kernel) > LARGEST_SIZE:
        raise UnsupportedNetworkError(f"a kernel has shape {kernel.shape}; expected sides of at most {LARGEST_SIZE}")
    return LinearLayer(kernel, np.asarray(params["bias"], np.float64))


def _phases(transposed: LinearLayer) -> LinearLayer:
    """A transposed convolution of stride 2, kernel `[k, k, out, in]`, as a convolution to four phases and a shuffle.

    Output 2 a + p receives tap t of input a + d where t = p + k // 2 - 2 d.
    """
    size, _, outputs, inputs = transposed.kernel.shape
    reach = (size // 2 + 1) // 2
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1, inputs, outputs, 2, 2))
    taps = [
        (d + reach, p, p + size // 2 - 2 * d)
        for d in range(-reach, reach + 1)
        for p in range(2)
        if 0 <= p + size // 2 - 2 * d < size
    ]
    for row, p, from_row in taps:
        for column, q, from_column in taps:
            kernel[row, column, :, :, p, q] = transposed.kernel[from_row, from_column].T
    kernel = kernel.reshape(*kernel.shape[:3], -1)
    return LinearLayer(kernel, np.repeat(transposed.bias, 4), factor=2)
