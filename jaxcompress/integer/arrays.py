"""The names of integer networks' arrays in a weights file, and the way from arrays to layers and back."""

import itertools
from collections.abc import Mapping

import numpy as np

from jaxcompress.integer.layer import ARRAYS, IntegerLayer

PASS = "pass_{}"
"""The name of the chain of a pass, by its number."""

_ACTIVATIONS = ("none", "relu", "leaky")


def of_chains(chains: Mapping[str, tuple[IntegerLayer, ...]]) -> dict[str, np.ndarray]:
    """The arrays of all layers by path, such as "hyper_synthesis/0/kernel"."""
    return {
        f"{name}/{i}/{array_name}": array
        for name, layers in chains.items()
        for i, layer in enumerate(layers)
        for array_name, array in _layer_arrays(layer).items()
    }


def read_chains(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[IntegerLayer, ...]]:
    """The inverse of `of_chains`: chains by name, those of passes in their order.

    Raises:
        KeyError: an array that is missing.
        ValueError: arrays that make no layers.
    """
    passes = map(PASS.format, itertools.count())
    numbered = itertools.takewhile(lambda name: f"{name}/0/kernel" in arrays, passes)
    chains = {name: _layers(arrays, name) for name in ("hyper_synthesis", "context", *numbered)}
    return {name: layers for name, layers in chains.items() if layers}


def numbers(arrays: Mapping[str, np.ndarray], name: str, count: int) -> list[int]:
    """The values of an array of `count` numbers.

    Raises:
        KeyError: it is missing.
        ValueError: it is of another type or shape.
    """
    array = arrays[name]
    if array.dtype != np.int32 or array.shape != (count,):
        raise ValueError(f"{name} is {array.dtype} {array.shape}; expected int32 ({count},)")
    return array.tolist()


def _layer_arrays(layer: IntegerLayer) -> dict[str, np.ndarray]:
    """Its arrays, and what else it is as an array of its own: factor, activation and range of inputs."""
    found = {name: array for name in ARRAYS if (array := getattr(layer, name)) is not None}
    form = np.array([layer.factor, _ACTIVATIONS.index(layer.activation), *layer.input_range], np.int32)
    return found | {"form": form}


def _layers(arrays: Mapping[str, np.ndarray], chain: str) -> tuple[IntegerLayer, ...]:
    count = len({path.split("/")[1] for path in arrays if path.startswith(f"{chain}/")})
    return tuple(_layer(arrays, f"{chain}/{i}/") for i in range(count))


def _layer(arrays: Mapping[str, np.ndarray], prefix: str) -> IntegerLayer:
    factor, activation, low, high = numbers(arrays, prefix + "form", 4)
    if activation not in range(len(_ACTIVATIONS)):
        raise ValueError(f"{prefix}form has activation {activation}; expected 0 to {len(_ACTIVATIONS) - 1}")
    return IntegerLayer(
        arrays[prefix + "kernel"],
        arrays[prefix + "bias"],
        arrays[prefix + "shift"],
        factor,
        _ACTIVATIONS[activation],
        arrays.get(prefix + "tap_bias"),
        (low, high),
        arrays.get(prefix + "skip"),
    )
