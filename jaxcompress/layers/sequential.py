"""Layers applied in turn, numbered as PyTorch numbers them."""

import functools
from collections.abc import Callable, Sequence

import jax
from flax import linen as nn

LEAKY_SLOPE = 0.01
"""Of LeakyReLU, in all CompressAI models."""


def leaky_relu(x: jax.Array) -> jax.Array:
    """LeakyReLU with the slope that all CompressAI models use: x, or 0.01 x where that is negative."""
    return jax.nn.leaky_relu(x, negative_slope=LEAKY_SLOPE)


class Sequential(nn.Module):
    """Applies layers in turn; layer number i owns the parameters under the name str(i).

    Functions such as an activation count in the numbering and own nothing, so `g_a/2/kernel` here is `g_a.2.weight`
    in PyTorch.

    Attributes:
        layers: each a plain function of an array, or a constructor of a module (a class or a
            `functools.partial` of one) that takes `name`.
    """

    layers: Sequence[Callable]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns what the last layer makes of `x`."""
        for i, layer in enumerate(self.layers):
            x = layer(name=str(i))(x) if _makes_module(layer) else layer(x)
        return x


def _makes_module(layer: Callable) -> bool:
    made = layer.func if isinstance(layer, functools.partial) else layer
    return isinstance(made, type) and issubclass(made, nn.Module)
