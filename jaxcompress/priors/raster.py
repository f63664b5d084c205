"""Raster prior: one position after the other, each given those before it in rows and columns."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcompress import ops
from jaxcompress.priors.base import Prior, Selection


@dataclasses.dataclass(frozen=True)
class Raster(Prior):
    """As many passes as there are positions; Minnen et al. 2018. The model's `position_parameters` decides.

    The coder's C++ kernel runs the same loop where a model's `position_parameters` is a masked convolution and a chain
    of 1x1 layers.

    Attributes:
        context_size: side of the square window of latents around a position that its parameters depend on.
    """

    context_size: int = 5

    def passes(self, shape: tuple[int, ...]) -> Iterable[Selection]:
        """See `Prior`."""
        return ((row, column) for row in range(shape[0]) for column in range(shape[1]))

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int | jax.Array, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Scales and means of position `number`, `[N, 1, 1, C]` each; see `Prior`."""
        _refuse(settings)
        return self._at(model, known, self._padded(y_hat), number)

    def _padded(self, y_hat: jax.Array) -> jax.Array:
        margin = self.context_size // 2
        return jnp.pad(y_hat, ((0, 0), (margin, margin), (margin, margin), (0, 0)))

    def _at(self, model: Any, known: jax.Array, padded: jax.Array, number: int | jax.Array) -> Any:
        """`parameters`, from y_hat with a margin of zeros."""
        row, column = number // known.shape[2], number % known.shape[2]
        window = lax.dynamic_slice_in_dim(padded, row, self.context_size, 1)
        window = lax.dynamic_slice_in_dim(window, column, self.context_size, 2)
        module, variables = model.unbind()

        def at_position(window: jax.Array, hyper: jax.Array) -> Any:
            return module.apply(variables, window, hyper, method="position_parameters")

        scales, means = jax.vmap(at_position)(window, known[:, row, column])
        return scales[:, None, None], means[:, None, None]

    def forward(
        self, model: Any, y: jax.Array, known: jax.Array, *, training: bool, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """All positions at once, by the masked convolution; see `Prior`.

        As in CompressAI, context and synthesis see y rounded (or perturbed) without its mean, while the likelihood is
        that of the value rounded around its mean. The codec rounds around the mean throughout: `as_coded`.
        """
        _refuse(settings)
        y_hat = model.training_quantizer(y, key=model.make_rng("noise")) if training else ops.quantize(y)
        scales, means = model.parallel_parameters(y_hat, known)
        _, likelihood = getattr(model, self.tables)(y, scales, means, training=training)
        return y_hat, likelihood

    def as_coded(
        self, model: Any, y: jax.Array, known: jax.Array, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The loop over passes as one scan, for there are as many as positions; see `Prior`."""
        module, variables = model.unbind()
        height, width = y.shape[1:3]
        margin = self.context_size // 2

        def step(padded: jax.Array, number: jax.Array) -> Any:
            scales, means = self._at(module.bind(variables), known, padded, number)
            row, column = number // width, number % width
            new = ops.quantize(lax.dynamic_slice(y, (0, row, column, 0), means.shape), means)
            padded = lax.dynamic_update_slice(padded, new, (0, row + margin, column + margin, 0))
            return padded, (new, scales, means)

        _, found = lax.scan(step, self._padded(jnp.zeros_like(y)), jnp.arange(height * width))
        y_hat, scales, means = (jnp.moveaxis(each[:, :, 0, 0], 0, 1).reshape(y.shape) for each in found)
        _, likelihood = getattr(model, self.tables)(y, scales, means)
        return y_hat, likelihood


def _refuse(settings: Any) -> None:
    """Raises ValueError for settings, of which `position_parameters` would know nothing."""
    if settings:
        raise ValueError(f"a raster prior has no place for settings, and the model has {', '.join(settings)}")
