"""Phases: each pass codes one position of every 2x2 cell for one part of the channels, and others for the others.

So every pass touches all channels, and the positions coded before surround those that are still to come.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress import ops
from jaxcompress.priors.base import Prior

_CELLS = {2: ((0, 1), (1, 0)), 4: ((0, 2), (3, 1))}
"""Class of each position of a 2x2 cell, by the number of passes; neighbours in a row or column have different ones."""


@dataclasses.dataclass(frozen=True)
class Phases(Prior):
    """Codes channel part g at positions of class c in pass `(c + g) % count`. The model's `light_parameters` decides.

    Attributes:
        count: number of passes, 2 or 4.

    Raises:
        ValueError: another number of passes.
    """

    count: int = 4

    def __post_init__(self):
        """Checks the number of passes."""
        if self.count not in _CELLS:
            raise ValueError(f"count is {self.count}; expected 2 or 4 passes")

    def order(self, shape: tuple[int, ...]) -> np.ndarray:
        """Number of the pass that codes each symbol.

        Args:
            shape: `(h, w, C)` of a latent.

        Returns:
            uint8 `[h, w, C]`, from 0 to `count` - 1.
        """
        height, width, channels = shape
        classes = np.array(_CELLS[self.count], np.uint8)[np.arange(height)[:, None] % 2, np.arange(width) % 2]
        parts = (np.arange(channels) * self.count // channels).astype(np.uint8)
        return (classes[..., None] + parts) % np.uint8(self.count)

    def passes(self, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """One mask for each pass; see `Prior`."""
        order = self.order(shape)
        return tuple(order == number for number in range(self.count))

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """See `Prior`."""
        return model.light_parameters(known, y_hat, number, **settings)

    def forward(
        self, model: Any, y: jax.Array, known: Any, *, training: bool, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """See `Prior`.

        In training, networks see rounded latents, whose gradient passes unchanged; the likelihoods are those of
        perturbed ones.
        """
        y_hat, all_scales, all_means = (jnp.zeros_like(y) for _ in range(3))
        for number, mask in enumerate(self.passes((y.shape[1], y.shape[2], y.shape[3]))):
            scales, means = self.parameters(model, known, y_hat, number, **settings)
            y_hat = jnp.where(mask, ops.round_straight_through(y, means), y_hat)
            all_scales, all_means = jnp.where(mask, scales, all_scales), jnp.where(mask, means, all_means)
        _, likelihoods = getattr(model, self.tables)(y, all_scales, all_means, training=training)
        return y_hat, likelihoods
