"""Compares the chains that were read of a model with what the model's own stages compute."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.integer.linear import LinearNetworks, UnsupportedNetworkError, run_chain
from jaxcompress.models import CompressionModel
from jaxcompress.priors import Raster

# Largest difference, as a part of the largest value: far above what float32 rounds.
_TOLERANCE = 1e-3


def check_networks(
    model: CompressionModel,
    params: Any,
    networks: LinearNetworks,
    scale_range: tuple[float, float],
    y: jax.Array,
    z_hat: jax.Array,
    numbers: dict[str, int],
) -> None:
    """Checks that networks give the scales and means of a model while it codes a picture.

    Args:
        model: the module.
        params: its parameters.
        networks: what was read of it.
        scale_range: the least and the greatest scale that there are tables for.
        y: latents of the picture, `[1, h, w, M]`.
        z_hat: quantized hyper-latents, `[1, h', w', N]`.
        numbers: of the model's settings.

    Raises:
        UnsupportedNetworkError: they differ, or are not finite.
    """
    for own, read in _pairs(model, params, networks, y, z_hat, numbers):
        scales, other_scales = (np.clip(np.asarray(each[0]), *scale_range) for each in (own, read))
        means, other_means = (np.asarray(0.0 if each[1] is None else each[1]) for each in (own, read))
        if not np.isfinite(other_scales).all() or not np.isfinite(other_means).all():
            raise UnsupportedNetworkError(
                "the networks' signals are not finite: sums overflow while pictures are coded"
            )
        for name, a, b in (("scales", scales, other_scales), ("means", means, other_means)):
            # Written so that NaN fails.
            if not np.abs(a - b).max() <= _TOLERANCE * np.abs(a).max():
                raise UnsupportedNetworkError(
                    f"{type(model).__name__} computes other {name} than the layers that were read of it, by up to "
                    f"{np.abs(a - b).max():.3g} where the largest is {np.abs(a).max():.3g}: its stages do more than "
                    f"run their networks, which integer networks do not"
                )


def _pairs(
    model: CompressionModel,
    params: Any,
    networks: LinearNetworks,
    y: jax.Array,
    z_hat: jax.Array,
    numbers: dict[str, int],
) -> Iterator[tuple[Any, Any]]:
    """Scales and means of the model, and those of the networks, for what each pass codes."""
    bound: Any = model.bind({"params": params})
    prior: Any = model.layout.last.prior
    settings: dict[str, Any] = dict(model.layout.values(numbers))
    number = next(iter(numbers.values()), None)
    channels = y.shape[-1]
    known = bound.hyper_synthesis(z_hat, **settings)
    side = run_chain(networks.hyper_synthesis, z_hat, number)[-1]
    if prior.in_one_pass:
        yield prior.parameters(bound, known, jnp.zeros_like(y), 0, **settings), networks.end(side, channels, number)
    elif isinstance(prior, Raster):
        y_hat = jnp.rint(y)
        read = networks.end(run_chain(networks.context, y_hat, number, side)[-1], channels, number)
        for row, column in {(0, 0), (y.shape[1] // 2, y.shape[2] // 2), (y.shape[1] - 1, 0)}:
            place = row * y.shape[2] + column
            own = prior.parameters(bound, known, y_hat, place, **settings)
            yield _selected(own, (0, 0)), _selected(read, (row, column))
    else:
        y_hat = jnp.zeros_like(y)
        selections = prior.passes((y.shape[1], y.shape[2], channels))
        for place, (selected, layers) in enumerate(zip(selections, networks.passes, strict=True)):
            own = prior.parameters(bound, known, y_hat, place, **settings)
            outputs = run_chain(layers, networks.seen(y_hat, number), number, side)[-1]
            read = networks.end(outputs, channels, number)
            yield _selected(own, selected), _selected(read, selected)
            means = 0 if own[1] is None else own[1]
            y_hat = jnp.where(jnp.asarray(selected), jnp.rint(y - means) + means, y_hat)


def _selected(parameters: Any, selected: Any) -> list[Any]:
    return [None if a is None else a[0][selected] for a in parameters]
