"""Whether weights fit their model: shapes of parameters, coding tables, integer networks."""

import functools
import inspect
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import traverse_util

from jaxcompress.integer.network import IntegerNetworks
from jaxcompress.models import CompressionModel

if TYPE_CHECKING:
    from jaxcompress.weights import Weights

TABLES = {"entropy_bottleneck", "gaussian_conditional"}
"""Of a model with a hyperprior; others have the first alone."""


@functools.lru_cache(maxsize=16)  # tracing a model takes longer than coding a picture, and each codec asks
def expected_params(model: CompressionModel) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a model's parameters, by path such as "g_a/0/kernel".

    Raises:
        ValueError: a transform of the model gives another shape than the codec counts on.
    """
    x = jax.ShapeDtypeStruct((1, model.stride, model.stride, 3), np.float32)
    side = model.stride // 16

    def trace(**options: Any) -> Any:
        return jax.eval_shape(lambda x: model.init_with_output({"params": jax.random.key(0)}, x, **options), x)

    y, _ = trace(method="analysis")
    if y.shape != (1, side, side, model.m):
        raise ValueError(
            f"g_a makes {y.shape} of a picture {x.shape}; expected (1, {side}, {side}, {model.m}), a sixteenth as wide"
        )
    output, variables = trace()
    if model.has_hyperprior and (z := output.likelihoods["z"]).shape[:3] != (1, side // 4, side // 4):
        raise ValueError(f"h_a makes {z.shape} of a latent {y.shape}; expected a quarter as wide")
    if output.x_hat.shape != x.shape:
        raise ValueError(f"g_s makes {output.x_hat.shape} of a latent {y.shape}; expected {x.shape}")
    return traverse_util.flatten_dict(variables["params"], sep="/")


def takes_hyper_alone(model: CompressionModel) -> bool:
    """Whether scales and means of all of y follow from the output of h_s, so that they are known before any of y is."""
    function: Any = getattr(model, "gaussian_parameters", None)
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def check_weights(weights: "Weights") -> None:
    """Raises ValueError unless parameters and tables are just those of the model, float32 and finite."""
    model = weights.model()
    check_params(weights.params, model)
    _check_tables(weights, model)
    if weights.integer is not None:
        _check_integer(weights.integer, weights, model)


def check_params(params: Mapping[str, Any], model: CompressionModel) -> None:
    """Raises ValueError unless the parameters are just those of the model, float32 and finite."""
    name = f"{type(model).__name__} with n={model.n}, m={model.m}"
    expected = expected_params(model)
    found = traverse_util.flatten_dict(plain(params), sep="/")
    if missing := sorted(set(expected) - set(found)):
        raise ValueError(f"{name} needs parameters that are missing: {', '.join(missing[:10])}")
    if unknown := sorted(set(found) - set(expected)):
        raise ValueError(f"{name} has no parameters {', '.join(unknown[:10])}")
    for path, array in found.items():
        if array.shape != expected[path].shape or array.dtype != np.float32:
            raise ValueError(f"{path} is {array.dtype} {array.shape}; {name} expects float32 {expected[path].shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{path} holds NaN or infinite values")


def _check_tables(weights: "Weights", model: CompressionModel) -> None:
    wanted = TABLES if model.has_hyperprior else {"entropy_bottleneck"}
    if set(weights.tables) != wanted:
        raise ValueError(f"there are tables of {sorted(weights.tables)}; {weights.architecture} has {sorted(wanted)}")
    channels = len(weights.params["entropy_bottleneck"]["quantiles"])
    if len(weights.tables["entropy_bottleneck"].cdf) != channels:
        raise ValueError(
            f"tables of entropy_bottleneck have {len(weights.tables['entropy_bottleneck'].cdf)} rows; "
            f"expected one for each of {channels} channels"
        )
    for name, tables in weights.tables.items():
        if (tables.scale_table is None) != (name == "entropy_bottleneck"):
            raise ValueError(f"tables of {name} {'lack their' if tables.scale_table is None else 'have a'} scale_table")


def _check_integer(networks: IntegerNetworks, weights: "Weights", model: CompressionModel) -> None:
    if not model.has_hyperprior:
        raise ValueError(f"there are integer networks, and {weights.architecture} has no networks that choose tables")
    found = {
        "channels of y": networks.channels,
        "channels of z": networks.hyper_synthesis[0].kernel.shape[2],
        "growth of sides": math.prod(layer.factor for layer in networks.hyper_synthesis),
        "thresholds": len(networks.thresholds),
        "a context": bool(networks.context),
    }
    expected = {
        "channels of y": weights.m,
        "channels of z": len(weights.params["entropy_bottleneck"]["quantiles"]),
        "growth of sides": 4,
        "thresholds": len(weights.tables["gaussian_conditional"].cdf) - 1,
        "a context": model.is_autoregressive,
    }
    if found != expected:
        raise ValueError(f"the integer networks have {found}; {weights.architecture} expects {expected}")


def plain(tree: Any) -> Any:
    """Nested mappings of any kind (such as Flax's FrozenDict) as dicts."""
    return {name: plain(value) for name, value in tree.items()} if isinstance(tree, Mapping) else tree
