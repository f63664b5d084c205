"""What every prior is: an order of passes, and what each pass computes its tables and means from."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.entropy import CodingTables, build_gaussian_tables, default_scale_table

Selection = EllipsisType | np.ndarray | tuple[int, int]
"""The symbols of a pass: all of them, those where a bool mask `[h, w, C]` is true, or those of one position (row,
column)."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """How the symbols of a latent are coded: pass by pass, each given what the passes before it decoded.

    A prior of your own overrides `passes` and `parameters`. Encoder, decoder, `as_coded` and training all run the one
    loop over passes that these two define.

    Attributes:
        tables: name of the latent's entropy model, an attribute of the model: key of its coding tables, and of its
            parameters if it has any.
        reach: positions that `parameters` depend on, each way, beyond the one they are for; None if it is not known,
            so that they are computed for whole chunks, and compiled for each size of these.

    Example:
        class TwoPasses(Prior):
            def passes(self, shape):
                first = np.broadcast_to(ops.checkerboard(*shape[:2])[..., None], shape)
                return first, ~first

            def parameters(self, model, known, y_hat, number):
                return model.my_context(known, y_hat)
    """

    tables: str = "gaussian_conditional"
    reach: int | None = None

    def __post_init__(self):
        """Takes what the body of a subclass says, such as `reach = 1`, for fields that were not given."""
        for field in dataclasses.fields(self):
            of_class = getattr(type(self), field.name, field.default)
            if getattr(self, field.name) == field.default != of_class:
                object.__setattr__(self, field.name, of_class)

    def passes(self, shape: tuple[int, ...]) -> Iterable[Selection]:
        """The symbols of each pass: every symbol stands in just one.

        Args:
            shape: height, width and channels `(h, w, C)` of the latent. Nothing else may decide the passes.
        """
        return (...,)

    def parameters(
        self, model: Any, known: jax.Array, y_hat: jax.Array, number: int, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array | None]:
        """Scales and means of a pass.

        Args:
            model: the bound module.
            known: side information `[N, h, w, X]`: what the model's `hyper_synthesis` makes of the latent before.
            y_hat: `[N, h, w, C]`, what the passes before have decoded, and zero elsewhere.
            number: of the pass, from 0.
            settings: the model's knobs, see `models.Setting`.

        Returns:
            Scales and means (None: zero), `[N, h, w, C]` each; only those of the pass's own symbols are read.

        Raises:
            NotImplementedError: the prior does not say.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how scales and means come about: parameters()")

    @property
    def in_one_pass(self) -> bool:
        """Whether side information alone decides tables and means, so that they are known before any symbol is."""
        return next(iter(self.passes((1, 1, 1)))) is ...

    def build_tables(self, params: Mapping[str, Any]) -> CodingTables:
        """The coding tables of freshly trained parameters.

        Args:
            params: of the model.
        """
        return build_gaussian_tables(default_scale_table())

    def medians(self, params: Mapping[str, Any]) -> np.ndarray | None:
        """float32 `[C]` that symbols are counted from, of latents that have no means; else None.

        Args:
            params: of the model.
        """
        return None

    def deciding(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of the entropy model that symbols depend on beyond its tables.

        Args:
            params: of the entropy model.
        """
        return dict(params)

    def forward(
        self, model: Any, y: jax.Array, known: Any, *, training: bool, **settings: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Quantizes a latent and rates it, as the model estimates it.

        Args:
            model: the bound module.
            y: `[N, h, w, C]`.
            known: see `parameters`.
            training: perturb instead of rounding (needs the rng "noise").
            settings: see `parameters`.

        Returns:
            Quantized latent and likelihoods, both shaped as `y`.
        """
        entropy = getattr(model, self.tables)
        y_hat, likelihoods = jnp.zeros_like(y), jnp.ones_like(y)
        for number, selection in enumerate(checked_passes(self, y.shape[1:])):
            scales, means = self.parameters(model, known, y_hat, number, **settings)
            quantized, likelihood = entropy(y, scales, means, training=training)
            y_hat, likelihoods = (
                new if isinstance(selection, EllipsisType) else jnp.where(_mask(selection, y.shape[1:]), new, old)
                for new, old in ((quantized, y_hat), (likelihood, likelihoods))
            )
        return y_hat, likelihoods

    def as_coded(self, model: Any, y: jax.Array, known: Any, **settings: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Quantizes a latent and rates it, as the codec codes it.

        Args:
            model: the bound module.
            y: `[N, h, w, C]`.
            known: see `parameters`.
            settings: see `parameters`.

        Returns:
            Quantized latent and likelihoods, both shaped as `y`.
        """
        return self.forward(model, y, known, training=False, **settings)


def check_passes(prior: Prior, channels: int) -> None:
    """Raises ValueError unless each symbol of small latents stands in just one pass of their prior.

    Args:
        prior: any.
        channels: of the latents.
    """
    for height, width in ((1, 1), (2, 3), (5, 4)):
        checked_passes(prior, (height, width, channels))


def checked_passes(prior: Prior, shape: tuple[int, ...]) -> tuple[Selection, ...]:
    """The passes of a prior.

    Args:
        prior: any.
        shape: height, width and channels `(h, w, C)` of the latent.

    Raises:
        ValueError: a selection is of another kind, or a symbol stands in no pass or in several.
    """
    try:
        return _checked_passes(prior, tuple(shape))
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        raise ValueError(
            f"{type(prior).__name__} has an attribute that cannot be hashed ({error}): use numbers, texts and tuples"
        ) from error


@functools.lru_cache(maxsize=8)  # masks of a latent take as many bytes as it has symbols
def _checked_passes(prior: Prior, shape: tuple[int, ...]) -> tuple[Selection, ...]:
    passes, times = tuple(prior.passes(shape)), np.zeros(shape, np.int32)
    for selection in passes:
        _check_kind(prior, selection, shape)
        times[selection] += 1
    if (times != 1).any():
        place = tuple(int(i) for i in np.argwhere(times != 1)[0])
        raise ValueError(
            f"the passes of {type(prior).__name__} code the symbol at row {place[0]}, column {place[1]}, channel "
            f"{place[2]} of a latent {shape} {times[place]} times; expected every symbol in just one pass"
        )
    return passes


def _check_kind(prior: Prior, selection: Any, shape: tuple[int, ...]) -> None:
    is_position = isinstance(selection, tuple) and len(selection) == 2
    is_mask = isinstance(selection, np.ndarray) and selection.dtype == bool and selection.shape == shape
    if selection is ... or is_mask or is_position:
        return
    found = f"{getattr(selection, 'dtype', '')} {np.shape(selection)}".strip()
    raise ValueError(
        f"{type(prior).__name__} selects symbols by {type(selection).__name__} {found}; expected ..., a NumPy mask of "
        f"bool {shape}, or a position (row, column)"
    )


def _mask(selection: Selection, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[selection] = True
    return mask
