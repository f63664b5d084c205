"""Static mixture prior: one mixture of logistic densities for each channel, whatever the other symbols are."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxcompress import ops
from jaxcompress.entropy import CodingTables, build_mixture_tables
from jaxcompress.priors.factorized import Factorized


@dataclasses.dataclass(frozen=True)
class Mixture(Factorized):
    """A `LogisticMixture` for each channel; symbols are whole numbers, so nothing but the tables decides bits."""

    tables: str = "z_density"

    def build_tables(self, params: Mapping[str, Any]) -> CodingTables:
        """See `Prior`."""
        return build_mixture_tables(params[self.tables])

    def medians(self, params: Mapping[str, Any]) -> np.ndarray | None:
        """See `Prior`."""
        return np.zeros(len(params[self.tables]["means"]), np.float32)

    def deciding(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing of `params`: the density is in the tables."""
        return {}

    def forward(
        self, model: Any, y: jax.Array, known: Any, *, training: bool, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """See `Prior`; `known` is not read.

        In training, networks see the rounded latent, whose gradient passes unchanged; the likelihood is that of the
        perturbed one.
        """
        _, likelihood = getattr(model, self.tables)(y, training=training)
        return ops.round_ste(y), likelihood
