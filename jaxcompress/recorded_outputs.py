"""What networks give for known inputs: kept with the weights of a model of your own, and compared at loading.

Fingerprints cover parameters. They do not tell that the Python code around these has changed, by another activation
say, and a decoder would then make a wrong picture without a word.
"""

import contextlib
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from jaxcompress.models import ARCHITECTURES, CompressionModel, Latent
from jaxcompress.priors import Raster
from jaxcompress.weights_checks import expected_params

_VALUES = 32
"""Of each network, from all over its output."""

_STRIDES = 4
"""Side of the known picture, in strides of the model: what a network sees from afar shall lie within."""

_TOLERANCE = 1e-3
"""Of the mean difference, by the mean magnitude: far above what is rounded otherwise on another device."""


def is_own(model: CompressionModel) -> bool:
    """Whether a model is none of the package's, whose code is released with what it decodes."""
    return type(model) not in ARCHITECTURES.values()


def record(model: CompressionModel, params: Mapping[str, Any]) -> dict[str, list[float]]:
    """Some values of the output of each network, by its name.

    Args:
        model: the module.
        params: its parameters.

    Returns:
        `_VALUES` numbers each, of seven digits, as JSON can hold them; 0 in place of NaN.
    """
    with jax.default_matmul_precision("highest"):  # else layers that are not ours round factors on GPUs and TPUs
        outputs = _outputs(model.clone(compute_dtype=jnp.float32), params)
    return {network: [float(f"{value:.7g}") for value in _chosen(output)] for network, output in outputs.items()}


def record_code(model: CompressionModel) -> dict[str, list[float]]:
    """Likewise with parameters that depend on nothing but their shapes, so that it is a property of the code alone."""
    params = {path: 0.1 * _known_values(shape.shape) for path, shape in expected_params(model).items()}
    return record(model, traverse_util.unflatten_dict(params, sep="/"))


def check(model: CompressionModel, now: Mapping[str, list[float]], then: Mapping[str, Any]) -> None:
    """Compares what was recorded.

    Args:
        model: that `now` was recorded of.
        now: see `record`.
        then: of the same parameters, perhaps with other code; not trusted.

    Raises:
        ValueError: a network gives something else, or `then` is nothing that `record` returns.
    """
    for network, found in now.items():
        values, expected = np.array(found), _checked(then.get(network), network)
        if np.abs(values - expected).mean() > _TOLERANCE * max(np.abs(expected).mean(), 1e-6):
            raise ValueError(
                f"the code of {type(model).__name__} has changed: for a known input {network} gives "
                f"{_first(values)}, and gave {_first(expected)}"
            )


def _checked(values: Any, network: str) -> np.ndarray:
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != (_VALUES,) or not np.isfinite(array).all():
        raise ValueError(f"their outputs of {network} are no {_VALUES} finite numbers")
    return array


@functools.partial(jax.jit, static_argnums=0)
def _outputs(model: CompressionModel, params: Mapping[str, Any]) -> dict[str, Any]:
    def run(method: str, *inputs: Any) -> Any:
        return module.apply({"params": params}, *inputs, method=method)

    module: Any = model  # of a class that may have more than a CompressionModel
    layout = model.layout
    pixels = _STRIDES * layout.stride
    signals = {"x": 0.5 + _known_values((1, pixels, pixels, 3)) / 2}
    for latent in layout.latents:
        side = pixels // latent.stride
        signals[latent.name] = 2 * _known_values((1, side, side, latent.channels))
    found = {}
    for network in layout.networks:
        found[network.name] = run(network.stage, signals[network.reads])
        signals.setdefault(network.writes, found[network.name])
    if layout.side:
        with contextlib.suppress(ValueError):  # of a prior that cannot run the model, nor can a `Codec`
            found["entropy_parameters"] = _parameters(module, params, layout.last, signals)
    return {network: jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(y)]) for network, y in found.items()}


def _parameters(module: Any, params: Mapping[str, Any], latent: Latent, signals: Mapping[str, Any]) -> Any:
    """Scales and means of the first and the last pass over a latent."""
    hyper, y_hat = signals["hyper"], signals[latent.name]
    if isinstance(latent.prior, Raster):  # any position tells as much
        window = 2 * _known_values((latent.prior.context_size, latent.prior.context_size, latent.channels))
        return module.apply({"params": params}, window, hyper[0, 0, 0], method="position_parameters")
    last = len(tuple(latent.prior.passes(y_hat.shape[1:]))) - 1

    def parameters(bound: Any, number: int) -> Any:
        return latent.prior.parameters(bound, hyper, y_hat, number)

    return [module.apply({"params": params}, number, method=parameters) for number in sorted({0, last})]


def _known_values(shape: tuple[int, ...]) -> np.ndarray:
    """Of both signs, up to 1, in no order that a sum of products would cancel out."""
    return np.sin(np.arange(1.0, math.prod(shape) + 1) ** 2).astype(np.float32).reshape(shape)


def _chosen(y: jax.Array) -> np.ndarray:
    return np.nan_to_num(np.asarray(y)[np.linspace(0, y.size - 1, _VALUES).astype(int)])


def _first(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:3]) + ", ..."
