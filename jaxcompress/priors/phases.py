"""Phases: each pass codes one position of every 2x2 cell for one part of the channels, and others for the others.

So every pass touches all channels, and the positions coded before surround those that are still to come.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

_CELLS = {2: ((0, 1), (1, 0)), 4: ((0, 2), (3, 1))}
"""Class of each position of a 2x2 cell, by the number of passes; neighbours in a row or column have different ones."""


@dataclasses.dataclass(frozen=True)
class Phases:
    """Codes channel part g at positions of class c in pass `(c + g) % count`.

    Attributes:
        tables: name of the coding tables.
        count: number of passes, 2 or 4.

    Raises:
        ValueError: another number of passes.
    """

    tables: str
    count: int = 4

    def __post_init__(self):
        """Checks the number of passes."""
        if self.count not in _CELLS:
            raise ValueError(f"count is {self.count}; expected 2 or 4 passes")

    def order(self, shape: Sequence[int]) -> np.ndarray:
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

    def passes(self, shape: Sequence[int]) -> tuple[np.ndarray, ...]:
        """Symbols of each pass.

        Args:
            shape: `(h, w, C)` of a latent.

        Returns:
            One mask for each pass, bool `[h, w, C]`; every symbol is in exactly one.
        """
        order = self.order(shape)
        return tuple(order == number for number in range(self.count))

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Scales and means of the latent in one pass.

        Args:
            model: the module, bound to its variables.
            known: output of h_s, `[N, h, w, ...]`.
            y_hat: `[N, h, w, C]`; only what earlier passes decoded is read.
            number: number of the pass, from 0.
            settings: one value for each picture, `[N]`.

        Returns:
            Scales and means, `[N, h, w, C]` each; those of other passes are of no use.
        """
        return model.light_parameters(known, y_hat, number, **settings)
