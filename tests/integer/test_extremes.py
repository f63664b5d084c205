"""Networks and inputs at the ends of what there is: no sum leaves int32, and what is encoded decodes."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.codec.context import integer_context_model
from jaxcompress.entropy import build_gaussian_tables, default_scale_table, to_symbols
from jaxcompress.integer import FORMS, IntegerEvaluator, IntegerLayer, IntegerNetworks, UnsupportedNetworkError
from jaxcompress.integer.calibrate import Signals, keep_signals
from jaxcompress.integer.chains import quantize_networks
from jaxcompress.integer.layer import RANGES, SUM_LIMIT, SYMBOL_RANGE
from jaxcompress.integer.linear import LinearLayer, LinearNetworks
from jaxcompress.integer.network import SIDE_LIMIT

TABLES = build_gaussian_tables(default_scale_table())
THRESHOLDS = np.rint(TABLES.scale_table[:-1] * 4096).astype(np.int32)
CHANNELS = 3
KINDS = ("scales", "means", "context")


# ---------------------------------------------------------------- networks


def shapes(kind):
    """By part: kernel shapes with factors and activations."""
    activation = "relu" if kind == "scales" else "leaky"
    outputs = {"scales": CHANNELS, "means": 2 * CHANNELS, "context": 4}[kind]
    hyper = [((3, 3, 2, 12), 2, activation), ((3, 3, 3, 12), 2, activation), ((3, 3, 3, outputs), 1, "none")]
    context = [((5, 5, CHANNELS, 4), 1, "leaky"), ((1, 1, 4, 4), 1, "leaky"), ((1, 1, 4, 2 * CHANNELS), 1, "none")]
    return hyper, context if kind == "context" else []


def powers(rng, size, decades):
    return 10.0 ** rng.uniform(-decades, decades, size)


def random_array(rng, shape):
    """Numbers of some size, and of sizes that differ, some or all of them zero or equal, or one that stands out."""
    decades = rng.choice([0, 1, 3, 10, 30])
    a = rng.normal(0, 1, shape) * 10.0 ** rng.uniform(-decades, decades)
    kind = rng.integers(8)
    if kind == 0:
        a = a * powers(rng, shape[-1], decades)
    elif kind == 1:
        a = a * powers(rng, (shape[-2:-1] or (1,))[0], decades).reshape(-1, 1).reshape((-1, 1)[: len(shape)])
    elif kind == 2:
        a[..., rng.integers(shape[-1])] = 0
    elif kind == 3:
        a[...] = 0
    elif kind == 4:
        a[...] = a.flat[0]
    elif kind == 5:
        a.flat[rng.integers(a.size)] *= 10.0 ** rng.uniform(0, 30)
    return np.float64(np.float32(np.clip(a, -3e38, 3e38)))


def linear_networks(rng, kind):
    def layer(shape, factor, activation):
        kernel = random_array(rng, shape)
        if shape[0] == 5:
            kernel.reshape(25, -1)[12:] = 0
        return LinearLayer(kernel, random_array(rng, shape[-1:]).reshape(-1), factor, activation)

    hyper_synthesis, context = ([layer(*of) for of in part] for part in shapes(kind))
    if context:  # whose first layer's bias is in the side information
        context[0] = context[0]._replace(bias=np.zeros_like(context[0].bias))
    return LinearNetworks(hyper_synthesis, context)


def quantized_networks(rng, kind):
    """Networks made of weights, medians and latents of any size; None if their signals are not finite."""
    networks = linear_networks(rng, kind)
    medians = np.float32(random_array(rng, (2,))) if rng.random() < 0.3 else rng.normal(0, 1, 2).astype(np.float32)
    signals = Signals([[] for _ in networks.hyper_synthesis], [[] for _ in networks.context])
    sizes = [10.0 ** rng.uniform(*[(0, 1), (-3, 3), (5, 7), (-30, 30)][rng.integers(4)]) for _ in range(2)]
    for shape in [(4, 4), (1, 1)]:
        y = rng.normal(0, sizes[0], (1, 4 * shape[0], 4 * shape[1], CHANNELS)).astype(np.float32)
        z = rng.normal(0, sizes[1], (1, *shape, 2)).astype(np.float32)
        with np.errstate(over="ignore"):  # of what is computed in float32
            keep_signals(signals, networks, medians, jnp.asarray(y), jnp.asarray(z))
    args = networks, signals, rng.choice([1, 1.5, 100]), medians.astype(np.float64), THRESHOLDS, CHANNELS
    try:
        return quantize_networks(*args)
    except UnsupportedNetworkError:
        assert not all(np.isfinite(sample).all() for part in signals for seen in part for sample in seen)
        return None


def limit_networks(rng, kind):
    """Networks whose sums may be as large as the constructor allows."""
    hyper, context = shapes(kind)

    def layer(shape, factor, activation, input_range, limit, *, may_bias=True, lowest=0):
        kernel = rng.choice([(-128, 127), (0,), (-128, 0, 1, 127)][rng.integers(3)], shape)
        if shape[0] == 5:
            kernel.reshape(25, -1)[12:] = 0
        shift = rng.choice([lowest, 0, 1, 12, 30], shape[-1])
        room = (limit - 1 >> np.maximum(-shift, 0)) - max(map(abs, input_range)) * np.abs(kernel).sum((0, 1, 2))
        shift = np.where(room < 0, 0, shift)
        room = np.where(room < 0, limit - 1 - max(map(abs, input_range)) * np.abs(kernel).sum((0, 1, 2)), room)
        bias, tap_bias = room * may_bias, None
        if input_range == SYMBOL_RANGE and may_bias and rng.random() < 0.5:
            tap_bias = np.zeros((*shape[:2], shape[-1]), np.int32)
            tap_bias[tuple(rng.integers(shape[0], size=2))] = bias // 2
            bias = bias - bias // 2
        sign = rng.choice([-1, 1], shape[-1])
        arrays = kernel.astype(np.int8), (bias * sign).astype(np.int32), shift.astype(np.int8)
        tap_bias = None if tap_bias is None else tap_bias * sign.astype(np.int32)
        return IntegerLayer(*arrays, factor, activation, tap_bias, input_range)

    def part(layers, limits, **first):
        ranges = [SYMBOL_RANGE, *(RANGES[activation] for _, _, activation in layers[:-1])]
        made = []
        for i, (of, input_range, limit) in enumerate(zip(layers, ranges, limits, strict=False)):
            how = first if i == 0 else {}
            made.append(layer(*of, input_range, limit, **how, lowest=-16 if of[2] == "none" else 0))
        return tuple(made)

    if not context:
        return IntegerNetworks(part(hyper, [SUM_LIMIT] * 3), THRESHOLDS, CHANNELS)
    side = part(hyper, [SUM_LIMIT, SUM_LIMIT, SIDE_LIMIT - 1])
    shifts = rng.choice([0, 1, 6, 30], CHANNELS).astype(np.uint8)
    made = part(context, [SIDE_LIMIT, SUM_LIMIT, SUM_LIMIT], may_bias=False)
    return IntegerNetworks(side, THRESHOLDS, CHANNELS, made, shifts)


# ---------------------------------------------------------------- inputs


def random_z(rng):
    shape = (*rng.choice([(1, 1), (2, 3)]), 2)
    ends = np.iinfo(np.int32)
    kind = rng.integers(4)
    if kind == 0:
        return rng.choice([ends.min, ends.max, -129, -128, 127, 128, 0], shape).astype(np.int32)
    if kind == 1:
        return np.full(shape, rng.choice([ends.min, ends.max, -128, 127, 0, 1]), np.int32)
    if kind == 2:
        rows, columns, _ = np.indices(shape)
        return np.where((rows + columns) % 2, ends.max, ends.min).astype(np.int32)
    return rng.integers(-9, 10, shape, np.int32)


def random_y(rng, shape):
    size = 10.0 ** rng.uniform(-3, rng.choice([1, 3, 6, 7.5]))
    rows, columns, channels = np.indices(shape)
    patterns = [
        rng.normal(0, 1, shape),
        np.ones(shape),
        (-1.0) ** (rows + columns + channels),
        rng.choice([-1, 0, 1], shape),
    ]
    return (size * patterns[rng.integers(4)]).astype(np.float32)


# ---------------------------------------------------------------- the definition in int64


def in_int32(a):
    assert np.abs(a).max(initial=0) < 2**31
    return a


def sums_of(layer, x):
    """Sums of a layer; in int32 in whatever order they are added, for so is the sum of what they are made of."""
    margin = len(layer.kernel) // 2

    def windows(a):
        padded = np.pad(a, ((margin, margin), (margin, margin), (0, 0)))
        return np.lib.stride_tricks.sliding_window_view(padded, layer.kernel.shape[:2], (0, 1))

    tap_bias = np.zeros((*layer.kernel.shape[:2], 1, 1)) if layer.tap_bias is None else layer.tap_bias[:, :, None]
    kernel, tap_bias, bias = (a.astype(np.int64) for a in (layer.kernel, tap_bias, layer.bias))
    ones = windows(np.ones((*x.shape[:2], 1), np.int64))

    def summed(inputs, kernel, tap_bias, bias):
        inside = np.einsum("hwikl,klio->hwo", ones, np.broadcast_to(tap_bias, (*kernel.shape[:2], 1, kernel.shape[3])))
        return np.einsum("hwikl,klio->hwo", inputs, kernel) + inside + bias

    in_int32(summed(windows(np.abs(x)), *map(np.abs, (kernel, tap_bias, bias))))
    return summed(windows(x), kernel, tap_bias, bias)


def shifted(x, shift):
    right = np.maximum(shift, 0)
    return in_int32(in_int32(x << np.maximum(-shift, 0)) + ((1 << right) >> 1)) >> right


def finished(layer, sums):
    if layer.activation == "leaky":
        sums = np.where(sums < 0, (sums >> 7) + (sums >> 9) + (sums >> 12), sums)
    x = shifted(in_int32(sums), layer.shift.astype(np.int64))
    if layer.output_range is not None:
        x = np.clip(x, *layer.output_range)
    height, width, factor = *x.shape[:2], layer.factor
    x = x.reshape(height, width, -1, factor, factor).transpose(0, 3, 1, 4, 2)
    return x.reshape(factor * height, factor * width, -1)


def chain(layers, x, side=0):
    for layer in layers:
        x = finished(layer, in_int32(sums_of(layer, x) + side))
        side = 0
    return x


def parameters(outputs):
    scales, means = np.split(outputs, [CHANNELS], -1)
    return (scales[..., None] > THRESHOLDS).sum(-1), np.clip(means, -(2**21), 2**21)


def in_latents(means):
    return means.astype(np.float32) / np.float32(64)


# ---------------------------------------------------------------- the cases


def check_case(rng, networks, evaluators, kernel):
    """One input through the definition, the evaluators, the coder's kernel, and to a string and back."""
    z = random_z(rng)
    outputs = chain(networks.hyper_synthesis, np.clip(z.astype(np.int64), *SYMBOL_RANGE))
    found = [evaluator.hyper_synthesis(z) for evaluator in evaluators]
    y = random_y(rng, (*outputs.shape[:2], CHANNELS))
    y = y if kernel is None else y.clip(-(2**15), 2**15)  # beyond are errors
    coder_tables = TABLES.coder_tables
    if kernel is None:
        indexes, means = parameters(outputs)
        for of in found:
            np.testing.assert_array_equal(of.indexes, indexes)
            assert (of.means is None) == (means.shape[-1] == 0)
            if of.means is not None:
                np.testing.assert_array_equal(of.means, means)
        symbols = to_symbols(np.rint(y - (in_latents(means) if means.shape[-1] else 0)))
        data = coder.encode(symbols, indexes, coder_tables)
        np.testing.assert_array_equal(coder.decode(data, indexes, coder_tables), symbols)
        return
    for side in found:
        np.testing.assert_array_equal(side, outputs)
    side, order = found[0], rng.choice(["raster", "wavefront"])
    data = kernel.encode(y, side, coder_tables, order=order)
    y_hat = kernel.decode(data, side, coder_tables, order=order, threads=int(rng.integers(1, 3)))
    seen = shifted(np.rint(y_hat.astype(np.float64) * 64).astype(np.int64), networks.latent_shifts.astype(np.int64))
    indexes, means = parameters(chain(networks.context, np.clip(seen, *SYMBOL_RANGE), outputs))
    for of in [kernel.predict(y_hat, side), *(e.context_parameters(y_hat, side) for e in evaluators)]:
        np.testing.assert_array_equal(of[0], indexes)
        np.testing.assert_array_equal(of[1], means)
    means = in_latents(means)
    np.testing.assert_array_equal(y_hat, np.rint(y - means) + means)


def check_cases(seed, count, inputs, forms):
    """As many networks, with as many inputs each; how many others were refused."""
    rng = np.random.default_rng(seed)
    refused = 0
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        networks = limit_networks(rng, kind) if number % 7 == 0 else None
        while networks is None:
            networks = quantized_networks(rng, kind)
            refused += networks is None
        evaluators = [IntegerEvaluator(networks, form=form) for form in forms]
        kernel = integer_context_model(networks) if networks.context else None
        for _ in range(inputs):
            check_case(rng, networks, evaluators, kernel)
    return refused


def test_extreme_networks_and_inputs():
    assert check_cases(seed=0, count=10, inputs=10, forms=["float32"]) < 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_extreme_inputs():
    assert check_cases(seed=1, count=200, inputs=50, forms=FORMS) < 200
