"""Integer autoregressive coding gives the bits of the arithmetic that is specified, in every way to run it."""

import dataclasses

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.coder import _rans

ORDERS = ("raster", "wavefront")
INSTRUCTION_SETS = _rans.instruction_sets("matrix_i8")
MOST_SIDE = 2**29

CASES = {
    "5x5": ({"channels": 5}, (6, 7)),
    "3x3": ({"channels": 4, "size": 3, "seed": 1}, (4, 9)),
    "7x7": ({"channels": 3, "size": 7, "seed": 2}, (8, 6)),
    "one position": ({"channels": 6, "seed": 3}, (1, 1)),
    "one row": ({"channels": 6, "seed": 4}, (1, 9)),
    "one column": ({"channels": 6, "seed": 5}, (9, 1)),
    "no layers": ({"channels": 5, "hidden": (), "seed": 6}, (4, 5)),
    "one layer": ({"channels": 5, "context": 7, "hidden": (), "seed": 6}, (4, 5)),
    "many layers": ({"channels": 5, "hidden": (9, 8, 7, 6), "seed": 7}, (3, 4)),
    "wide layers": ({"channels": 37, "context": 101, "hidden": (110, 90), "seed": 9}, (2, 5)),
    "rows that are computed in parts": ({"channels": 2, "size": 3, "hidden": (3,), "seed": 11}, (2, 130)),
    "one channel": ({"channels": 1, "hidden": (4,), "seed": 14}, (5, 5)),
    "256 tables": ({"channels": 9, "tables": 256, "seed": 12}, (3, 3)),
    "one table": ({"channels": 3, "tables": 1, "seed": 13}, (3, 3)),
}


@pytest.fixture(params=CASES, scope="module")
def case(second, request):
    options, shape = CASES[request.param]
    weights = second.random_weights(**options)
    y, side = second.random_picture(weights, *shape, seed=1)
    return weights, y, side, weights.reference(y, side)


def in_wavefronts(array, size):
    """Rows `[M]` of an array `[h, w, M]` in the order of fronts."""
    slope = (size + 1) // 2
    return np.array([array[p] for p in sorted(np.ndindex(array.shape[:2]), key=lambda p: (p[1] + slope * p[0], p[0]))])


def check_equal(weights, y, side, tables, expected, isa, threads):
    """Everything that a model gives for a picture is the reference's."""
    symbols, indexes, y_hat, means = expected
    model, size = weights.model(isa), weights.context_kernel.shape[0]
    found = model.predict(y_hat, side, threads=threads)
    assert [array.dtype for array in found] == [np.uint8, np.int32]
    np.testing.assert_array_equal(found[0], indexes)
    np.testing.assert_array_equal(found[1], means)
    for order, arrange in (("raster", np.asarray), ("wavefront", lambda array: in_wavefronts(array, size))):
        data = model.encode(y, side, tables, order=order, threads=threads)
        assert data == coder.encode(arrange(symbols).ravel(), arrange(indexes).ravel(), tables), order
        decoded = model.decode(data, side, tables, order=order, threads=threads)
        assert decoded.dtype == np.float32
        np.testing.assert_array_equal(decoded.view(np.uint32), y_hat.view(np.uint32), err_msg=order)


def test_the_cases_show_something(case):
    weights, _, _, (symbols, indexes, _, means) = case
    assert len(np.unique(indexes)) >= min(8, indexes.size // 4, len(weights.thresholds) + 1)
    assert (symbols != 0).any()
    assert len(np.unique(means)) > means.size // 3


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_bits_are_those_of_the_arithmetic_that_is_specified(case, tables_of, isa, threads):
    weights, y, side, expected = case
    check_equal(weights, y, side, tables_of(weights), expected, isa, threads)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_pictures_beside_each_other_do_not_matter(small, isa, threads, order):
    weights, single, tables, pictures, streams = small
    model = weights.model(isa)
    ys, sides = zip(*pictures, strict=True)
    # From 1 to 9 at a time: every number of positions that a tile of the product can have.
    for count in range(1, 10):
        chosen = [i % 3 for i in range(count)]
        found = model.encode_batch(
            [ys[i] for i in chosen], [sides[i] for i in chosen], tables, order=order, threads=threads
        )
        assert found == [streams[order][i] for i in chosen]
        decoded = model.decode_batch(found, [sides[i] for i in chosen], tables, order=order, threads=threads)
        for i, y_hat in zip(chosen, decoded, strict=True):
            np.testing.assert_array_equal(y_hat, single.decode(streams[order][i], sides[i], tables, order=order))


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("seed", range(6))
def test_extremes_of_weights_and_latents(second, tables_of, isa, seed):
    rng = np.random.default_rng(seed)
    weights = second.random_weights(7, context=33, hidden=(40, 18), seed=seed)
    sign = rng.choice([-1, 1], 33)
    if seed < 2:  # all products of a sum have one sign
        weights.context_kernel[:] = np.where(sign > 0, 127, -128)
        weights.layers[0][0][:] = 127
        weights.layers[1][0][:] = -128
    if seed == 2:  # as large as sums may be
        for kernel, bias in weights.layers:
            room = 2**30 - 247 * np.abs(kernel.astype(np.int64)).sum(0)
            bias[:] = room * rng.choice([-1, 1], room.shape)
        weights.output_shifts[:] = rng.choice([0, 16, 29, 30], 14)
    if seed == 3:
        weights.latent_shifts[:] = [0, 0, 1, 15, 22, 29, 30]
        for shifts in weights.hidden_shifts:
            shifts[:] = rng.choice([0, 1, 29, 30], shifts.shape)
    if seed == 4:
        weights.layers[-1][0][:] = rng.integers(-1, 2, (18, 14))
        weights.layers[-1][1][:] = rng.choice([-9, 9], 14)
        weights.output_shifts[:] = rng.choice([-16, -15, -1, 0], 14)
        weights.output_shifts[0] = -16
        weights.layers[-1][0][:, 0] = 0
        weights.layers[-1][1][0] = -(2**15) + 1
        weights.thresholds = np.array([-(2**31), -(2**31) + 1, 0, 2**31 - 1], np.int32)
        weights.layers[-1][0][:, 1:] = 0  # 2^31 / 2^16 is little
        weights.layers[-1][1][1:] = rng.integers(-(2**14), 2**14, 13)
    y, side = second.random_picture(weights, 4, 6, seed=seed, spread=rng.choice([1, 300, 1e5]))
    y = y.clip(-(2**15), 2**15)
    y[0, 0] = [2**15, -(2**15), 1e-38, 2**15 - 2**-9, 32767.5, -0.5, 0.5]
    side[:] = rng.choice([MOST_SIDE, -MOST_SIDE, MOST_SIDE - 1, 0, -1, 1, 12345], side.shape)
    expected = weights.reference(y, side)
    for threads in (1, 2):
        check_equal(weights, y, side, tables_of(weights), expected, isa, threads)


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_thresholds_are_met_exactly(second, tables_of, isa):
    # Without context: scales are side information, and an index is the number of thresholds strictly below.
    thresholds = np.array([-1000, -1, 0, 1, 7, 2**29 - 1, 2**29], np.int32)
    around = np.unique(np.add.outer(thresholds.astype(np.int64), [-1, 0, 1]).clip(-MOST_SIDE, MOST_SIDE))
    around = around.astype(np.int32)
    channels = len(around)
    weights = second.Weights(
        np.zeros((3, 3, channels, 2 * channels), np.int8),
        np.zeros(channels, np.uint8),
        [],
        [],
        np.zeros(2 * channels, np.int8),
        thresholds,
    )
    side = np.concatenate([around, around])[None, None]
    expected = weights.reference(np.zeros((1, 1, channels), np.float32), side)
    np.testing.assert_array_equal(expected[1][0, 0], np.searchsorted(thresholds, around, side="left"))
    check_equal(weights, np.zeros((1, 1, channels), np.float32), side, tables_of(weights), expected, isa, 1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_a_picture_may_be_empty(second, small, shape, order):
    weights, model, tables, pictures, streams = small
    y, side = second.random_picture(weights, *shape)
    data = model.encode(y, side, tables, order=order)
    assert data == coder.encode([], [], tables)
    assert model.decode(data, side, tables, order=order).shape == y.shape
    assert [array.shape for array in model.predict(y, side)] == [y.shape, y.shape]
    both = model.encode_batch([y, pictures[0][0]], [side, pictures[0][1]], tables, order=order)
    assert both == [data, streams[order][0]]
    assert model.encode_batch([], [], tables, order=order) == []
    assert model.decode_batch([], [], tables, order=order) == []


def test_masked_taps_are_not_read(small):
    weights, _, tables, pictures, streams = small
    kernel = weights.context_kernel.copy()
    kernel[2, 2:] = kernel[3:] = 99
    model = dataclasses.replace(weights, context_kernel=kernel).model()
    assert model.encode(*pictures[0], tables) == streams["raster"][0]


def test_other_layouts_are_taken(small):
    weights, _, tables, pictures, streams = small
    y, side = pictures[0]
    layers = [(np.asfortranarray(kernel), bias[::-1][::-1]) for kernel, bias in weights.layers]
    model = dataclasses.replace(weights, layers=layers).model()
    assert model.encode(np.asfortranarray(y, np.float64), np.asfortranarray(side), tables) == streams["raster"][0]
