"""Hyperprior: side information alone gives the scales, or means and scales, of every symbol."""

import dataclasses
import inspect
from typing import Any

import jax

from jaxcompress.priors.base import Prior


@dataclasses.dataclass(frozen=True)
class Hyperprior(Prior):
    """All symbols in one pass: the model's `gaussian_parameters` of what z says.

    Source: Ballé et al. 2018 (scales), Minnen et al. 2018 (means and scales).
    """

    reach: int | None = 0

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array | None]:
        """See `Prior`; `y_hat` is not read.

        Raises:
            ValueError: the model's `gaussian_parameters` needs more than side information.
        """
        try:
            inspect.signature(model.gaussian_parameters).bind(known, **settings)
        except TypeError as error:
            raise ValueError(
                f"{type(model).__name__}.gaussian_parameters needs more than the output of h_s ({error}), and its "
                f"prior codes y in one pass: override make_prior with one in several passes, see jaxcompress.priors"
            ) from error
        return model.gaussian_parameters(known, **settings)
