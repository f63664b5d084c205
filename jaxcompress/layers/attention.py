"""The simplified attention of cheng2020-attn."""

import functools

import jax
from flax import linen as nn

from jaxcompress.layers.conv import Conv
from jaxcompress.layers.sequential import Sequential


class _ResidualUnit(nn.Module):
    """Bottleneck of half the width, added to its input, then ReLU."""

    @nn.compact
    def __call__(self, x):
        features = x.shape[-1]
        conv = functools.partial(Conv, stride=1)
        bottleneck = Sequential(
            (
                functools.partial(conv, features // 2, 1),
                jax.nn.relu,
                functools.partial(conv, features // 2, 3),
                jax.nn.relu,
                functools.partial(conv, features, 1),
            ),
            name="conv",
        )
        return jax.nn.relu(bottleneck(x) + x)


class AttentionBlock(nn.Module):
    """Adds a gated branch to the input: `x + a * sigmoid(b)`; keeps the shape `[N, H, W, C]`.

    Source: Cheng et al. 2020, section 3.3; CompressAI `AttentionBlock`.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the block."""
        trunk = (_ResidualUnit,) * 3
        a = Sequential(trunk, name="conv_a")(x)
        b = Sequential((*trunk, functools.partial(Conv, x.shape[-1], 1, 1)), name="conv_b")(x)
        return x + a * jax.nn.sigmoid(b)
