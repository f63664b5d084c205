"""Layers of integer networks in JAX, in three forms that give equal bits.

A device multiplies small integers exactly in more than one way, and is fast in one of them:

- "float32": convolutions of integers in float32, channels in groups whose sums stay below 2^24. For CPUs, whose
  convolutions are plain sums of products.
- "int8": one product of matrices for all taps, int8 to int32, then sums over shifted taps. For GPUs, whose libraries
  may compute a float convolution by transforms that round.
- "bfloat16": likewise with bfloat16 operands, which hold integers up to 256, summed in float32. For TPUs.
"""

import functools
import operator
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcompress.integer.layer import ARRAYS, IntegerLayer
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


class Plan(NamedTuple):
    """What a compiled layer depends on besides its arrays.

    Attributes:
        form: one of `FORMS`.
        parts: groups of input channels whose sums are exact in float32.
        factor: see `IntegerLayer`.
        activation: see `IntegerLayer`.
        output_range: see `IntegerLayer`.
        center: what is subtracted from inputs so that they fit in int8.
        used: whether any weight is other than zero.
        windows: rows and columns of the kernel that each phase of the outputs uses; one pair if all use the same.
    """

    form: str
    parts: tuple[tuple[int, int], ...]
    factor: int
    activation: str
    output_range: tuple[int, int] | None
    center: int
    used: bool
    windows: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


def plan_of(layer: IntegerLayer, form: str) -> Plan:
    """The plan of a layer in one of `FORMS`."""
    parts = tuple((part.start, part.stop) for part in layer.input_parts(by_tap=form == "bfloat16"))
    # An int8 holds inputs less this.
    center = layer.input_range[1] - 127
    return Plan(
        form,
        parts,
        layer.factor,
        layer.activation,
        layer.output_range,
        center,
        bool(layer.kernel.any()),
        _windows(layer),
    )


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


def arrays_of(layer: IntegerLayer) -> dict[str, np.ndarray]:
    """The arrays of a layer by name, those that are there."""
    return {name: array for name in ARRAYS if (array := getattr(layer, name)) is not None}


def run(
    plan: Plan,
    arrays: dict[str, jax.Array],
    x: jax.Array,
    *,
    exists: jax.Array | None = None,
    number: jax.Array | None = None,
    added: jax.Array | None = None,
) -> jax.Array:
    """The outputs of a layer, int32 `[f h, f w, out / f^2]` for a shuffle by f.

    Args:
        plan: of the layer.
        arrays: of the layer, see `arrays_of`.
        x: int32 `[h, w, in]`.
        exists: int32 `[h, w, 1]`, 1 where the input exists and 0 beyond its end; None where all of it does.
        number: int32 scalar, the value of the setting that the bias depends on; None if it depends on none.
        added: int32 `[h, w, out]`, added to the sums.
    """
    sums = _bias(arrays["bias"], number)
    if plan.used:
        sums += _products(plan, arrays["kernel"], x, exists)
    if "tap_bias" in arrays:
        taps = jnp.broadcast_to(arrays["tap_bias"], (*x.shape[:2], *arrays["tap_bias"].shape))
        sums += _add_taps(taps if exists is None else taps * exists[..., None, None])
    return finish(plan, arrays, x, sums if added is None else sums + added)


def finish(plan: Plan, arrays: dict[str, jax.Array], x: jax.Array, sums: jax.Array) -> jax.Array:
    """The outputs of a layer from its inputs and sums."""
    if plan.activation == "leaky":
        sums = jnp.where(sums < 0, (sums >> 7) + (sums >> 9) + (sums >> 12), sums)
    if "skip" in arrays:
        positive = jnp.maximum(sums, 0) if plan.activation == "relu" else sums
        sums = positive + (x << arrays["skip"].astype(jnp.int32))
    outputs = shift(sums, arrays["shift"])
    if plan.output_range is not None:
        outputs = jnp.clip(outputs, *plan.output_range)
    outputs = jnp.broadcast_to(outputs, (*x.shape[:2], outputs.shape[-1]))
    return pixel_shuffle(outputs[None], plan.factor)[0] if plan.factor > 1 else outputs


def shift(x: jax.Array, by: jax.Array) -> jax.Array:
    """Divides by a power of two, rounding half up; multiplies where `by` is negative."""
    by = by.astype(jnp.int32)
    right = jnp.maximum(by, 0)
    return ((x << jnp.maximum(-by, 0)) + ((1 << right) >> 1)) >> right


def multiply(x: jax.Array, multipliers: jax.Array, by: jax.Array) -> jax.Array:
    """`shift(x * multipliers, by)`, where the product may need up to 42 bits.

    Args:
        x: int32, up to 2^23 in magnitude.
        multipliers: int32, 0 to 2^18.
        by: 13 to 30.
    """
    # x = 2^12 high + low; of the product, the last 12 bits only matter for whether it is rounded down.
    high, low, by = (x >> 12) * multipliers, (x & 4095) * multipliers, by.astype(jnp.int32)
    return (high + (low >> 12) + (1 << (by - 13))) >> (by - 12)


def _bias(bias: jax.Array, number: jax.Array | None) -> jax.Array:
    return bias if bias.ndim == 1 else bias[number]


def _products(plan: Plan, kernel: jax.Array, x: jax.Array, exists: jax.Array | None) -> jax.Array:
    """Sums over taps and inputs, int32 `[h, w, out]`."""
    if exists is not None and kernel.shape[0] > 1:
        x = x * exists
    if plan.form == "float32":
        return _convolve(plan, x, kernel)
    products = _int8_products if plan.form == "int8" else _bfloat16_products
    return _add_taps(products(plan, x, kernel))


def _convolve(plan: Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
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


def _int8_products(plan: Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Product of each input and each tap, summed over input channels, int32 `[h, w, k, k, out]`."""
    products = lax.dot_general(
        (x - plan.center).astype(jnp.int8), kernel, (((2,), (2,)), ((), ())), preferred_element_type=jnp.int32
    )
    return products + plan.center * kernel.astype(jnp.int32).sum(2)


def _bfloat16_products(plan: Plan, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same as `_int8_products`, in bfloat16."""
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
