"""Reads the networks of the light codec, which codes y in phases at a rate, as real-valued chains."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcompress.integer.linear import LinearLayer, LinearNetworks, LinearSettings


def light_networks(model: Any, params: Mapping[str, Any]) -> LinearNetworks:
    """Reads h_s, the context and the gains of a model such as `models.Light`.

    Args:
        model: the bound module.
        params: its parameters.

    Raises:
        KeyError: parameters of other names.
    """
    (setting,) = model.layout.settings
    rates = np.array([setting.value(number) for number in range(setting.count)])
    passes = [_pass(params["context"], number) for number in range(model.layout.last.prior.count)]
    gain = _at_rates(params["gain"]["gain"], rates)
    unit = gain + np.asarray(params["gain"]["spread"], np.float64)
    h_s = _hyper_synthesis(params["h_s"], rates)
    settings = LinearSettings(np.exp(-unit), np.exp(unit), gain)
    return LinearNetworks(h_s, [], passes, model.layout.last.prior.passes, settings, log_scales=True)


def _hyper_synthesis(params: Mapping[str, Any], rates: np.ndarray) -> list[LinearLayer]:
    up = _layer(params["up"])
    of_rates = np.tile(_at_rates(params["rate"], rates), 4)  # [count, 4 width], as channels are before the shuffle
    return [
        _shuffled(_layer(params["in"])),
        _layer(params["conv_0"], activation="relu"),
        _shuffled(up._replace(bias=up.bias + of_rates)),
        _layer(params["conv_1"]),
    ]


def _pass(params: Mapping[str, Any], number: int) -> list[LinearLayer]:
    last = _layer(params[f"out_{number}"])
    channels = last.kernel.shape[-1] // 2
    last = _reordered(last, np.r_[channels : 2 * channels, :channels])  # scales before means
    if number == 0:  # sees no latents
        width = last.kernel.shape[2]
        return [LinearLayer(np.zeros((1, 1, channels, width)), np.zeros(width), activation="relu"), last]
    residual = _layer(params["conv"], activation="relu", skip=True)
    return [_layer(params[f"in_{number}"], activation="relu"), residual, last]


def _layer(params: Mapping[str, Any], **options: Any) -> LinearLayer:
    kernel, bias = (np.asarray(params[name], np.float64) for name in ("kernel", "bias"))
    return LinearLayer(kernel, bias, **options)


def _shuffled(layer: LinearLayer) -> LinearLayer:
    """A layer followed by `ops.depth_to_space` by 2 and ReLU, whose outputs are in the order of `pixel_shuffle`."""
    outputs = np.arange(layer.kernel.shape[-1]).reshape(4, -1).T.ravel()
    return _reordered(layer, outputs)._replace(factor=2, activation="relu")


def _reordered(layer: LinearLayer, outputs: np.ndarray) -> LinearLayer:
    return layer._replace(kernel=layer.kernel[..., outputs], bias=layer.bias[..., outputs])


def _at_rates(table: Any, rates: np.ndarray) -> np.ndarray:
    """`ops.interpolate_rows` in float64, `[count, C]`."""
    table = np.asarray(table, np.float64)
    lower = np.clip(np.floor(rates).astype(int), 0, len(table) - 2)
    fraction = (rates - lower)[:, None]
    return table[lower] * (1 - fraction) + table[lower + 1] * fraction
