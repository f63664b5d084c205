"""Priors in several passes, residual layers and settings, against the arithmetic of docs/integer.md in int64."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress.integer import FORMS, IntegerEvaluator, IntegerLayer, IntegerNetworks, SettingTables, evaluate, forms
from jaxcompress.integer.calibrate import Signals, keep_signals
from jaxcompress.integer.chains import quantize_networks
from jaxcompress.integer.layer import RANGES, SYMBOL_RANGE
from jaxcompress.integer.linear import LinearLayer, LinearNetworks, LinearSettings

COUNT, CHANNELS, SIDE = 5, 4, 6

# ---------------------------------------------------------------- the definition, where nothing may leave int32


def in_int32(a):
    assert np.abs(a).max(initial=0) < 2**31
    return a


def shifted(x, shift):
    shift = np.asarray(shift, np.int64)
    right = np.maximum(shift, 0)
    return ((x << np.maximum(-shift, 0)) + ((1 << right) >> 1)) >> right


def layer(of, x, number, added=0):
    kernel, margin = of.kernel.astype(np.int64), len(of.kernel) // 2
    padded = np.pad(x, ((margin, margin), (margin, margin), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], (0, 1))
    bias = (of.bias[number] if of.bias.ndim == 2 else of.bias).astype(np.int64)
    sums = in_int32(np.einsum("hwikl,klio->hwo", windows, kernel) + bias) + added
    if of.activation == "leaky":
        sums = np.where(sums < 0, (sums >> 7) + (sums >> 9) + (sums >> 12), sums)
    if of.activation == "relu":
        sums = np.maximum(sums, 0)
    if of.skip is not None:
        sums = sums + (x << of.skip.astype(np.int64))
    x = in_int32(shifted(in_int32(sums), of.shift))
    if of.activation != "none":
        x = np.clip(x, *{"relu": (0, 255), "leaky": (-8, 247)}[of.activation])
    height, width, f = *x.shape[:2], of.factor
    return x.reshape(height, width, -1, f, f).transpose(0, 3, 1, 4, 2).reshape(f * height, f * width, -1)


def chain(layers, x, number, side=0):
    for i, of in enumerate(layers):
        x = layer(of, x, number, 0 if i else side)
    return x


def side_of(networks, z, number):
    return chain(networks.hyper_synthesis, np.clip(z.astype(np.int64), -128, 127), number)


def parameters(networks, outputs, number):
    scales, means = np.split(outputs, [networks.channels], -1)
    if settings := networks.settings:
        scales = in_int32(scales + settings.scale_offsets[number])
        means = np.clip(means, -(2**23), 2**23) * settings.mean_multipliers[number].astype(np.int64)
        means = shifted(means, settings.mean_shifts)
    return (scales[..., None] > networks.thresholds).sum(-1), np.clip(means, -(2**21), 2**21)


def of_pass(networks, side, y_hat, place, number):
    y = np.clip(np.rint(y_hat.astype(np.float64) * 64), -(2**22), 2**22).astype(np.int64)
    if networks.settings:
        y = y * networks.settings.latent_multipliers[number].astype(np.int64)
    seen = np.clip(shifted(y, networks.latent_shifts), -128, 127)
    return parameters(networks, chain(networks.passes[place], seen, number, side), number)


# ---------------------------------------------------------------- networks


def make_layer(rng, shape, activation, input_range, *, factor=1, rows=None, extreme=False, skip=False, zero=False):
    kernel = rng.choice([-127, 127], shape) if extreme else rng.integers(-127, 128, shape)
    largest = 2**26 if extreme and activation == "none" else 2**16
    return IntegerLayer(
        kernel=(kernel * (not zero)).astype(np.int8),
        bias=rng.integers(-largest, largest, (shape[-1],) if rows is None else (rows, shape[-1])).astype(np.int32),
        shift=rng.integers(0, 12, shape[-1]).astype(np.int8),
        factor=factor,
        activation=activation,
        input_range=input_range,
        skip=rng.integers(0, 20, shape[-1]).astype(np.int8) if skip else None,
    )


def make_networks(rng, *, settings=True, extreme=False):
    count = COUNT if settings else None
    relu, leaky = RANGES["relu"], RANGES["leaky"]
    how = {"extreme": extreme}
    hyper = (
        make_layer(rng, (1, 1, 3, 20), "relu", SYMBOL_RANGE, factor=2, **how),
        make_layer(rng, (3, 3, 5, 16), "relu", relu, factor=2, rows=count, **how),
        make_layer(rng, (3, 3, 4, SIDE), "none", relu, rows=count, **how),
    )
    end = (1, 1, SIDE, 2 * CHANNELS)
    passes = (
        (
            make_layer(rng, (1, 1, CHANNELS, SIDE), "relu", SYMBOL_RANGE, zero=True),
            make_layer(rng, end, "none", relu, **how),
        ),
        (
            make_layer(rng, (1, 1, CHANNELS, SIDE), "relu", SYMBOL_RANGE, rows=count, **how),
            make_layer(rng, (3, 3, SIDE, SIDE), "relu", relu, skip=True, **how),
            make_layer(rng, end, "none", relu, rows=count, **how),
        ),
        (
            make_layer(rng, (5, 5, CHANNELS, SIDE), "leaky", SYMBOL_RANGE, **how),
            make_layer(rng, (1, 1, SIDE, SIDE), "leaky", leaky, skip=True, rows=count, **how),
            make_layer(rng, (3, 3, SIDE, 2 * CHANNELS), "none", leaky, **how),
        ),
    )
    multipliers = rng.integers(0, 2**18 + 1, (2, COUNT, CHANNELS)).astype(np.int32)
    multipliers[:, -1] = 2**18
    tables = SettingTables(
        mean_multipliers=multipliers[0],
        mean_shifts=rng.integers(13, 31, CHANNELS).astype(np.uint8),
        scale_offsets=rng.integers(-(2**17), 2**17, (COUNT, CHANNELS)).astype(np.int32),
        latent_multipliers=multipliers[1],
    )
    return IntegerNetworks(
        hyper,
        np.sort(rng.choice(2**18, 63, replace=False) - 2**17).astype(np.int32),
        CHANNELS,
        latent_shifts=rng.integers(13 if settings else 0, 31 if settings else 9, CHANNELS).astype(np.uint8),
        passes=passes,
        settings=tables if settings else None,
    )


def inputs(rng, shape, *, extreme=False):
    """Symbols of z, and latents in 64ths at four times the resolution."""
    wide = *(4 * side for side in shape), CHANNELS
    if extreme:
        ends = [-(2**31), 2**31 - 1, -129, -128, 127, 128, 0]
        return rng.choice(ends, (*shape, 3)), np.float32(rng.choice([-(2.0**27), 2.0**27, -65536, 65536, 0], wide))
    return rng.integers(-9, 10, (*shape, 3)), np.float32(rng.integers(-(2**13), 2**13, wide) / 64)


# ---------------------------------------------------------------- evaluation


def check(networks, evaluators, z, y_hat, numbers):
    for number in numbers:
        names = {"rate": number} if networks.count else {}
        side = side_of(networks, z, number)
        expected = [of_pass(networks, side, y_hat, place, number) for place in range(len(networks.passes))]
        for evaluator in evaluators:
            found = evaluator.hyper_synthesis(z, **names)
            assert found.dtype == np.int32
            np.testing.assert_array_equal(found, side)
            for place, (indexes, means) in enumerate(expected):
                of = evaluator.parameters(found, y_hat, place, **names)
                np.testing.assert_array_equal(of.indexes, indexes)
                np.testing.assert_array_equal(of.means, means)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("settings", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3)])
def test_forms_give_the_integers_of_the_definition(form, extreme, settings, shape):
    rng = np.random.default_rng(3)
    networks = make_networks(rng, settings=settings, extreme=extreme)
    z, y_hat = inputs(rng, shape, extreme=extreme)
    check(networks, [IntegerEvaluator(networks, form=form)], z, y_hat, range(COUNT) if settings else [None])


def test_each_number_gives_other_parameters():
    rng = np.random.default_rng(4)
    networks = make_networks(rng)
    z, y_hat = inputs(rng, (2, 3))
    evaluator = IntegerEvaluator(networks)
    found = {}
    for number in range(COUNT):
        side = evaluator.hyper_synthesis(z, rate=number)
        means = [evaluator.parameters(side, y_hat, place, rate=number).means.tobytes() for place in range(3)]
        found[number] = side.tobytes(), *means
    for part in zip(*found.values(), strict=True):
        assert len(set(part)) == COUNT


def test_one_program_serves_all_numbers():
    rng = np.random.default_rng(5)
    networks = make_networks(rng)
    z, y_hat = inputs(rng, (2, 3))
    evaluator = IntegerEvaluator(networks)
    evaluator.parameters(evaluator.hyper_synthesis(z, rate=0), y_hat, 1, rate=0)
    compiled = evaluate._hyper_synthesis._cache_size(), evaluate._pass._cache_size()
    evaluator.parameters(evaluator.hyper_synthesis(z, rate=COUNT - 1), y_hat, 1, rate=COUNT - 1)
    assert (evaluate._hyper_synthesis._cache_size(), evaluate._pass._cache_size()) == compiled


@pytest.mark.parametrize("form", FORMS)
def test_nothing_beyond_the_size_of_a_window_matters(form):
    rng = np.random.default_rng(6)
    networks = make_networks(rng)
    z, y_hat = inputs(rng, (2, 3))
    evaluator = IntegerEvaluator(networks, form=form)
    side = evaluator.hyper_synthesis(z, rate=2)
    window = np.pad(z, ((0, 3), (0, 2), (0, 0)))
    found = evaluator.hyper_synthesis(window, np.array([2, 3], np.int32), rate=2)
    np.testing.assert_array_equal(found[:8, :12], side)
    beyond = [np.pad(a, ((0, 5), (0, 3), (0, 0)), constant_values=1000) for a in (side, y_hat)]
    for place in range(3):
        whole = evaluator.parameters(side, y_hat, place, rate=2)
        part = evaluator.parameters(*beyond, place, np.array([8, 12], np.int32), rate=2)
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_array_equal(b[:8, :12], a)


def test_products_are_exact():
    rng = np.random.default_rng(7)
    x = np.append(rng.integers(-(2**23), 2**23 + 1, 20000), [-(2**23), 2**23, -1, 0, 1, 4095, -4096])
    multipliers = np.append(rng.integers(0, 2**18 + 1, 20000), [2**18, 2**18, 2**18, 2**18, 0, 2**18, 1])
    for shift in (13, 14, 20, 30):
        found = forms.multiply(*(jnp.asarray(a, jnp.int32) for a in (x, multipliers, np.full(x.shape, shift))))
        np.testing.assert_array_equal(found, (x * multipliers + (1 << shift - 1)) >> shift)


@pytest.mark.parametrize("numbers", [{}, {"rate": -1}, {"rate": COUNT}, {"rate": 1, "quality": 1}])
def test_numbers_that_are_none_raise(numbers):
    evaluator = IntegerEvaluator(make_networks(np.random.default_rng(0)))
    with pytest.raises(ValueError, match=r"numbers of settings are .*; expected one number, 0 to 4"):
        evaluator.hyper_synthesis(np.zeros((1, 1, 3), np.int32), **numbers)


def test_a_pass_that_does_not_exist_raises():
    evaluator = IntegerEvaluator(make_networks(np.random.default_rng(0)))
    side, y_hat = np.zeros((4, 4, SIDE), np.int32), np.zeros((4, 4, CHANNELS), np.float32)
    with pytest.raises(ValueError, match="pass 3 of 3; expected 0 to 2"):
        evaluator.parameters(side, y_hat, 3, rate=0)


# ---------------------------------------------------------------- quantization of networks of any size


def any_size(rng, shape):
    """Numbers of some size, in some channels of another, some of them zero."""
    a = rng.normal(0, 1, shape) * 10.0 ** rng.uniform(-4, 4)
    a = a * 10.0 ** (rng.uniform(-4, 4, shape[-1]) * rng.integers(2))
    return a * (rng.random(shape[-1]) < 0.9)


def linear_networks(rng):
    def make(*shape, rows=None, **options):
        bias = any_size(rng, (shape[-1],) if rows is None else (rows, shape[-1]))
        return LinearLayer(any_size(rng, shape), bias, **options)

    hyper = [make(1, 1, 3, 20, factor=2, activation="relu"), make(3, 3, 5, 16, rows=COUNT, factor=2, activation="relu")]
    first, skip = make(3, 3, CHANNELS, SIDE, activation="relu"), make(3, 3, SIDE, SIDE, activation="relu", skip=True)
    unseen = first._replace(kernel=np.zeros((1, 1, CHANNELS, SIDE)))
    ends = [make(1, 1, SIDE, 2 * CHANNELS) for _ in range(2)]
    gains = (10.0 ** rng.uniform(-5, 5, (COUNT, CHANNELS)) for _ in range(2))
    settings = LinearSettings(*gains, any_size(rng, (COUNT, CHANNELS)))

    def selections(shape):
        places = np.indices(shape).sum(0) % 2
        return places == 0, places == 1

    passes = [[unseen, ends[0]], [first, skip, ends[1]]]
    return LinearNetworks([*hyper, make(3, 3, 4, SIDE)], [], passes, selections, settings, log_scales=True)


def test_networks_of_any_size_stay_in_int32():
    rng = np.random.default_rng(8)
    thresholds = np.rint(np.linspace(-2.2, 5.5, 63) * 4096).astype(np.int32)
    for _ in range(12):
        networks = linear_networks(rng)
        signals = Signals.none_of(networks)
        for number in (0, COUNT - 1):
            z, y = rng.normal(0, 5, (1, 2, 2, 3)), rng.normal(0, 10.0 ** rng.uniform(-2, 3), (1, 8, 8, CHANNELS))
            keep_signals(signals, networks, np.zeros(3), jnp.float32(y), jnp.float32(z), number)
        integer = quantize_networks(networks, signals, 1.5, np.zeros(3), thresholds, CHANNELS)
        for extreme in (False, True):
            check(integer, [IntegerEvaluator(integer)], *inputs(rng, (1, 2), extreme=extreme), [0, COUNT - 1])
