"""Integer networks in JAX, in three forms that give equal bits.

A device multiplies small integers exactly in more than one way, and is fast in one of them:

- "float32": convolutions of integers in float32, channels in groups whose sums stay below 2^24. For CPUs, whose
  convolutions are plain sums of products.
- "int8": one product of matrices for all taps, int8 to int32, then sums over shifted taps. For GPUs, whose libraries
  may compute a float convolution by transforms that round.
- "bfloat16": likewise with bfloat16 operands, which hold integers up to 256, summed in float32. For TPUs.
"""

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.integer.layer import SYMBOL_RANGE, IntegerLayer
from jaxcompress.integer.network import MEAN_LIMIT, IntegerNetworks
from jaxcompress.layers import inside
from jaxcompress.ops import pixel_shuffle

FORMS = ("float32", "int8", "bfloat16")


def default_form(platform: str | None = None) -> str:
    """The fastest form for a device.

    Args:
        platform: "cpu", "gpu" (or its maker's name) or "tpu"; that of JAX's default device if None.

    Returns:
        One of `FORMS`.
    """
    return {"cpu": "float32", "tpu": "bfloat16"}.get(platform or jax.default_backend(), "int8")


class Parameters(NamedTuple):
    """What the coder needs of every latent.

    Attributes:
        indexes: uint8, numbers of tables.
        means: int32, in 64ths; or None for zero.
    """

    indexes: Any
    means: Any


class IntegerEvaluator:
    """Evaluates integer networks. Safe to share between threads.

    Args:
        networks: see `quantize_entropy`.
        form: one of `FORMS`; the device's own if not given. It does not change results.
        device: where to compute; JAX's default device if not given.

    Raises:
        ValueError: there is no such form.
    """

    def __init__(self, networks: IntegerNetworks, *, form: str | None = None, device: jax.Device | None = None):
        thresholds = jax.device_put(networks.thresholds, device)
        form = form or default_form(thresholds.devices().pop().platform)
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; expected one of {', '.join(FORMS)}")
        self._networks = networks
        self._hyper_plan = tuple(_plan(layer, form) for layer in networks.hyper_synthesis)
        self._context_plan = tuple(_plan(layer, form) for layer in networks.context)
        self._hyper_arrays = jax.device_put([_arrays(layer) for layer in networks.hyper_synthesis], device)
        self._context_arrays = jax.device_put([_arrays(layer) for layer in networks.context], device)
        self._thresholds = thresholds

    def hyper_synthesis(self, z_symbols: np.ndarray, size: np.ndarray | None = None) -> Any:
        """What z tells of y.

        Args:
            z_symbols: integers `[h / 4, w / 4, N]`: z_hat less the medians.
            size: int32 `[2]`, how many of its rows and columns are the picture's, the others zeros; None for all.

        Returns:
            `Parameters` `[h, w, M]`; for an autoregressive model its side information, int32 `[h, w, X]`.
        """
        # Parameters and all in one program: small ones cost as much time to compile and to start as large ones.
        channels = None if self._networks.context else self._networks.channels
        x = np.clip(z_symbols, *SYMBOL_RANGE).astype(np.int32)
        arrays = self._hyper_arrays, self._thresholds
        return jax.tree.map(np.asarray, _hyper_synthesis(self._hyper_plan, channels, *arrays, x, size))

    def context_parameters(self, y_hat: np.ndarray, side: np.ndarray) -> Parameters:
        """What side information and the latents before it tell of each latent: `coder.IntegerContextModel.predict`.

        Args:
            y_hat: float32 `[h, w, M]`, multiples of 1/64.
            side: as `hyper_synthesis` returns it.

        Returns:
            `Parameters` `[h, w, M]`.
        """
        y = jnp.asarray(np.rint(np.asarray(y_hat, np.float64) * 64), jnp.int32)
        shifts = self._networks.latent_shifts
        arrays = self._context_arrays, self._thresholds
        found = _context(self._context_plan, self._networks.channels, *arrays, shifts, y, jnp.asarray(side))
        return jax.tree.map(np.asarray, found)


class _Plan(NamedTuple):
    """What a compiled layer depends on besides its arrays."""

    form: str
    parts: tuple[tuple[int, int], ...]
    factor: int
    activation: str
    output_range: tuple[int, int] | None
    center: int
    windows: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


def _plan(layer: IntegerLayer, form: str) -> _Plan:
    parts = tuple((part.start, part.stop) for part in layer.input_parts(by_tap=form == "bfloat16"))
    # An int8 holds inputs less this.
    center = layer.input_range[1] - 127
    return _Plan(form, parts, layer.factor, layer.activation, layer.output_range, center, _windows(layer))


def _windows(layer: IntegerLayer) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """Rows and columns of the kernel that each phase of the outputs uses; one pair if all use the same."""
    phases = layer.factor**2
    used = layer.kernel != 0
    windows = tuple(_window(used[..., phase::phases].max((2, 3))) for phase in range(phases))
    return windows[:1] if len(set(windows)) == 1 else windows


def _window(used: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """The least rectangle around the taps, and the middle one."""
    middle = len(used) // 2
    rows, columns = ([middle, *numbers] for numbers in np.nonzero(used))
    return (int(min(rows)), int(max(rows)) + 1), (int(min(columns)), int(max(columns)) + 1)


def _arrays(layer: IntegerLayer) -> dict[str, np.ndarray]:
    names = ("kernel", "bias", "shift", "tap_bias")
    return {name: getattr(layer, name) for name in names if getattr(layer, name) is not None}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _hyper_synthesis(
    plan: tuple[_Plan, ...],
    channels: int | None,
    arrays: Sequence[dict[str, jax.Array]],
    thresholds: jax.Array,
    x: jax.Array,
    size: jax.Array | None,
) -> Any:
    """Parameters of `channels` latents, or if None the outputs as they are."""
    cells = x.shape[0], x.shape[1]
    for layer, of_layer in zip(plan, arrays, strict=True):
        exists = None if size is None else inside(jnp.ones((*x.shape[:2], 1), jnp.int32), cells, size)
        x = _finish(layer, of_layer, _sums(layer, of_layer, x, exists))
    return x if channels is None else _parameters(channels, x, thresholds)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _context(
    plan: tuple[_Plan, ...],
    channels: int,
    arrays: Sequence[dict[str, jax.Array]],
    thresholds: jax.Array,
    latent_shifts: jax.Array,
    y: jax.Array,
    side: jax.Array,
) -> Parameters:
    x = jnp.clip(_shift(y, latent_shifts), *SYMBOL_RANGE)
    for i, (layer, of_layer) in enumerate(zip(plan, arrays, strict=True)):
        sums = _sums(layer, of_layer, x)
        x = _finish(layer, of_layer, side + sums if i == 0 else sums)
    return _parameters(channels, x, thresholds)


def _parameters(channels: int, outputs: jax.Array, thresholds: jax.Array) -> Parameters:
    scales, means = outputs[..., :channels], outputs[..., channels:]

    def count(i: int, indexes: jax.Array) -> jax.Array:
        return indexes + (scales > thresholds[i]).astype(jnp.uint8)

    indexes = lax.fori_loop(0, len(thresholds), count, jnp.zeros(scales.shape, jnp.uint8), unroll=True)
    return Parameters(indexes, jnp.clip(means, -MEAN_LIMIT, MEAN_LIMIT) if means.shape[-1] else None)


def _finish(plan: _Plan, arrays: dict[str, jax.Array], sums: jax.Array) -> jax.Array:
    """Outputs of a layer from its sums."""
    if plan.activation == "leaky":
        sums = jnp.where(sums < 0, (sums >> 7) + (sums >> 9) + (sums >> 12), sums)
    x = _shift(sums, arrays["shift"])
    if plan.output_range is not None:
        x = jnp.clip(x, *plan.output_range)
    return pixel_shuffle(x[None], plan.factor)[0] if plan.factor > 1 else x


def _shift(x: jax.Array, by: jax.Array) -> jax.Array:
    """Divides by a power of two, rounding half up; multiplies where `by` is negative."""
    by = by.astype(jnp.int32)
    right = jnp.maximum(by, 0)
    return ((x << jnp.maximum(-by, 0)) + ((1 << right) >> 1)) >> right


def _sums(plan: _Plan, arrays: dict[str, jax.Array], x: jax.Array, exists: jax.Array | None = None) -> jax.Array:
    """The sums of a layer, int32 `[h, w, out]`, of inputs `[h, w, in]`; `exists` is 0 beyond their end."""
    kernel = arrays["kernel"]
    if exists is not None:
        x = x * exists
    if plan.form == "float32":
        sums = _convolve(plan, x, kernel)
    else:
        products = _int8_products if plan.form == "int8" else _bfloat16_products
        sums = _add_taps(products(plan, x, kernel))
    if "tap_bias" in arrays:
        taps = jnp.broadcast_to(arrays["tap_bias"], (*x.shape[:2], *arrays["tap_bias"].shape))
        sums += _add_taps(taps if exists is None else taps * exists[..., None, None])
    return sums + arrays["bias"]


def _convolve(plan: _Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves for each group of outputs with the taps it has."""
    margin, count = kernel.shape[0] // 2, len(plan.windows)
    x, kernel = x[None].astype(jnp.float32), kernel.astype(jnp.float32)
    groups = []
    for group, (rows, columns) in enumerate(plan.windows):
        used = kernel[slice(*rows), slice(*columns), :, group::count]
        padding = [(margin - begin, end - 1 - margin) for begin, end in (rows, columns)]
        sums = _add(
            lax.conv_general_dilated(
                x[..., begin:end],
                used[:, :, begin:end],
                (1, 1),
                padding,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                precision=lax.Precision.HIGHEST,
            )[0].astype(jnp.int32)
            for begin, end in plan.parts
        )
        groups.append(sums)
    return jnp.stack(groups, -1).reshape(*x.shape[1:3], -1)


def _int8_products(plan: _Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """What each input adds by each tap, int32 `[h, w, k, k, out]`."""
    products = lax.dot_general(
        (x - plan.center).astype(jnp.int8), kernel, (((2,), (2,)), ((), ())), preferred_element_type=jnp.int32
    )
    return products + plan.center * kernel.astype(jnp.int32).sum(2)


def _bfloat16_products(plan: _Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Likewise."""
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return _add(
        lax.dot_general(
            x[..., begin:end], kernel[:, :, begin:end], (((2,), (2,)), ((), ())), preferred_element_type=jnp.float32
        ).astype(jnp.int32)
        for begin, end in plan.parts
    )


def _add(terms: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, terms)


def _add_taps(products: jax.Array) -> jax.Array:
    """Sums over taps, each shifted to the output that sees it; outside there is nothing."""
    height, width, size = products.shape[:3]
    margin = size // 2
    padded = jnp.pad(products, ((margin, margin), (margin, margin), (0, 0), (0, 0), (0, 0)))
    return _add(
        padded[row : row + height, column : column + width, row, column]
        for row in range(size)
        for column in range(size)
    )
