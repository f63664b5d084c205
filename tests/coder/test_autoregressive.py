"""Autoregressive coding: the arithmetic bit by bit, equal in every way to run it, and CompressAI's streams."""

import ctypes
import dataclasses
import itertools
import platform
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.codec import stages
from jaxcompress.codec.position_loop import PositionLoop
from jaxcompress.entropy import build_gaussian_tables, build_indexes, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())
ORDERS = ("raster", "wavefront")
INSTRUCTION_SETS = coder.instruction_sets()


# ---------------------------------------------------------------- a second implementation


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


@dataclasses.dataclass
class Weights:
    """A model as arrays, with its picture-by-picture reference."""

    context: tuple[np.ndarray, np.ndarray]
    layers: list[tuple[np.ndarray, np.ndarray]]
    slope: float = 0.01

    def model(self, isa=None):
        return coder.ContextModel(*self.context, self.layers, TABLES.scale_table, slope=self.slope, isa=isa)

    def predict(self, window, hyper):
        kernel, bias = self.context
        size, channels = kernel.shape[0], kernel.shape[2]
        taps = size * size // 2
        context = chain(
            kernel.reshape(size * size * channels, -1)[: taps * channels],
            bias,
            window.reshape(size * size, channels)[:taps].reshape(-1),
        )
        values = np.concatenate([hyper, context])
        for index, (kernel, bias) in enumerate(self.layers):
            values = chain(kernel, bias, values)
            if index + 1 < len(self.layers):
                values = np.where(values >= 0, values, np.float32(self.slope) * values)
        return np.split(values, 2)

    def reference(self, y, hyper):
        """Symbols, indexes, y_hat, scales and means, `[h, w, M]` each."""
        size = self.context[0].shape[0]
        reach = size // 2
        padded = np.zeros((y.shape[0] + 2 * reach, y.shape[1] + 2 * reach, y.shape[2]), np.float32)
        symbols = np.zeros(y.shape, np.int32)
        scales, means = np.zeros_like(y), np.zeros_like(y)
        for row, column in np.ndindex(y.shape[:2]):
            window = padded[row : row + size, column : column + size]
            scales[row, column], means[row, column] = self.predict(window, hyper[row, column])
            symbols[row, column] = np.rint(y[row, column] - means[row, column])
            window[reach, reach] = symbols[row, column].astype(np.float32) + means[row, column]
        y_hat = padded[reach : reach + y.shape[0], reach : reach + y.shape[1]]
        return symbols, np.asarray(build_indexes(scales, TABLES.scale_table)), y_hat, scales, means


def random_weights(channels, *, size=5, context=None, side=7, hidden=(19, 13), seed=0):
    """Weights whose scales and means spread over many tables."""
    rng = np.random.default_rng(seed)
    context = 2 * channels if context is None else context
    depth = size * size // 2 * channels
    kernel = rng.normal(0, 0.3 / np.sqrt(depth), (size, size, channels, context)).astype(np.float32)
    layers = []
    for inputs, outputs in itertools.pairwise((side + context, *hidden, 2 * channels)):
        layers.append([rng.normal(0, 1.4 / np.sqrt(inputs), (inputs, outputs)), rng.normal(0, 0.3, outputs)])
    deviations = np.exp(rng.uniform(np.log(0.1), np.log(20), channels))
    last_kernel, last_bias = layers[-1]
    last_kernel *= np.concatenate([deviations / 2, deviations])
    last_bias[:channels] += deviations
    layers = [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in layers]
    return Weights((kernel, rng.normal(0, 0.3, context).astype(np.float32)), layers)


def random_picture(weights, height, width, seed=0):
    rng = np.random.default_rng(seed)
    channels = weights.context[0].shape[2]
    side = weights.layers[0][0].shape[0] - weights.context[0].shape[3]
    spread = np.abs(weights.layers[-1][1][:channels])
    y = rng.normal(0, 1, (height, width, channels)) * spread
    return y.astype(np.float32), rng.normal(0, 1, (height, width, side)).astype(np.float32)


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
def case(request):
    options, shape = CASES[request.param]
    weights = random_weights(**options)
    y, hyper = random_picture(weights, *shape, seed=1)
    return weights, y, hyper, weights.reference(y, hyper)


@pytest.fixture(scope="module")
def small():
    """Weights, a model, and three pictures of different sizes with their streams by order."""
    weights = random_weights(10, seed=20)
    model = weights.model()
    pictures = [random_picture(weights, *shape, seed=seed) for seed, shape in enumerate([(5, 8), (9, 3), (4, 4)])]
    streams = {order: [model.encode(*p, TABLES.coder_tables, order=order) for p in pictures] for order in ORDERS}
    return weights, model, pictures, streams


# ---------------------------------------------------------------- bits


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


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_pictures_beside_each_other_do_not_matter(small, isa, threads, order):
    weights, single, pictures, streams = small
    model = weights.model(isa)
    ys, hypers = zip(*pictures, strict=True)
    # From 1 to 9 at a time: every number of positions that a tile of the product can have.
    for count in range(1, 10):
        chosen = [i % 3 for i in range(count)]
        found = model.encode_batch(
            [ys[i] for i in chosen], [hypers[i] for i in chosen], TABLES.coder_tables, order=order, threads=threads
        )
        assert found == [streams[order][i] for i in chosen]
        decoded = model.decode_batch(
            found, [hypers[i] for i in chosen], TABLES.coder_tables, order=order, threads=threads
        )
        for i, y_hat in zip(chosen, decoded, strict=True):
            expected = single.decode(streams[order][i], hypers[i], TABLES.coder_tables, order=order)
            np.testing.assert_array_equal(y_hat.view(np.uint32), expected.view(np.uint32))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows the rounding modes of x86-64")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_rounding_mode_of_the_process_does_not_matter(small, threads):
    _, model, pictures, streams = small
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


def test_masked_taps_are_not_read(small):
    weights, _, pictures, streams = small
    kernel, bias = weights.context
    kernel = kernel.copy()
    kernel[2, 2:] = kernel[3:] = np.nan
    model = Weights((kernel, bias), weights.layers).model()
    assert model.encode(*pictures[0], TABLES.coder_tables) == streams["raster"][0]


def test_other_dtypes_and_layouts_are_taken(small):
    weights, _, pictures, streams = small
    y, hyper = pictures[0]
    layers = [(np.asfortranarray(kernel), bias.tolist()) for kernel, bias in weights.layers]
    model = coder.ContextModel(
        weights.context[0].astype(np.float64), weights.context[1].tolist(), layers, TABLES.scale_table
    )
    data = model.encode(np.asfortranarray(y), hyper.astype(np.float64), TABLES.coder_tables)
    assert data == streams["raster"][0]
    decoded = model.decode(memoryview(bytearray(data)), hyper, TABLES.coder_tables)
    np.testing.assert_array_equal(decoded, model.decode(data, hyper, TABLES.coder_tables))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_a_picture_may_be_empty(small, shape, order):
    weights, model, pictures, streams = small
    y, hyper = random_picture(weights, *shape)
    data = model.encode(y, hyper, TABLES.coder_tables, order=order)
    assert data == coder.encode([], [], TABLES.coder_tables)
    assert model.decode(data, hyper, TABLES.coder_tables, order=order).shape == y.shape
    assert [array.shape for array in model.predict(y, hyper)] == [y.shape, y.shape]
    both = model.encode_batch([y, pictures[0][0]], [hyper, pictures[0][1]], TABLES.coder_tables, order=order)
    assert both == [data, streams[order][0]]
    assert model.encode_batch([], [], TABLES.coder_tables, order=order) == []
    assert model.decode_batch([], [], TABLES.coder_tables, order=order) == []


# ---------------------------------------------------------------- CompressAI and the JAX model


@dataclasses.dataclass
class Recorded:
    """A recorded network: our model of it, y and side information of its pictures, and what else is recorded."""

    case: Any
    model: coder.ContextModel
    tables: coder.CdfTables
    ys: np.ndarray
    hypers: np.ndarray


@pytest.fixture(params=["mbt2018", "cheng2020-anchor"], scope="module")
def recorded(request, golden_of):
    case = golden_of(request.param)
    params, tables = case.weights.params, case.weights.tables["gaussian_conditional"]
    context, parts = params["context_prediction"], params["entropy_parameters"]
    layers = [(parts[name]["kernel"][0, 0], parts[name]["bias"]) for name in sorted(parts, key=int)]
    model = coder.ContextModel(context["kernel"], context["bias"], layers, tables.scale_table)
    return Recorded(case, model, tables.coder_tables, case.image("eval/g_a"), case.image("eval/h_s"))


def test_streams_are_compressai_s(recorded):
    assert recorded.model.encode_batch(recorded.ys, recorded.hypers, recorded.tables) == recorded.case.strings()[0]


def test_streams_of_compressai_decode_to_its_latents(recorded):
    for data, y, hyper in zip(recorded.case.strings()[0], recorded.ys, recorded.hypers, strict=True):
        y_hat = recorded.model.decode(data, hyper, recorded.tables)
        assert np.abs(y_hat - y).max() < 0.5 + 1e-5
        other_order = recorded.model.encode(y, hyper, recorded.tables, order="wavefront")
        assert other_order != data
        again = recorded.model.decode(other_order, hyper, recorded.tables, order="wavefront")
        np.testing.assert_array_equal(again, y_hat)


def test_scales_and_means_are_compressai_s(recorded):
    # Its forward pass looks at y rounded without its mean.
    for y, hyper, expected in zip(
        recorded.ys, recorded.hypers, recorded.case.image("eval/entropy_parameters"), strict=True
    ):
        scales, means = recorded.model.predict(np.rint(y), hyper)
        np.testing.assert_allclose(np.concatenate([scales, means], -1), expected, rtol=1e-5, atol=1e-5)


def test_the_loop_of_the_codec_codes_the_same(recorded):
    module, params = recorded.case.weights.model(), recorded.case.weights.params
    table = tuple(TABLES.scale_table.tolist())
    y, hyper = recorded.ys[0], recorded.hypers[0]
    predictions = []

    def step(window, hyper):
        indexes, means = stages.position(module, table, params, window, hyper)
        predictions.append(means)
        return indexes, means

    loop = PositionLoop(step, 5, y.shape[-1], recorded.tables, progress=False)
    data = loop.encode(y, hyper)
    y_hat = recorded.model.decode(data, hyper, recorded.tables)
    np.testing.assert_allclose(
        recorded.model.predict(y_hat, hyper)[1], np.reshape(predictions, y.shape), rtol=1e-5, atol=1e-5
    )
    expected = loop.decode(data, hyper)
    np.testing.assert_allclose(y_hat, expected, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------- errors


def test_weights_that_do_not_fit_are_errors(small):
    weights = small[0]
    kernel, bias = weights.context
    layers, scales = weights.layers, TABLES.scale_table
    nan = kernel.copy()
    nan[0, 1, 2, 3] = np.nan
    infinite = layers[1][0].copy()
    infinite[-1, -1] = np.inf
    for match, arguments in {
        "context kernel has nan": (nan, bias, layers, scales),
        "context bias has inf": (kernel, np.full_like(bias, np.inf), layers, scales),
        r"layers\[1\] kernel has inf": (kernel, bias, [layers[0], (infinite, layers[1][1]), layers[2]], scales),
        r"context_kernel has shape \(5, 5, 10\)": (kernel[..., 0], bias, layers, scales),
        "two equal sides": (kernel[:3], bias, layers, scales),
        "odd side of at least 3": (kernel[:4, :4], bias, layers, scales),
        "4 x 4": (kernel[:4, :4], bias, layers, scales),
        "1 x 1": (kernel[:1, :1], bias, layers, scales),
        "has no outputs": (kernel[..., :0], bias[:0], layers, scales),
        "has 0 inputs": (kernel[:, :, :0], bias, layers, scales),
        "bias has 19 values but the kernel has 20": (kernel, bias[1:], layers, scales),
        r"layers\[1\] kernel has 13 inputs, expected 19": (kernel, bias, [layers[0], layers[2]], scales),
        "the last layer has 13 outputs, expected 20": (kernel, bias, layers[:2], scales),
        "those of the side information and 20 of the context": (kernel, bias, [layers[2]], scales),
        "layers is empty": (kernel, bias, [], scales),
        r"kernel of layers\[0\] has shape \(1, 27, 19\)": (kernel, bias, [(layers[0][0][None], layers[0][1])], scales),
        r"scale_table\[1\] is 0.11": (kernel, bias, layers, np.full(64, 0.11)),
        "scale_table has 0 entries": (kernel, bias, layers, []),
        "scale_table has 257 entries": (kernel, bias, layers, np.arange(1, 258)),
        "scale_table.0. is nan": (kernel, bias, layers, [np.nan, 1]),
        "complex64": (kernel.astype(np.complex64), bias, layers, scales),
    }.items():
        with pytest.raises(ValueError, match=match):
            coder.ContextModel(*arguments)
    with pytest.raises(ValueError, match="slope is nan"):
        coder.ContextModel(kernel, bias, layers, scales, slope=np.nan)
    with pytest.raises(ValueError, match=r"isa is 'mmx', expected one that this processor has: .*portable"):
        coder.ContextModel(kernel, bias, layers, scales, isa="mmx")


def test_pictures_that_do_not_fit_are_errors(small):
    _, model, pictures, streams = small
    (y, hyper), tables = pictures[0], TABLES.coder_tables
    data = streams["raster"][0]
    for match, call in {
        r"y has shape \(8, 5, 10\), expected \(5, 8, 10\)": lambda: model.encode(y.swapaxes(0, 1), hyper, tables),
        r"y has shape \(5, 8, 9\)": lambda: model.encode(y[..., 1:], hyper, tables),
        r"hyper has shape \(5, 8\), expected \[h, w, C\]": lambda: model.encode(y, hyper[..., 0], tables),
        "has 240 values, expected 5 x 8 x 7": lambda: model.decode(data, hyper[..., 1:], tables),
        "1 latents but side information of 2": lambda: model.encode_batch([y], [hyper, hyper], tables),
        "2 latents but side information of 1": lambda: model.encode_batch([y, y], [hyper], tables),
        "2 streams but side information of 1": lambda: model.decode_batch([data, data], [hyper], tables),
        "order is 'column'": lambda: model.encode(y, hyper, tables, order="column"),
        "threads is 0": lambda: model.decode(data, hyper, tables, threads=0),
        "there are 1 tables": lambda: model.encode(y, hyper, coder.CdfTables([[0, 9, 65536]], [3], [0])),
        r"y has shape \(4, 8, 10\)": lambda: model.predict(y[1:], hyper),
    }.items():
        with pytest.raises(ValueError, match=match):
            call()
    for tables in (None, TABLES):
        with pytest.raises(TypeError, match="expected CdfTables"):
            model.encode(y, hyper, tables)
    with pytest.raises(TypeError, match="data is str"):
        model.decode("stream", hyper, TABLES.coder_tables)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_side_information_that_is_not_finite_is_an_error(small, value):
    _, model, pictures, streams = small
    y, hyper = pictures[0]
    hyper = hyper.copy()
    hyper[-1, -1, -1] = value
    for call in (
        lambda: model.encode(y, hyper, TABLES.coder_tables),
        lambda: model.decode(streams["raster"][0], hyper, TABLES.coder_tables),
        lambda: model.predict(y, hyper),
    ):
        with pytest.raises(ValueError, match="side information of picture 0 is not finite"):
            call()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0**27 + 100, -(2.0**27) - 100, 3e38])
def test_latents_beyond_the_coder_are_errors(small, value, threads):
    _, model, pictures, _ = small
    y, hyper = pictures[0]
    y = y.copy()
    y[3, 4, 9] = value
    with pytest.raises(ValueError, match="row 3, column 4, channel 9 of picture 0"):
        model.encode(y, hyper, TABLES.coder_tables, threads=threads)


def test_large_latents_are_coded(small):
    _, model, pictures, _ = small
    y, hyper = pictures[0]
    y = y.copy()
    y[2, 3, 4] = 1e8  # symbols beyond 2^24 are not exact in float32, but rounded ones stay what they are
    data = model.encode(y, hyper, TABLES.coder_tables)
    assert abs(model.decode(data, hyper, TABLES.coder_tables)[2, 3, 4] - 1e8) <= 8


@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_that_overflows_is_an_error(threads):
    huge = np.full((2, 2), 1e30, np.float32)
    kernel = np.ones((3, 3, 1, 1), np.float32)
    layers = [(huge, np.ones(2)), (huge, np.ones(2))]
    model = coder.ContextModel(kernel, [1], layers, TABLES.scale_table)
    y, hyper = np.ones((2, 2, 1), np.float32), np.ones((2, 2, 1), np.float32)
    with pytest.raises(ValueError, match="its mean inf"):
        model.encode(y, hyper, TABLES.coder_tables, threads=threads)
    data = coder.encode(np.ones(4, np.int32), np.full(4, 63), TABLES.coder_tables)
    for order in ORDERS:
        with pytest.raises(coder.StreamError, match="row 0, column 0 is not finite"):
            model.decode(data, hyper, TABLES.coder_tables, order=order, threads=threads)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_damaged_streams_are_errors(small, order, threads):
    _, model, pictures, streams = small
    data, hyper = streams[order][0], pictures[0][1]
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    wrong_side = hyper + np.float32(0.5)
    for stream, side in [
        (b"", hyper),
        (data[:8], hyper),
        (data[:-4], hyper),
        (data[:-1], hyper),
        (data + bytes(4), hyper),
        (changed, hyper),
        (bytes(len(data)), hyper),
        (data, wrong_side),
        (streams[ORDERS[order == "raster"]][0], hyper),
        (streams[order][1], hyper),
    ]:
        with pytest.raises(coder.StreamError):
            model.decode(stream, side, TABLES.coder_tables, order=order, threads=threads)


@pytest.mark.parametrize("bad", [b"", b"cut", b"end"])
def test_errors_in_a_batch_name_the_picture(small, bad):
    _, model, pictures, streams = small
    datas = list(streams["raster"])
    datas[1] = {b"cut": datas[1][:12], b"end": datas[1] + bytes(4)}.get(bad, bad)
    with pytest.raises(coder.StreamError, match=r"^picture 1: the stream"):
        model.decode_batch(datas, [hyper for _, hyper in pictures], TABLES.coder_tables, threads=2)


# ---------------------------------------------------------------- threads


def test_a_model_serves_several_threads(small):
    _, model, pictures, streams = small

    def round_trip(i):
        (y, hyper), order = pictures[i % 3], ORDERS[i % 2]
        data = model.encode(y, hyper, TABLES.coder_tables, order=order, threads=1 + i % 3)
        y_hat = model.decode(data, hyper, TABLES.coder_tables, order=order, threads=1 + i % 2)
        return data == streams[order][i % 3], y_hat.tobytes()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(round_trip, range(36)))
    assert all(equal for equal, _ in results)
    for i in range(3):
        assert len({y_hat for _, y_hat in results[i::3]}) == 1


@pytest.fixture
def no_thread_switches():
    """From here on a thread runs until it gives the GIL away itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("name", ["encode", "decode", "predict"])
def test_other_python_threads_run_meanwhile(small, name, no_thread_switches):
    weights, model, *_ = small
    y, hyper = random_picture(weights, 30, 30)
    data = model.encode(y, hyper, TABLES.coder_tables)
    gate, ran = threading.Lock(), threading.Event()

    def wait_and_run():
        with gate:
            ran.set()

    with gate:
        thread = threading.Thread(target=wait_and_run)
        thread.start()
    assert not ran.is_set()
    deadline = time.monotonic() + 10
    while not ran.is_set() and time.monotonic() < deadline:
        if name == "decode":
            model.decode(data, hyper, TABLES.coder_tables)
        elif name == "encode":
            model.encode(y, hyper, TABLES.coder_tables)
        else:
            model.predict(y, hyper)
    assert ran.is_set()
    thread.join()
