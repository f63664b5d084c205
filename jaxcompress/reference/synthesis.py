"""g_s, from latents to a picture, in floating-point arithmetic.

A layer is a function of the parameters of g_s, the folder of its own, and the signal `[H, W, channels]`.
"""

from collections.abc import Callable, Mapping

import numpy as np

from jaxcompress.reference.convolution import convolve, convolve_transposed, shuffle

_Parameters = Mapping[str, np.ndarray]
_Layer = Callable[[_Parameters, str, np.ndarray], np.ndarray]

_PEDESTAL = 2.0**-36
_LEAST_BETA = 1e-6


def run_synthesis(name: str, parameters: _Parameters, y_hat: np.ndarray) -> np.ndarray:
    """The picture, float64 `[16 h, 16 w, 3]`, mostly in [0, 1].

    Args:
        name: of the architecture.
        parameters: arrays under `params/g_s/`.
        y_hat: `[h, w, M]`.
    """
    return _chain(parameters, "", y_hat.astype(np.float64), _SYNTHESIS[name])


def _chain(parameters: _Parameters, folder: str, x: np.ndarray, layers: tuple[_Layer, ...]) -> np.ndarray:
    """One layer after the other; they have numbers for names, and activations count."""
    for i, layer in enumerate(layers):
        x = layer(parameters, f"{folder}{i}/", x)
    return x


def _conv(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    return convolve(x, parameters[f"{folder}kernel"]) + parameters[f"{folder}bias"]


def _conv_transposed(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    return convolve_transposed(x, parameters[f"{folder}kernel"]) + parameters[f"{folder}bias"]


def _sub_pixel_conv(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    return shuffle(_conv(parameters, f"{folder}0/", x), 2)


def _inverse_gdn(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    """Each channel times the root of its beta and of the squares of all channels times gamma."""
    beta = np.maximum(parameters[f"{folder}beta"], np.sqrt(_LEAST_BETA + _PEDESTAL)) ** 2 - _PEDESTAL
    gamma = np.maximum(parameters[f"{folder}gamma"], np.sqrt(_PEDESTAL)) ** 2 - _PEDESTAL
    return x * np.sqrt(x**2 @ gamma + beta)


def _relu(_: _Parameters, __: str, x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _leaky_relu(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 0, x, 0.01 * x)


def _residual_block(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    h = _leaky_relu(_conv(parameters, f"{folder}conv1/", x))
    h = _leaky_relu(_conv(parameters, f"{folder}conv2/", h))
    return h + x


def _residual_block_upsample(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    h = _leaky_relu(_sub_pixel_conv(parameters, f"{folder}subpel_conv/", x))
    h = _inverse_gdn(parameters, f"{folder}igdn/", _conv(parameters, f"{folder}conv/", h))
    return h + _sub_pixel_conv(parameters, f"{folder}upsample/", x)


def _attention(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    a = _chain(parameters, f"{folder}conv_a/", x, (_residual_unit,) * 3)
    b = _chain(parameters, f"{folder}conv_b/", x, (*(_residual_unit,) * 3, _conv))
    return x + a / (1 + np.exp(-b))


def _residual_unit(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    return np.maximum(x + _chain(parameters, f"{folder}conv/", x, (_conv, _relu, _conv, _relu, _conv)), 0)


def _with_between(between: _Layer) -> tuple[_Layer, ...]:
    return (*(_conv_transposed, between) * 3, _conv_transposed)


_GOOGLE = _with_between(_inverse_gdn)
_BLOCKS = (_residual_block, _residual_block_upsample)
_SYNTHESIS: dict[str, tuple[_Layer, ...]] = {
    "bmshj2018-factorized": _GOOGLE,
    "bmshj2018-factorized-relu": _with_between(_relu),
    "bmshj2018-hyperprior": _GOOGLE,
    "mbt2018-mean": _GOOGLE,
    "mbt2018": _GOOGLE,
    "cheng2020-anchor": (*_BLOCKS * 3, _residual_block, _sub_pixel_conv),
    "cheng2020-attn": (_attention, *_BLOCKS * 2, _attention, *_BLOCKS, _residual_block, _sub_pixel_conv),
}
