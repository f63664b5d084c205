"""Whether weights fit their model: shapes of parameters, coding tables, integer networks."""

import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import traverse_util

from jaxcompress.integer.network import IntegerNetworks
from jaxcompress.models import CompressionModel, Latent
from jaxcompress.priors import Factorized

if TYPE_CHECKING:
    from jaxcompress.weights import Weights


@functools.lru_cache(maxsize=16)  # tracing a model takes longer than coding a picture, and each codec asks
def expected_params(model: CompressionModel) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a model's parameters, by path such as "g_a/0/kernel".

    Raises:
        ValueError: a transform of the model gives another shape than the codec counts on.
    """
    layout = model.layout
    x = jax.ShapeDtypeStruct((1, layout.stride, layout.stride, 3), np.float32)

    def trace(**options: Any) -> Any:
        return jax.eval_shape(lambda x: model.init_with_output({"params": jax.random.key(0)}, x, **options), x)

    writers = {network.writes: network.name for network in layout.networks}

    def check(latent: Latent, found: tuple[int, ...]) -> None:
        side = layout.stride // latent.stride
        if found != (1, side, side, latent.channels):
            raise ValueError(
                f"{writers[latent.name]} makes {found} of a picture {x.shape}; expected "
                f"{(1, side, side, latent.channels)}, 1/{latent.stride} as wide"
            )

    y, _ = trace(method="analysis")
    check(layout.last, y.shape)
    output, variables = trace()
    for latent in layout.latents:
        check(latent, output.likelihoods[latent.name].shape)
    if output.x_hat.shape != x.shape:
        raise ValueError(f"g_s makes {output.x_hat.shape} of a latent {y.shape}; expected {x.shape}")
    return traverse_util.flatten_dict(variables["params"], sep="/")


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
    latents = {latent.prior.tables: latent for latent in model.layout.latents}
    if set(weights.tables) != set(latents):
        raise ValueError(f"there are tables of {sorted(weights.tables)}; {weights.architecture} has {sorted(latents)}")
    for name, tables in weights.tables.items():
        by_channel = isinstance(latents[name].prior, Factorized)
        if by_channel and len(tables.cdf) != latents[name].channels:
            raise ValueError(
                f"tables of {name} have {len(tables.cdf)} rows; expected one for each of {latents[name].channels} "
                f"channels"
            )
        if (tables.scale_table is None) != by_channel:
            raise ValueError(f"tables of {name} {'lack their' if tables.scale_table is None else 'have a'} scale_table")


def _check_integer(networks: IntegerNetworks, weights: "Weights", model: CompressionModel) -> None:
    layout = model.layout
    if layout.side is None:
        raise ValueError(f"there are integer networks, and {weights.architecture} has no networks that choose tables")
    count = layout.settings[0].count if layout.settings else None
    found = {
        "channels of y": networks.channels,
        "channels of z": networks.hyper_synthesis[0].kernel.shape[2],
        "growth of sides": math.prod(layer.factor for layer in networks.hyper_synthesis),
        "thresholds": len(networks.thresholds),
        "a context or passes": bool(networks.context or networks.passes),
        "values of a setting": networks.count or count,
    }
    expected = {
        "channels of y": layout.last.channels,
        "channels of z": layout.side.channels,
        "growth of sides": layout.side.stride // layout.last.stride,
        "thresholds": len(weights.tables[layout.last.prior.tables].cdf) - 1,
        "a context or passes": not layout.last.prior.in_one_pass,
        "values of a setting": count,
    }
    if found != expected:
        raise ValueError(f"the integer networks have {found}; {weights.architecture} expects {expected}")


def plain(tree: Any) -> Any:
    """Nested mappings of any kind (such as Flax's FrozenDict) as dicts."""
    return {name: plain(value) for name, value in tree.items()} if isinstance(tree, Mapping) else tree
