"""Autoregressive coding: the arithmetic bit by bit, by a second implementation."""

import ctypes
import platform

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, build_indexes, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())
INSTRUCTION_SETS = coder.instruction_sets()


def fma(a, b, c):
    """float32 `a * b + c`, rounded once: in float64 the product is exact, and the sum is rounded to odd there."""
    product, c = a.astype(np.float64) * b, c.astype(np.float64)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)
    bits = total.view(np.int64)
    to_odd = np.where((error != 0) & (bits % 2 == 0), np.where((error > 0) == (total > 0), 1, -1), 0)
    return (bits + to_odd).view(np.float64).astype(np.float32)


def chain(kernel, bias, inputs):
    """One output is the bias, then one input after the other."""
    sums = bias
    for row, value in zip(kernel, inputs, strict=True):
        sums = fma(np.broadcast_to(value, row.shape), row, sums)
    return sums


def predict(weights, window, hyper):
    """Scales and means of a position."""
    kernel, bias = weights.context
    size, channels = kernel.shape[0], kernel.shape[2]
    taps = size * size // 2
    context = chain(
        kernel.reshape(size * size * channels, -1)[: taps * channels],
        bias,
        window.reshape(size * size, channels)[:taps].reshape(-1),
    )
    values = np.concatenate([hyper, context])
    for index, (kernel, bias) in enumerate(weights.layers):
        values = chain(kernel, bias, values)
        if index + 1 < len(weights.layers):
            values = np.where(values >= 0, values, np.float32(weights.slope) * values)
    return np.split(values, 2)


def reference(weights, y, hyper):
    """Symbols, indexes, y_hat, scales and means, `[h, w, M]` each."""
    size = weights.context[0].shape[0]
    reach = size // 2
    padded = np.zeros((y.shape[0] + 2 * reach, y.shape[1] + 2 * reach, y.shape[2]), np.float32)
    symbols = np.zeros(y.shape, np.int32)
    scales, means = np.zeros_like(y), np.zeros_like(y)
    for row, column in np.ndindex(y.shape[:2]):
        window = padded[row : row + size, column : column + size]
        scales[row, column], means[row, column] = predict(weights, window, hyper[row, column])
        symbols[row, column] = np.rint(y[row, column] - means[row, column])
        window[reach, reach] = symbols[row, column].astype(np.float32) + means[row, column]
    y_hat = padded[reach : reach + y.shape[0], reach : reach + y.shape[1]]
    return symbols, np.asarray(build_indexes(scales, TABLES.scale_table)), y_hat, scales, means


def in_wavefronts(array, size):
    """Rows `[M]` of an array `[h, w, M]` in the order of fronts."""
    positions = np.ndindex(array.shape[:2])
    slope = (size + 1) // 2
    return np.array([array[p] for p in sorted(positions, key=lambda p: (p[1] + slope * p[0], p[0]))])


CASES = {
    "5x5": ({"channels": 5}, (6, 7)),
    "3x3": ({"channels": 4, "size": 3, "seed": 1}, (4, 9)),
    "7x7": ({"channels": 3, "size": 7, "seed": 2}, (8, 6)),
    "one position": ({"channels": 6, "seed": 3}, (1, 1)),
    "one row": ({"channels": 6, "seed": 4}, (1, 9)),
    "one column": ({"channels": 6, "seed": 5}, (9, 1)),
    "one layer": ({"channels": 5, "hidden": (), "seed": 6}, (4, 5)),
    "many layers": ({"channels": 5, "hidden": (9, 8, 7, 6), "seed": 7}, (3, 4)),
    "narrow context, no side information": ({"channels": 5, "context": 3, "side": 0, "seed": 8}, (4, 5)),
    "wide layers": ({"channels": 37, "side": 20, "hidden": (110, 90), "seed": 9}, (2, 5)),
    "rows that are computed in parts": ({"channels": 2, "size": 3, "side": 1, "hidden": (3,), "seed": 11}, (2, 130)),
    "one channel": ({"channels": 1, "side": 1, "hidden": (2,), "seed": 10}, (5, 5)),
}


@pytest.fixture(params=CASES, scope="module")
def case(request, context_weights):
    options, shape = CASES[request.param]
    weights = context_weights(**options)
    y, hyper = weights.picture(*shape, seed=1)
    return weights, y, hyper, reference(weights, y, hyper)


def test_the_cases_show_something(case):
    _, _, _, (symbols, indexes, *_) = case
    assert len(np.unique(indexes)) > min(8, indexes.size // 3)
    assert (symbols != 0).any()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_bits_are_those_of_the_chain_that_is_specified(case, isa, threads):
    weights, y, hyper, (symbols, indexes, y_hat, scales, means) = case
    model = weights.model(isa)
    for name, found, expected in zip(
        ("scales", "means"), model.predict(y_hat, hyper, threads=threads), (scales, means), strict=True
    ):
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32), err_msg=name)
    size = weights.context[0].shape[0]
    for order, arrange in (("raster", np.asarray), ("wavefront", lambda array: in_wavefronts(array, size))):
        data = model.encode(y, hyper, TABLES.coder_tables, order=order, threads=threads)
        expected = coder.encode(arrange(symbols).ravel(), arrange(indexes).ravel(), TABLES.coder_tables)
        assert data == expected, order
        decoded = model.decode(data, hyper, TABLES.coder_tables, order=order, threads=threads)
        np.testing.assert_array_equal(decoded.view(np.uint32), y_hat.view(np.uint32), err_msg=order)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the rounding modes of x86-64")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_rounding_mode_of_the_process_does_not_matter(small_context_model, threads):
    _, model, pictures, streams = small_context_model
    expected = model.decode(streams["raster"][0], pictures[0][1], TABLES.coder_tables)
    mathematics = ctypes.CDLL("libm.so.6")
    upward, before = 0x800, mathematics.fegetround()
    assert mathematics.fesetround(upward) == 0
    try:
        data = model.encode(*pictures[0], TABLES.coder_tables, threads=threads)
        found = model.decode(data, pictures[0][1], TABLES.coder_tables, threads=threads)
        after = mathematics.fegetround()
    finally:
        mathematics.fesetround(before)
    assert after == upward
    assert data == streams["raster"][0]
    np.testing.assert_array_equal(found, expected)


def constant_model(scales, means, tables):
    """A model with the same scales and means everywhere, and side information for one position."""
    bias, channels = np.concatenate([scales, means]), len(scales)
    kernel = np.zeros((3, 3, channels, 1), np.float32)
    model = coder.ContextModel(kernel, [0], [(np.zeros((1, 2 * channels)), bias)], tables.scale_table)
    return model, np.zeros((1, 1, 0), np.float32)


# The models take no scale below 0.11, whatever the tables.
@pytest.mark.parametrize("tables", [TABLES, build_gaussian_tables(np.array([0.05, 0.1, 0.2, 1], np.float32))])
def test_indexes_are_those_of_the_models(tables):
    scales = tables.scale_table
    inf, zero = np.float32(np.inf), np.float32(0)
    scales = np.concatenate([scales, np.nextafter(scales, inf), np.nextafter(scales, zero), [-1, 0, 1e-9, 1e9, 3e38]])
    scales = scales.astype(np.float32)
    model, hyper = constant_model(scales, np.zeros_like(scales), tables)
    expected = np.asarray(build_indexes(scales, tables.scale_table))
    data = model.encode(np.full((1, 1, len(scales)), 3), hyper, tables.coder_tables)
    assert data == coder.encode(np.full(len(scales), 3), expected, tables.coder_tables)


def test_residuals_are_rounded_half_to_even():
    y = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388607.5, 2.0**26 + 8], np.float32)
    model, hyper = constant_model(np.ones_like(y), np.zeros_like(y), TABLES)
    y_hat = model.decode(model.encode(y[None, None], hyper, TABLES.coder_tables), hyper, TABLES.coder_tables)
    np.testing.assert_array_equal(y_hat[0, 0], np.rint(y))
