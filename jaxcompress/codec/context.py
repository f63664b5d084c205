"""The autoregressive part of a model, handed to the coder's C++ kernel."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcompress import coder
from jaxcompress.integer import IntegerNetworks
from jaxcompress.layers import Conv, MaskedConv, Sequential, leaky_relu
from jaxcompress.layers.sequential import LEAKY_SLOPE
from jaxcompress.models import CompressionModel
from jaxcompress.models.layout import is_plain


def context_model(
    model: CompressionModel, params: Mapping[str, Any], scale_table: np.ndarray
) -> coder.ContextModel | None:
    """The kernel that computes what `model.position_parameters` does.

    Args:
        model: a model with a raster prior.
        params: its parameters.
        scale_table: float32 `[R]`, the scales of the tables.

    Returns:
        The kernel, or None for a model that is not a masked convolution followed by 1x1 layers with leaky ReLU between
        them: it has to be run as it is, position by position.
    """
    if not is_plain(model, "position_parameters"):
        return None
    bound: Any = model.bind({"params": params})
    context, network = bound.context_prediction, bound.entropy_parameters
    if type(context) is not MaskedConv or context.kind != "A" or type(network) is not Sequential:
        return None
    *pairs, last = (network.layers[i : i + 2] for i in range(0, len(network.layers), 2))
    if len(last) != 1 or not all(activation is leaky_relu for _, activation in pairs):
        return None
    if not all(_is_pointwise(layer) for layer in network.layers[::2]):
        return None
    layers = [params["entropy_parameters"][str(2 * i)] for i in range(len(pairs) + 1)]
    return coder.ContextModel(
        params["context_prediction"]["kernel"],
        params["context_prediction"]["bias"],
        [(layer["kernel"][0, 0], layer["bias"]) for layer in layers],
        scale_table,
        slope=LEAKY_SLOPE,
    )


def integer_context_model(networks: IntegerNetworks, *, isa: str | None = None) -> coder.IntegerContextModel:
    """The kernel of integer networks of an autoregressive model, `isa` as there."""
    first, *others = networks.context
    assert networks.latent_shifts is not None  # there is a context
    return coder.IntegerContextModel(
        first.kernel,
        networks.latent_shifts,
        [layer.shift.astype(np.uint8) for layer in networks.context[:-1]],
        [(layer.kernel[0, 0], layer.bias) for layer in others],
        networks.context[-1].shift,
        networks.thresholds,
        isa=isa,
    )


def _is_pointwise(make_layer: Any) -> bool:
    layer = make_layer()
    return type(layer) is Conv and (layer.kernel_size, layer.stride) == (1, 1)
