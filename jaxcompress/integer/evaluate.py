"""Evaluates integer networks in JAX; `forms` has the three forms in which their layers can be computed."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress.integer import forms
from jaxcompress.integer.forms import FORMS, default_form
from jaxcompress.integer.layer import SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.network import MEAN_BITS, MEAN_LIMIT, IntegerNetworks
from jaxcompress.integer.setting_tables import FACTOR_LIMIT, LATENT_LIMIT
from jaxcompress.integer.thresholds import count_below, find_line
from jaxcompress.layers import inside


class Parameters(NamedTuple):
    """Tables and means of latents, as the coder takes them.

    Attributes:
        indexes: uint8, numbers of tables.
        means: int32, in 64ths; or None for zero.
    """

    indexes: Any
    means: Any


class IntegerEvaluator:
    """Evaluates integer networks. Safe to share between threads.

    Networks that depend on a setting take its number, 0 to `networks.count - 1`, as a keyword argument of any name,
    such as `rate=42`. One compiled program serves all numbers. Others ignore it.

    Args:
        networks: see `quantize_entropy`.
        form: one of `FORMS`; the device's own if not given. It does not change results.
        device: where to compute; JAX's default device if not given.

    Attributes:
        form: one of `FORMS`.

    Raises:
        ValueError: there is no such form.
    """

    def __init__(
        self,
        networks: IntegerNetworks,
        *,
        form: str | None = None,
        device: jax.Device | None = None,
    ):
        thresholds = jax.device_put(networks.thresholds, device)
        form = form or default_form(thresholds.devices().pop().platform)
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; expected one of {', '.join(FORMS)}")

        def prepared(layers: Sequence[IntegerLayer]) -> tuple[tuple[forms.Plan, ...], Any]:
            plans = tuple(forms.plan_of(layer, form) for layer in layers)
            return plans, jax.device_put([forms.arrays_of(layer) for layer in layers], device)

        self.form = form
        self._networks = networks
        self._hyper_plans, self._hyper_arrays = prepared(networks.hyper_synthesis)
        self._context_plans, self._context_arrays = prepared(networks.context)
        self._passes = tuple(map(prepared, networks.passes))
        ends = {"thresholds": networks.thresholds}
        if networks.settings is not None:
            ends |= networks.settings.arrays()
        if (line := find_line(networks.thresholds)) is not None:
            ends["line"] = line
        self._ends = jax.device_put(ends, device)
        self._latent_shifts = jax.device_put(networks.latent_shifts, device)

    def hyper_synthesis(self, z_symbols: np.ndarray, size: np.ndarray | None = None, **numbers: int) -> Any:
        """Computes scales and means of y from z, or side information for what follows.

        Args:
            z_symbols: integers `[h / 4, w / 4, N]`: z_hat less the medians.
            size: int32 `[2]`, how many of its rows and columns are the picture's, the others zeros; None for all.
            numbers: number of the setting, see the class.

        Returns:
            `Parameters` `[h, w, M]`; or for a prior that does not code in one pass the side information, int32
            `[h, w, X]`.

        Raises:
            ValueError: a number that is missing or out of range.
        """
        # Parameters and all in one program: small ones cost as much time to compile and to start as large ones.
        has_side = self._networks.context or self._networks.passes
        channels = None if has_side else self._networks.channels
        x = np.clip(z_symbols, *SYMBOL_RANGE).astype(np.int32)
        args = self._hyper_arrays, self._ends, x, size, self._number(numbers)
        return jax.tree.map(np.asarray, _hyper_synthesis(self._hyper_plans, channels, *args))

    def context_parameters(self, y_hat: np.ndarray, side: np.ndarray) -> Parameters:
        """Computes scales and means as `coder.IntegerContextModel.predict` does, of an autoregressive model.

        Args:
            y_hat: float32 `[h, w, M]`, multiples of 1/64.
            side: as `hyper_synthesis` returns it.

        Returns:
            `Parameters` `[h, w, M]`.
        """
        y = jnp.asarray(np.rint(np.asarray(y_hat, np.float64) * 2**MEAN_BITS), jnp.int32)
        args = self._context_arrays, self._ends, self._latent_shifts, y, jnp.asarray(side)
        return jax.tree.map(np.asarray, _context(self._context_plans, self._networks.channels, *args))

    def parameters(
        self,
        side: np.ndarray,
        y_hat: np.ndarray,
        number_of_pass: int,
        size: np.ndarray | None = None,
        **numbers: int,
    ) -> Parameters:
        """Computes scales and means of the latents that a pass codes.

        Args:
            side: as `hyper_synthesis` returns it, int32 `[h, w, X]`.
            y_hat: float32 `[h, w, M]`, multiples of 1/64: what the passes before decoded, zero elsewhere.
            number_of_pass: 0 for the first.
            size: int32 `[2]`, how many rows and columns are the picture's or chunk's; None for all.
            numbers: number of the setting, see the class.

        Returns:
            `Parameters` `[h, w, M]`; those of latents that other passes code are of no use.

        Raises:
            ValueError: there is no such pass, or a number that is missing or out of range.
        """
        if number_of_pass not in range(len(self._passes)):
            raise ValueError(f"pass {number_of_pass} of {len(self._passes)}; expected 0 to {len(self._passes) - 1}")
        plans, arrays = self._passes[number_of_pass]
        args = arrays, self._ends, self._latent_shifts, side, y_hat, size, self._number(numbers)
        return jax.tree.map(np.asarray, _pass(plans, self._networks.channels, *args))

    def _number(self, numbers: Mapping[str, int]) -> np.ndarray | None:
        """The setting's number as an array, or None where nothing depends on one."""
        count = self._networks.count
        if count is None:
            return None
        if len(numbers) != 1 or next(iter(numbers.values())) not in range(count):
            raise ValueError(f"the numbers of settings are {dict(numbers)}; expected one number, 0 to {count - 1}")
        return np.asarray(next(iter(numbers.values())), np.int32)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _hyper_synthesis(
    plans: tuple[forms.Plan, ...],
    channels: int | None,
    arrays: Sequence[dict[str, jax.Array]],
    ends: dict[str, jax.Array],
    x: jax.Array,
    size: jax.Array | None,
    number: jax.Array | None,
) -> Any:
    """Parameters of `channels` latents, or if None the outputs as they are."""
    cells = x.shape[0], x.shape[1]
    for plan, of_layer in zip(plans, arrays, strict=True):
        exists = None if size is None else inside(jnp.ones((*x.shape[:2], 1), jnp.int32), cells, size)
        x = forms.run(plan, of_layer, x, exists=exists, number=number)
    return x if channels is None else _parameters(x, channels, ends, number)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _context(
    plans: tuple[forms.Plan, ...],
    channels: int,
    arrays: Sequence[dict[str, jax.Array]],
    ends: dict[str, jax.Array],
    latent_shifts: jax.Array,
    y: jax.Array,
    side: jax.Array,
) -> Parameters:
    x = jnp.clip(forms.shift(y, latent_shifts), *SYMBOL_RANGE)
    for i, (plan, of_layer) in enumerate(zip(plans, arrays, strict=True)):
        x = forms.run(plan, of_layer, x, added=None if i else side)
    return _parameters(x, channels, ends, None)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _pass(
    plans: tuple[forms.Plan, ...],
    channels: int,
    arrays: Sequence[dict[str, jax.Array]],
    ends: dict[str, jax.Array],
    latent_shifts: jax.Array,
    side: jax.Array,
    y_hat: jax.Array,
    size: jax.Array | None,
    number: jax.Array | None,
) -> Parameters:
    x = _seen_latents(y_hat, latent_shifts, ends, number)
    cells = x.shape[0], x.shape[1]
    exists = None if size is None else inside(jnp.ones((*cells, 1), jnp.int32), cells, size)
    for i, (plan, of_layer) in enumerate(zip(plans, arrays, strict=True)):
        x = forms.run(plan, of_layer, x, exists=exists, number=number, added=None if i else side)
    return _parameters(x, channels, ends, number)


def _seen_latents(
    y_hat: jax.Array, latent_shifts: jax.Array, ends: dict[str, jax.Array], number: jax.Array | None
) -> jax.Array:
    """Latents as the first layer of a pass sees them, int32 `[h, w, M]`."""
    limit = LATENT_LIMIT / 2**MEAN_BITS
    y = jnp.rint(jnp.clip(y_hat, -limit, limit) * 2**MEAN_BITS).astype(jnp.int32)
    if "latent_multipliers" in ends:
        y = forms.multiply(y, ends["latent_multipliers"][number], latent_shifts)
    else:
        y = forms.shift(y, latent_shifts)
    return jnp.clip(y, *SYMBOL_RANGE)


def _parameters(outputs: jax.Array, channels: int, ends: dict[str, jax.Array], number: jax.Array | None) -> Parameters:
    scales, means = outputs[..., :channels], outputs[..., channels:]
    if "scale_offsets" in ends:
        scales = scales + ends["scale_offsets"][number]
        means = jnp.clip(means, -FACTOR_LIMIT, FACTOR_LIMIT)
        means = forms.multiply(means, ends["mean_multipliers"][number], ends["mean_shifts"])
    indexes = count_below(scales, ends["thresholds"], ends.get("line"))
    return Parameters(indexes, jnp.clip(means, -MEAN_LIMIT, MEAN_LIMIT) if means.shape[-1] else None)
