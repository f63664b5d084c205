"""How CompressAI's state_dict keys, of every generation, map to ours. No PyTorch here: arrays are NumPy.

The paths agree by construction (`g_a/0/kernel` is `g_a.0.weight`), so what is left is a table:

| CompressAI | here |
|---|---|
| `weight [out, in, k, k]` (convolution) | `kernel [k, k, in, out]` |
| `weight [in, out, k, k]` (transposed convolution) | `kernel [k, k, out, in]` |
| `gamma [out, in]` | `gamma [in, out]` |
| `matrices.0`, `biases.0`, `factors.0` | `matrices_0`, `biases_0`, `factors_0` |
| everything else | the same |

Buffers that follow from the architecture (bounds, pedestals, masks) are compared with what they have to be, dropped,
and made again on the way back.
"""

import re
from collections.abc import Mapping

import numpy as np

from jaxcompress.entropy import SCALE_BOUND
from jaxcompress.ops import causal_mask

# Wrappers and older names, rewritten in this order. The last line joins two generations of bottleneck keys:
# `_matrices.0` (1.0), `_matrix0` (1.1 to 1.2.4).
_RENAMES = (
    (re.compile(r"^module\."), ""),
    (re.compile(r"\.downsample\."), ".skip."),
    (re.compile(r"^(entropy_bottleneck\.)_matri(?:ces\.|x)(\d)$"), r"\1matrices.\2"),
    (re.compile(r"^(entropy_bottleneck\.)_biases\.(\d)$"), r"\1biases.\2"),
    (re.compile(r"^(entropy_bottleneck\.)_bias(\d)$"), r"\1biases.\2"),
    (re.compile(r"^(entropy_bottleneck\.)_factors?\.?(\d)$"), r"\1factors.\2"),
)
_TABLE = re.compile(
    r"^(entropy_bottleneck|gaussian_conditional)\.(_offset|_quantized_cdf|_cdf_length|(?<=gaussian_conditional\.)scale_table)$"
)
TABLE_NAMES = {
    "_offset": "offset",
    "_quantized_cdf": "cdf",
    "_cdf_length": "cdf_length",
    "scale_table": "scale_table",
}
"""Fields of `CodingTables` by CompressAI's buffer name."""

_PEDESTAL = np.float32(2.0**-36)
_LIKELIHOOD_BOUND = np.float32(1e-9)
_BETA_BOUND = np.float32((1e-6 + 2.0**-36) ** 0.5)
_GAMMA_BOUND = np.float32(2.0**-18)
_QUANTILE_TARGET = np.float32(np.log(2 / 1e-9 - 1))


def current_key(key: str) -> str:
    """The present name of a key of any generation."""
    for pattern, replacement in _RENAMES:
        key = pattern.sub(replacement, key)
    return key


def table_key(key: str) -> tuple[str, str] | None:
    """Entropy model and field of `CodingTables` that a buffer holds, or None if it is no table."""
    found = _TABLE.match(key)
    return (found[1], TABLE_NAMES[found[2]]) if found else None


def param_path(key: str) -> str:
    """Our path of a parameter, such as "g_a/0/kernel" of "g_a.0.weight"."""
    key = re.sub(r"\.(matrices|biases|factors)\.(\d)$", r".\1_\2", key)
    return re.sub(r"\.weight$", ".kernel", key).replace(".", "/")


def param_key(path: str) -> str:
    """CompressAI's key of a parameter: the inverse of `param_path`."""
    key = re.sub(r"/kernel$", "/weight", path).replace("/", ".")
    return re.sub(r"\.(matrices|biases|factors)_(\d)$", r".\1.\2", key)


def to_ours(path: str, value: np.ndarray) -> np.ndarray:
    """A parameter's array in our layout."""
    return _transpose(path, value, (2, 3, 1, 0))


def to_theirs(path: str, value: np.ndarray) -> np.ndarray:
    """A parameter's array in CompressAI's layout."""
    return _transpose(path, value, (3, 2, 0, 1))


def _transpose(path: str, value: np.ndarray, kernel_axes: tuple[int, ...]) -> np.ndarray:
    if path.endswith("/kernel") and value.ndim == 4:
        value = value.transpose(kernel_axes)
    elif path.endswith("/gamma") and value.ndim == 2:
        value = value.T
    return np.array(value, order="C")  # a copy: the checkpoint may be changed later, by its owner


def derived_buffers(keys: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The buffers that CompressAI keeps beside the given parameters and tables.

    Args:
        keys: state_dict entries made so far, arrays by key.

    Returns:
        The buffers to add, arrays by key.
    """
    buffers = {}
    for key, value in keys.items():
        parent = key.rpartition(".")[0]
        if key.endswith((".beta", ".gamma")):
            bound = _BETA_BOUND if key.endswith(".beta") else _GAMMA_BOUND
            buffers[f"{key}_reparam.pedestal"] = np.array([_PEDESTAL])
            buffers[f"{key}_reparam.lower_bound.bound"] = np.array([bound])
        elif key == "context_prediction.weight":
            buffers[f"{parent}.mask"] = np.broadcast_to(causal_mask(value.shape[-1]), value.shape).copy()
        elif key == "entropy_bottleneck.quantiles":
            buffers[f"{parent}.target"] = np.array([-_QUANTILE_TARGET, 0, _QUANTILE_TARGET], np.float32)
            buffers[f"{parent}.likelihood_lower_bound.bound"] = np.array([_LIKELIHOOD_BOUND])
        elif key == "gaussian_conditional.scale_table":
            buffers[f"{parent}.scale_bound"] = np.array([SCALE_BOUND], np.float32)
            buffers[f"{parent}.likelihood_lower_bound.bound"] = np.array([_LIKELIHOOD_BOUND])
            buffers[f"{parent}.lower_bound_scale.bound"] = np.array([SCALE_BOUND], np.float32)
    return buffers
