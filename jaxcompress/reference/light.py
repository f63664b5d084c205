"""The synthesis of the light model, from latents to a picture at a rate: `docs/weights-format.md`."""

from collections.abc import Mapping

import numpy as np

from jaxcompress.reference.convolution import convolve

_Parameters = Mapping[str, np.ndarray]


def run_light_synthesis(parameters: _Parameters, y_hat: np.ndarray, rate: float) -> np.ndarray:
    """The picture, float64 `[16 h, 16 w, 3]`, mostly in [0, 1].

    Args:
        parameters: arrays under `params/`.
        y_hat: `[h, w, M]`, in quantization steps.
        rate: value of the setting, not its number.
    """
    y = y_hat * np.exp(_at_rate(parameters["gain/inverse"], rate))
    h = _conv(parameters, "g_s/in", _bottleneck(parameters, "g_s/first", y))
    h = _to_space(h, 2) * np.exp(_at_rate(parameters["g_s/scale"], rate))
    for i in range(3):
        h = _bottleneck(parameters, f"g_s/blocks_{i}", h)
    return _to_space(_conv(parameters, "g_s/linear", y), 16) + _to_space(_conv(parameters, "g_s/out", h), 8)


def _at_rate(table: np.ndarray, rate: float) -> np.ndarray:
    """The row of a table at a rate: between two rows, or on the line through the nearest two, in a straight line."""
    row = min(max(int(np.floor(rate)), 0), len(table) - 2)
    return table[row] + (rate - row) * (table[row + 1].astype(np.float64) - table[row])


def _conv(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    """Convolution of stride 1 that keeps the size; a kernel of 2 x 2 looks at the row above and the column before."""
    return convolve(x, parameters[f"{folder}/kernel"]) + parameters[f"{folder}/bias"]


def _bottleneck(parameters: _Parameters, folder: str, x: np.ndarray) -> np.ndarray:
    h = np.maximum(_conv(parameters, f"{folder}/reduce", x), 0)
    h = np.maximum(_conv(parameters, f"{folder}/conv", h), 0)
    return x + _conv(parameters, f"{folder}/expand", h)


def _to_space(x: np.ndarray, factor: int) -> np.ndarray:
    """Channel `C (factor p + q) + c` of `factor^2 C` becomes channel c at row `factor y + p`, column `factor x + q`."""
    height, width = x.shape[:2]
    x = x.reshape(height, width, factor, factor, -1).transpose(0, 2, 1, 3, 4)
    return x.reshape(factor * height, factor * width, -1)
