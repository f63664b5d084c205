"""Reads the networks that choose tables and means out of a model, as real-valued chains."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxcompress.integer.layer import LARGEST_SIZE
from jaxcompress.integer.linear import LinearLayer, LinearNetworks, UnsupportedNetworkError
from jaxcompress.integer.read_light import light_networks
from jaxcompress.layers import CheckerboardConv, Conv, ConvTranspose, MaskedConv, Sequential, SubPixelConv, leaky_relu
from jaxcompress.models import CompressionModel
from jaxcompress.ops import checkerboard_mask
from jaxcompress.priors import Checkerboard, Phases, Prior, Raster


def linear_networks(model: CompressionModel, params: Mapping[str, Any]) -> LinearNetworks:
    """Reads the entropy-parameter networks of a model.

    Where nothing but sums lies between two convolutions they become one: the last of h_s, and the context, go into the
    first 1x1 layer of a model that has a context. A model whose networks are put together in another way has a method
    `linear_networks(params)` that returns its own.

    Args:
        model: the module.
        params: its parameters.

    Raises:
        UnsupportedNetworkError: the networks are not chains of convolutions with ReLU or leaky ReLU between them.
    """
    name, layout = type(model).__name__, model.layout
    if not layout.decides_by_networks:
        raise UnsupportedNetworkError(f"{name} has no hyperprior, so no networks that choose tables")
    if len(layout.settings) > 1:
        raise UnsupportedNetworkError(f"{name} has {len(layout.settings)} settings; expected at most one")
    if hasattr(model, "linear_networks"):
        return model.linear_networks(params)
    prior = layout.last.prior
    reader = _one_pass if prior.in_one_pass else _READERS.get(type(prior))
    if reader is None:
        known = ", ".join(kind.__name__ for kind in _READERS)
        raise UnsupportedNetworkError(
            f"{name} codes y by {type(prior).__name__}; expected one of {known}, or a method linear_networks"
        )
    try:
        return reader(model.bind({"params": params}), params)
    except (AttributeError, KeyError) as error:
        raise UnsupportedNetworkError(f"{name} lacks a network of the usual name: {error}") from error


def _one_pass(model: Any, params: Mapping[str, Any]) -> LinearNetworks:
    layers = _chain(model.h_s, params["h_s"])
    outputs = layers[-1].kernel.shape[-1] // layers[-1].factor ** 2
    if layers[-1].activation != "none" and outputs != model.layout.last.channels:
        raise UnsupportedNetworkError("h_s ends in an activation, which means would have to go through")
    # Thresholds are positive, so a ReLU at the end changes no index.
    return LinearNetworks([*layers[:-1], layers[-1]._replace(activation="none")], [])


def _raster(model: Any, params: Mapping[str, Any]) -> LinearNetworks:
    context = getattr(model, "context_prediction", None)
    if type(context) is not MaskedConv or context.kind != "A":
        raise UnsupportedNetworkError(f"the context model is a {type(context).__name__}; expected a MaskedConv")
    hidden, side, first, bias, others = _with_context(model, params, context.mask)
    return LinearNetworks([*hidden, side._replace(bias=side.bias + bias)], [first, *others])


def _checkerboard(model: Any, params: Mapping[str, Any]) -> LinearNetworks:
    context = getattr(model, "context_prediction", None)
    if type(context) is not CheckerboardConv:
        raise UnsupportedNetworkError(f"the context model is a {type(context).__name__}; expected a CheckerboardConv")
    hidden, side, first, bias, others = _with_context(model, params, checkerboard_mask(context.kernel_size))
    # Anchors see nothing, not even the bias of the context.
    anchors = first._replace(kernel=np.zeros_like(first.kernel[:1, :1]))
    passes = [[anchors, *others], [first._replace(bias=bias), *others]]
    return LinearNetworks([*hidden, side], [], passes, model.layout.last.prior.passes)


def _with_context(
    model: Any, params: Mapping[str, Any], mask: np.ndarray
) -> tuple[list[LinearLayer], LinearLayer, LinearLayer, np.ndarray, list[LinearLayer]]:
    """Reads h_s, a masked convolution `context_prediction`, and 1x1 layers `entropy_parameters` that see both.

    Returns:
        The hidden layers of h_s; its last and the first 1x1 layer in one; the context and the first 1x1 layer in one,
        without its bias; that bias; the other 1x1 layers.
    """
    *hidden, last = _chain(model.h_s, params["h_s"])
    first, *others = chain = _chain(model.entropy_parameters, params["entropy_parameters"])
    if any(layer.kernel.shape[:2] != (1, 1) for layer in chain) or not others:
        raise UnsupportedNetworkError("entropy_parameters is no chain of two or more 1x1 layers")
    if [layer.activation for layer in chain] != ["leaky"] * len(others) + ["none"]:
        raise UnsupportedNetworkError("entropy_parameters has other activations than leaky ReLU between its layers")
    if last.factor != 1 or last.activation != "none":
        raise UnsupportedNetworkError("the last layer of h_s is no plain convolution, which could join the next layer")
    of_side, of_context = np.split(first.kernel[0, 0], [last.kernel.shape[-1]])
    context = conv_layer(params["context_prediction"])
    side = LinearLayer(last.kernel @ of_side, first.bias + last.bias @ of_side)
    kernel = (context.kernel * np.asarray(mask)[:, :, None, None]) @ of_context
    joined = LinearLayer(kernel, np.zeros_like(first.bias), activation=first.activation)
    return hidden, side, joined, context.bias @ of_context, others


_READERS: dict[type[Prior], Callable[[Any, Mapping[str, Any]], LinearNetworks]] = {
    Raster: _raster,
    Checkerboard: _checkerboard,
    Phases: light_networks,
}


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
        return conv_layer(params)
    if type(layer) is SubPixelConv:
        return conv_layer(params["0"])._replace(factor=layer.factor)
    if type(layer) is ConvTranspose and layer.stride == 2:
        return _phases(conv_layer(params))
    raise UnsupportedNetworkError(f"a network has a layer {layer}; expected convolutions that keep or double the sides")


def conv_layer(params: Mapping[str, Any]) -> LinearLayer:
    """A convolution of stride 1 from its parameters `kernel` and `bias`.

    Raises:
        UnsupportedNetworkError: the kernel is too large.
    """
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
