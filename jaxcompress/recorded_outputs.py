"""What networks give for known inputs: kept with the weights of a model of your own, and compared at loading.

Fingerprints cover parameters. They do not tell that the Python code around these has changed, by another activation
say, and a decoder would then make a wrong picture without a word.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.models import ARCHITECTURES, CompressionModel

_VALUES = 32
"""Of each network, from all over its output."""

_TOLERANCE = 1e-3
"""Of the mean difference, by the mean magnitude. Between devices and releases of JAX it is about 1e-6."""


def is_own(model: CompressionModel) -> bool:
    """Whether a model is none of the package's, whose code is released with what it decodes."""
    return type(model) not in ARCHITECTURES.values()


def record(model: CompressionModel, params: Mapping[str, Any]) -> dict[str, list[float]]:
    """Some values of the output of each network, by its name.

    Args:
        model: the module.
        params: its parameters.

    Returns:
        Finite numbers of seven digits, as JSON can hold them.
    """
    with jax.default_matmul_precision("highest"):  # else layers that are not ours round factors on GPUs and TPUs
        outputs = _outputs(model.clone(compute_dtype=jnp.float32), params)
    return {stage: [float(f"{value:.7g}") for value in _chosen(np.asarray(y))] for stage, y in outputs.items()}


def check(model: CompressionModel, params: Mapping[str, Any], recorded: Mapping[str, list[float]]) -> None:
    """Compares with what was recorded.

    Args:
        model: the module, perhaps of other code.
        params: the same parameters.
        recorded: see `record`.

    Raises:
        ValueError: a network gives something else.
    """
    for stage, found in record(model, params).items():
        now, then = np.array(found), np.array(recorded[stage], float)
        near = now.shape == then.shape and np.abs(now - then).mean() <= _TOLERANCE * max(np.abs(then).mean(), 1e-6)
        if not near:  # nor if it is NaN
            raise ValueError(
                f"the code of {type(model).__name__} is not the one that they were saved with: for a known input "
                f"{stage} gives {_first(now)}, and gave {_first(then)}; take the code of then, or train anew "
                f"with that of now"
            )


@functools.partial(jax.jit, static_argnums=0)
def _outputs(model: CompressionModel, params: Mapping[str, Any]) -> dict[str, Any]:
    side = model.stride // 16
    inputs = {"g_a": ("analysis", (side * 16, 3)), "g_s": ("synthesis", (side, model.m))}
    if model.has_hyperprior:
        channels = len(params["entropy_bottleneck"]["quantiles"])
        inputs |= {"h_a": ("hyper_analysis", (side, model.m)), "h_s": ("hyper_synthesis", (side // 4, channels))}
    return {
        stage: model.apply({"params": params}, _known_input(*shape), method=method)
        for stage, (method, shape) in inputs.items()
    }


def _known_input(side: int, channels: int) -> np.ndarray:
    """Of both signs, around the size of latents; no two values alike."""
    return (2 * np.sin(np.arange(1, side * side * channels + 1))).astype(np.float32).reshape(1, side, side, channels)


def _chosen(y: np.ndarray) -> np.ndarray:
    return np.nan_to_num(y.ravel()[np.linspace(0, y.size - 1, _VALUES).astype(int)])


def _first(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:3]) + ", ..."
