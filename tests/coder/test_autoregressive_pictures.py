"""Autoregressive coding: any number of pictures of any size and layout, in any number of threads."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())
ORDERS = ("raster", "wavefront")
INSTRUCTION_SETS = coder.instruction_sets()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_pictures_beside_each_other_do_not_matter(small_context_model, isa, threads, order):
    weights, single, pictures, streams = small_context_model
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


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_a_picture_may_be_empty(small_context_model, shape, order):
    weights, model, pictures, streams = small_context_model
    y, hyper = weights.picture(*shape)
    data = model.encode(y, hyper, TABLES.coder_tables, order=order)
    assert data == coder.encode([], [], TABLES.coder_tables)
    assert model.decode(data, hyper, TABLES.coder_tables, order=order).shape == y.shape
    assert [array.shape for array in model.predict(y, hyper)] == [y.shape, y.shape]
    both = model.encode_batch([y, pictures[0][0]], [hyper, pictures[0][1]], TABLES.coder_tables, order=order)
    assert both == [data, streams[order][0]]
    assert model.encode_batch([], [], TABLES.coder_tables, order=order) == []
    assert model.decode_batch([], [], TABLES.coder_tables, order=order) == []


def test_masked_taps_are_not_read(small_context_model):
    weights, _, pictures, streams = small_context_model
    kernel, bias = weights.context
    kernel = kernel.copy()
    kernel[2, 2:] = kernel[3:] = np.nan
    model = dataclasses.replace(weights, context=(kernel, bias)).model()
    assert model.encode(*pictures[0], TABLES.coder_tables) == streams["raster"][0]


def test_other_dtypes_and_layouts_are_taken(small_context_model):
    weights, _, pictures, streams = small_context_model
    y, hyper = pictures[0]
    layers = [(np.asfortranarray(kernel), bias.tolist()) for kernel, bias in weights.layers]
    model = coder.ContextModel(
        weights.context[0].astype(np.float64), weights.context[1].tolist(), layers, TABLES.scale_table
    )
    data = model.encode(np.asfortranarray(y), hyper.astype(np.float64), TABLES.coder_tables)
    assert data == streams["raster"][0]
    decoded = model.decode(memoryview(bytearray(data)), hyper, TABLES.coder_tables)
    np.testing.assert_array_equal(decoded, model.decode(data, hyper, TABLES.coder_tables))


def test_large_latents_are_coded(small_context_model):
    _, model, pictures, _ = small_context_model
    y, hyper = pictures[0]
    y = y.copy()
    y[2, 3, 4] = 1e8  # symbols beyond 2^24 are not exact in float32, but rounded ones stay what they are
    data = model.encode(y, hyper, TABLES.coder_tables)
    assert abs(model.decode(data, hyper, TABLES.coder_tables)[2, 3, 4] - 1e8) <= 8


def test_a_model_serves_several_threads(small_context_model):
    _, model, pictures, streams = small_context_model

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


@pytest.mark.parametrize("name", ["encode", "decode", "predict"])
def test_other_python_threads_run_meanwhile(small_context_model, name, assert_other_threads_run):
    weights, model, *_ = small_context_model
    y, hyper = weights.picture(30, 30)
    data = model.encode(y, hyper, TABLES.coder_tables)
    actions = {
        "encode": lambda: model.encode(y, hyper, TABLES.coder_tables),
        "decode": lambda: model.decode(data, hyper, TABLES.coder_tables),
        "predict": lambda: model.predict(y, hyper),
    }
    assert_other_threads_run(actions[name])
