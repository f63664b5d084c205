"""Factorized prior: one table for each channel, whatever the other symbols are."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxcompress.entropy import CodingTables, bottleneck_medians, build_bottleneck_tables
from jaxcompress.priors.base import Prior


@dataclasses.dataclass(frozen=True)
class Factorized(Prior):
    """One learned density for each channel, as of every hyper-latent; Ballé et al. 2018.

    CompressAI: `EntropyBottleneck`.
    """

    tables: str = "entropy_bottleneck"

    def build_tables(self, params: Mapping[str, Any]) -> CodingTables:
        """See `Prior`."""
        return build_bottleneck_tables(params[self.tables])

    def medians(self, params: Mapping[str, Any]) -> np.ndarray | None:
        """See `Prior`."""
        return np.asarray(bottleneck_medians(params[self.tables]))

    def deciding(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The quantiles: medians are among them. The density is in the tables; see `Prior`."""
        return {"quantiles": params["quantiles"]}

    def forward(
        self, model: Any, y: jax.Array, known: Any, *, training: bool, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """See `Prior`; `known` is not read."""
        return getattr(model, self.tables)(y, training=training)
