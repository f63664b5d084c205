"""The three forms against NumPy: equal integers, at the borders and at the ends of every range too."""

import numpy as np
import pytest

from jaxcompress.integer import FORMS, IntegerEvaluator, IntegerLayer, IntegerNetworks
from jaxcompress.integer.layer import LEAKY_RANGE, RELU_RANGE, SYMBOL_RANGE


def half_up(x, shift):
    right = np.maximum(shift, 0)
    return ((x << np.maximum(-shift, 0)) + ((1 << right) >> 1)) >> right


def reference_layer(layer, x):
    """int64 `[h, w, in]` to the layer's outputs, tap by tap."""
    height, width = x.shape[:2]
    size, margin = len(layer.kernel), len(layer.kernel) // 2
    padded = np.pad(x, ((margin, margin), (margin, margin), (0, 0)))
    inside = np.pad(np.ones((height, width, 1), np.int64), ((margin, margin), (margin, margin), (0, 0)))
    sums = np.zeros((height, width, layer.kernel.shape[-1]), np.int64) + layer.bias
    for row in range(size):
        for column in range(size):
            area = slice(row, row + height), slice(column, column + width)
            sums += padded[area] @ layer.kernel[row, column].astype(np.int64)
            if layer.tap_bias is not None:
                sums += inside[area] * layer.tap_bias[row, column]
    assert np.abs(sums).max() <= layer.bound().max()
    return finished(layer, sums)


def finished(layer, sums):
    if layer.activation == "leaky":
        sums = np.where(sums < 0, (sums >> 7) + (sums >> 9) + (sums >> 12), sums)
    x = half_up(sums, layer.shift.astype(np.int64))
    if layer.output_range is not None:
        x = np.clip(x, *layer.output_range)
    height, width, channels = x.shape
    factor = layer.factor
    x = x.reshape(height, width, channels // factor**2, factor, factor)
    return x.transpose(0, 3, 1, 4, 2).reshape(factor * height, factor * width, -1)


def make_layer(rng, inputs, outputs, *, size=3, factor=1, activation="leaky", input_range=LEAKY_RANGE, extreme=False):
    shape = size, size, inputs, outputs * factor**2
    kernel = rng.choice([-127, 127], shape) if extreme else rng.integers(-127, 128, shape)
    first = input_range == SYMBOL_RANGE
    return IntegerLayer(
        kernel=kernel.astype(np.int8),
        bias=rng.integers(-(2**16), 2**16, shape[-1]).astype(np.int32),
        shift=rng.integers(-1 if activation == "none" else 0, 12, shape[-1]).astype(np.int8),
        factor=factor,
        activation=activation,
        tap_bias=rng.integers(-500, 500, (size, size, shape[-1])).astype(np.int32) if first else None,
        input_range=input_range,
    )


def make_networks(rng, *, activation="leaky", means=True, extreme=False):
    channels = 5
    between = {"leaky": LEAKY_RANGE, "relu": RELU_RANGE}[activation]
    layers = (
        make_layer(rng, 4, 6, factor=2, activation=activation, input_range=SYMBOL_RANGE, extreme=extreme),
        make_layer(rng, 6, 7, factor=2, activation=activation, input_range=between, extreme=extreme),
        make_layer(rng, 7, channels * (1 + means), activation="none", input_range=between, extreme=extreme),
    )
    return IntegerNetworks(layers, np.sort(rng.choice(10**5, 63, replace=False)).astype(np.int32), channels)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize(("activation", "means"), [("leaky", True), ("relu", False)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5)])
def test_forms_give_the_integers_of_the_definition(form, extreme, activation, means, shape):
    rng = np.random.default_rng(0)
    networks = make_networks(rng, activation=activation, means=means, extreme=extreme)
    z = rng.choice([-128, 127, 1000, -1000], (*shape, 4)) if extreme else rng.integers(-9, 10, (*shape, 4))
    x = np.clip(z, *SYMBOL_RANGE).astype(np.int64)
    for layer in networks.hyper_synthesis:
        x = reference_layer(layer, x)
    found = IntegerEvaluator(networks, form=form).hyper_synthesis(z)
    np.testing.assert_array_equal(found.indexes, (x[..., :5, None] > networks.thresholds).sum(-1))
    if means:
        np.testing.assert_array_equal(found.means, np.clip(x[..., 5:], -(2**21), 2**21))
    else:
        assert found.means is None


def make_context(rng, channels=5, side=8):
    kernel = rng.integers(-127, 128, (5, 5, channels, side)).astype(np.int8)
    kernel.reshape(25, channels, side)[12:] = 0
    shift = rng.integers(0, 12, side).astype(np.int8)
    first = IntegerLayer(kernel, np.zeros(side, np.int32), shift, activation="leaky", input_range=SYMBOL_RANGE)
    return (
        first,
        make_layer(rng, side, 6, size=1),
        make_layer(rng, 6, 2 * channels, size=1, activation="none"),
    )


@pytest.mark.parametrize("form", FORMS)
def test_contexts_are_those_of_the_definition_and_of_the_coder(form):
    from jaxcompress.codec.context import integer_context_model

    rng = np.random.default_rng(1)
    hyper = make_networks(rng).hyper_synthesis[:2]
    hyper = (*hyper, make_layer(rng, 7, 8, activation="none"))
    shifts = rng.integers(0, 6, 5).astype(np.uint8)
    thresholds = np.sort(rng.choice(10**5, 63, replace=False)).astype(np.int32)
    networks = IntegerNetworks(hyper, thresholds, 5, make_context(rng), shifts)
    evaluator = IntegerEvaluator(networks, form=form)
    side = evaluator.hyper_synthesis(rng.integers(-9, 10, (2, 3, 4)))
    y = rng.integers(-(2**13), 2**13, (8, 12, 5))
    x = np.clip(half_up(y, shifts.astype(np.int64)), *SYMBOL_RANGE)
    first, *others = networks.context
    plain = IntegerLayer(first.kernel, first.bias, np.zeros(8, np.int8), input_range=SYMBOL_RANGE)
    x = finished(first, reference_layer(plain, x) + side)
    for layer in others:
        x = reference_layer(layer, x)
    found = evaluator.context_parameters(y / 64, side)
    np.testing.assert_array_equal(found.indexes, (x[..., :5, None] > thresholds).sum(-1))
    np.testing.assert_array_equal(found.means, np.clip(x[..., 5:], -(2**21), 2**21))
    indexes, means = integer_context_model(networks).predict((y / 64).astype(np.float32), side)
    np.testing.assert_array_equal(indexes, found.indexes)
    np.testing.assert_array_equal(means, found.means)


@pytest.mark.parametrize("form", FORMS)
def test_sums_beyond_float32_are_split_and_stay_exact(form):
    rng = np.random.default_rng(2)
    inputs = 600
    layer = IntegerLayer(
        kernel=np.full((3, 3, inputs, 2), 127, np.int8),
        bias=np.array([1, -1], np.int32),
        shift=np.array([0, 3], np.int8),
        input_range=LEAKY_RANGE,
    )
    assert len(layer.input_parts(by_tap=False)) == 11
    assert len(layer.input_parts(by_tap=True)) == 2
    first = make_layer(rng, 1, inputs, input_range=SYMBOL_RANGE)
    networks = IntegerNetworks((first, layer), np.array([2**24 - 5, 2**27 + 1], np.int32), 1)
    z = rng.integers(-128, 128, (4, 4, 1))
    expected = reference_layer(layer, reference_layer(first, z.astype(np.int64)))
    found = IntegerEvaluator(networks, form=form).hyper_synthesis(z)
    assert np.abs(expected[..., 0]).max() > 2**24
    np.testing.assert_array_equal(found.indexes, (expected[..., :1, None] > networks.thresholds).sum(-1))
    np.testing.assert_array_equal(found.means, np.clip(expected[..., 1:], -(2**21), 2**21))


def test_an_unknown_form_raises():
    with pytest.raises(ValueError, match="form is 'int4'; expected one of float32, int8, bfloat16"):
        IntegerEvaluator(make_networks(np.random.default_rng(0)), form="int4")
