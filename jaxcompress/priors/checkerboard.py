"""Checkerboard prior: half of the positions, then the other half given the first."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jaxcompress import ops
from jaxcompress.priors.base import Prior, Selection


@dataclasses.dataclass(frozen=True)
class Checkerboard(Prior):
    """Two passes: anchors, then the others. The model's `context_parameters` decides.

    Source: He et al. 2021, "Checkerboard context model for efficient learned image compression".
    """

    def passes(self, shape: tuple[int, ...]) -> Iterable[Selection]:
        """Anchors, see `ops.checkerboard`, then the others; see `Prior`."""
        anchors = np.broadcast_to(ops.checkerboard(shape[0], shape[1])[..., None], shape)
        return anchors, ~anchors

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array | None]:
        """See `Prior`; where nothing is decoded yet, `y_hat` is zero."""
        return model.context_parameters(known, y_hat, **settings)
