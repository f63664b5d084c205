"""What integer networks refuse, and their way to arrays and back."""

import numpy as np
import pytest

from jaxcompress.codec.context import integer_context_model
from jaxcompress.integer import IntegerLayer, IntegerNetworks, SettingTables
from jaxcompress.integer.layer import LEAKY_RANGE, RELU_RANGE, SYMBOL_RANGE


def make_layer(**changes):
    fields = {
        "kernel": np.ones((3, 3, 2, 4), np.int8),
        "bias": np.zeros(4, np.int32),
        "shift": np.zeros(4, np.int8),
        "input_range": SYMBOL_RANGE,
        **changes,
    }
    return IntegerLayer(**fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": np.ones((3, 3, 2, 4), np.int32)}, "kernel is int32"),
        ({"kernel": np.ones((2, 2, 2, 4), np.int8)}, "expected .k, k, in, out. with k odd"),
        ({"bias": np.zeros(3, np.int32)}, "bias is int32 .3,.; expected int32 .4,."),
        ({"shift": np.full(4, 31, np.int8)}, "shifts go from 31 to 31"),
        ({"shift": np.full(4, -16, np.int8), "bias": np.full(4, 2**15, np.int32)}, "too much for int32"),
        ({"bias": np.full(4, 2**30, np.int32)}, "sums could reach"),
        ({"activation": "gdn"}, "activation is 'gdn'"),
        ({"kernel": np.ones((23, 23, 2, 4), np.int8)}, "sides of at most 21"),
        ({"factor": 3}, "4 channels cannot be shuffled by a factor of 3"),
        ({"tap_bias": np.zeros((3, 3, 3), np.int32)}, "tap_bias is int32 .3, 3, 3."),
    ],
)
def test_layers_that_fit_nothing_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_layer(**changes)


def test_layers_that_do_not_follow_each_other_raise():
    thresholds = np.array([1, 2], np.int32)
    with pytest.raises(ValueError, match=r"a layer of 2 inputs in .-128, 127. follows one of 4 outputs in None"):
        IntegerNetworks((make_layer(), make_layer()), thresholds, 2)
    with pytest.raises(ValueError, match="there are 4 outputs; expected scales"):
        IntegerNetworks((make_layer(),), thresholds, 3)
    with pytest.raises(ValueError, match="threshold 1 does not lie above the one before"):
        IntegerNetworks((make_layer(),), thresholds[::-1], 2)
    with pytest.raises(ValueError, match="256 thresholds; expected at most 255"):
        IntegerNetworks((make_layer(),), np.arange(256, dtype=np.int32), 2)
    with pytest.raises(ValueError, match="no layers of hyper_synthesis"):
        IntegerNetworks((), thresholds, 2)
    # Bounds of sums count on the ranges that symbols are clipped to.
    with pytest.raises(ValueError, match=r"a first layer takes inputs in .-8, 247.; expected .-128, 127."):
        IntegerNetworks((make_layer(input_range=LEAKY_RANGE),), thresholds, 2)
    with pytest.raises(ValueError, match="a last layer has the activation relu"):
        IntegerNetworks((make_layer(activation="relu"),), thresholds, 2)


def make_context(first=None, second=None, side=None, **changes):
    kernel = np.zeros((3, 3, 2, 4), np.int8)
    kernel.reshape(9, 2, 4)[:4] = 1
    first = {"kernel": kernel, "activation": "leaky", **(first or {})}
    second = {"kernel": np.ones((1, 1, 4, 4), np.int8), "input_range": LEAKY_RANGE, **(second or {})}
    fields = {
        "hyper_synthesis": (make_layer(**(side or {})),),
        "thresholds": np.array([1, 2], np.int32),
        "channels": 2,
        "context": (make_layer(**first), make_layer(**second)),
        "latent_shifts": np.zeros(2, np.uint8),
        **changes,
    }
    return IntegerNetworks(**fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latent_shifts": None}, "a context needs latent_shifts"),
        ({"latent_shifts": np.zeros(2, np.int32)}, "latent_shifts are .*expected uint8"),
        ({"latent_shifts": np.zeros(3, np.uint8)}, r"expected uint8 .2,., up to 30"),
        ({"latent_shifts": np.full(2, 31, np.uint8)}, "up to 30"),
        ({"first": {"kernel": np.ones((3, 3, 2, 4), np.int8)}}, "sees latents that are not decoded before it"),
        ({"first": {"kernel": np.zeros((1, 1, 2, 4), np.int8)}}, "sees latents that are not decoded before it"),
        ({"first": {"bias": np.ones(4, np.int32)}}, "first layer has a bias"),
        ({"first": {"tap_bias": np.zeros((3, 3, 4), np.int32)}}, "first layer has a bias"),
        ({"first": {"shift": np.full(4, -1, np.int8)}}, "shifts to the left"),
        ({"first": {"activation": "relu"}, "second": {"input_range": (0, 255)}}, "other than a leaky ReLU"),
        ({"second": {"kernel": np.ones((3, 3, 4, 4), np.int8)}}, "expected 1x1 kernels"),
        ({"second": {"tap_bias": np.zeros((1, 1, 4), np.int32)}}, "expected 1x1 kernels"),
        ({"side": {"bias": np.full(4, 2**29, np.int32)}}, "could reach 536870912"),
        ({"side": {"factor": 2}}, "side information has 4 channels .factor 2."),
        (
            {
                "side": {
                    "kernel": np.ones((3, 3, 2, 5), np.int8),
                    "bias": np.zeros(5, np.int32),
                    "shift": np.zeros(5, np.int8),
                }
            },
            "side information has 5 channels",
        ),
        ({"thresholds": np.array([2**31 - 1, -(2**31)], np.int32)}, "threshold 1 does not lie above"),
        ({"channels": 4, "latent_shifts": np.zeros(4, np.uint8)}, "there are 4 outputs"),
        ({"context": (), "latent_shifts": None, "channels": 3}, "there are 4 outputs"),
        (
            {
                "second": {
                    "kernel": np.ones((1, 1, 4, 2), np.int8),
                    "bias": np.zeros(2, np.int32),
                    "shift": np.zeros(2, np.int8),
                },
                "channels": 1,
                "latent_shifts": np.zeros(2, np.uint8),
            },
            "the context sees 2 channels of latents; expected 1",
        ),
    ],
)
def test_contexts_that_the_coder_would_not_run_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_context(**changes)


def test_a_context_that_the_coder_runs():
    networks = make_context(side={"bias": np.full(4, 2**29 - 18 * 128 - 2, np.int32)})
    assert integer_context_model(networks) is not None


def make_pass(*, first=None, **second):
    first = {"kernel": np.ones((3, 3, 2, 4), np.int8), "activation": "relu", **(first or {})}
    second = {"kernel": np.ones((1, 1, 4, 4), np.int8), "input_range": RELU_RANGE, **second}
    return make_layer(**first), make_layer(**second)


def make_tables(**changes):
    fields = {
        "mean_multipliers": np.full((3, 2), 2**18, np.int32),
        "mean_shifts": np.array([13, 30], np.uint8),
        "scale_offsets": np.zeros((3, 2), np.int32),
        "latent_multipliers": np.zeros((3, 2), np.int32),
        **changes,
    }
    return SettingTables(**fields)


def make_passes(**changes):
    fields = {
        "hyper_synthesis": (make_layer(),),
        "thresholds": np.array([-1, 2], np.int32),
        "channels": 2,
        "latent_shifts": np.array([13, 30], np.uint8),
        "passes": (make_pass(), make_pass(bias=np.zeros((3, 4), np.int32))),
        "settings": make_tables(),
        **changes,
    }
    return IntegerNetworks(**fields)


WIDE = np.zeros((3, 4), np.int32)
FOUR_COLUMNS = {
    "mean_multipliers": WIDE,
    "mean_shifts": np.full(4, 13, np.uint8),
    "scale_offsets": WIDE,
    "latent_multipliers": WIDE,
}
WITH_SKIP = {"kernel": np.ones((1, 1, 4, 4), np.int8), "skip": np.zeros(4, np.int8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": make_pass()}, "a context and passes; expected one of the two"),
        ({"latent_shifts": None}, "needs latent_shifts, so do passes"),
        (
            {"latent_shifts": np.array([12, 30], np.uint8)},
            "from 12 up to 30; .*up to 30 and at least 13",
        ),
        ({"settings": make_tables(latent_multipliers=None)}, "need latent_multipliers"),
        ({"passes": (), "latent_shifts": None}, "need latent_multipliers, and nothing else does"),
        ({"passes": (make_pass(bias=np.zeros((2, 4), np.int32)),)}, "a setting has 2 and 3 values"),
        ({"passes": (make_pass()[1:],)}, r"a first layer takes inputs in .0, 255."),
        ({"passes": (make_pass(first=WITH_SKIP), make_pass())}, r"from 13 up to 30; expected uint8 .4,."),
        ({"passes": (make_pass(first={"tap_bias": np.zeros((3, 3, 4), np.int32)}),)}, "its first has skip or tap_bias"),
        ({"passes": (make_pass(first={"shift": np.full(4, -1, np.int8)}),)}, "shifts to the left"),
        ({"passes": (make_pass(first={"bias": np.full(4, 2**29, np.int32)}),)}, "could reach 536870912"),
        ({"hyper_synthesis": (make_layer(bias=np.full((3, 4), 2**29, np.int32)),)}, "could reach 536870912"),
        ({"settings": make_tables(**FOUR_COLUMNS)}, "scale_offsets have 4 columns; expected 2"),
    ],
)
def test_passes_that_fit_nothing_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_passes(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_offsets": np.zeros(2, np.int32)}, r"scale_offsets have shape .2,.; expected .count, M."),
        ({"mean_shifts": np.array([12, 30], np.uint8)}, "mean_shifts go from 12 to 30; expected 13 to 30"),
        ({"mean_multipliers": np.full((3, 2), 2**18 + 1, np.int32)}, "mean_multipliers go from 262145"),
        ({"latent_multipliers": np.full((3, 2), -1, np.int32)}, "latent_multipliers go from -1"),
        ({"scale_offsets": np.full((3, 2), 2**29, np.int32)}, "scale_offsets go from 536870912"),
        (
            {"latent_multipliers": np.zeros((4, 2), np.int32)},
            r"latent_multipliers is int32 .4, 2.; expected",
        ),
    ],
)
def test_tables_of_settings_that_fit_nothing_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_tables(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "none"}, "adds its own input; expected equal numbers, no shuffle and an activation"),
        ({"kernel": np.ones((1, 1, 2, 4), np.int8)}, "a layer of 2 inputs, 4 outputs"),
        ({"skip": np.full(4, 23, np.int8)}, "skip goes from 23 to 23; expected 0 to 22"),
        ({"skip": np.zeros(3, np.int8)}, r"skip is int8 .3,."),
        ({"skip": np.full(4, 22, np.int8), "shift": np.full(4, -1, np.int8)}, "too much for int32"),
    ],
)
def test_residual_layers_that_fit_nothing_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_layer(**{**WITH_SKIP, "activation": "relu", "input_range": RELU_RANGE, **changes})


def test_arrays_make_the_same_passes():
    residual = make_layer(**WITH_SKIP, activation="relu", input_range=RELU_RANGE)
    first, last = make_pass()
    networks = make_passes(passes=((first, residual, last), *[make_pass() for _ in range(11)]))
    assert list(networks.chains)[:3] == ["hyper_synthesis", "pass_0", "pass_1"]
    assert networks.count == 3
    found = IntegerNetworks.from_arrays(networks.arrays())
    assert len(found.passes) == 12
    assert found.passes[0][1].skip is not None
    assert found.arrays().keys() == networks.arrays().keys()
    for path, array in networks.arrays().items():
        np.testing.assert_array_equal(found.arrays()[path], array)
    with pytest.raises(ValueError, match="no place for pass_13/0/bias"):
        IntegerNetworks.from_arrays({**networks.arrays(), "pass_13/0/bias": np.zeros(4, np.int32)})
    arrays = networks.arrays()
    arrays.pop("mean_shifts")
    with pytest.raises(ValueError, match="lack the array 'mean_shifts'"):
        IntegerNetworks.from_arrays(arrays)


def test_arrays_make_the_same_networks():
    hidden = make_layer(
        kernel=np.ones((1, 1, 2, 8), np.int8),
        bias=np.arange(8, dtype=np.int32),
        shift=np.arange(8, dtype=np.int8),
        factor=2,
        activation="relu",
        input_range=(-128, 127),
        tap_bias=np.ones((1, 1, 8), np.int32),
    )
    last = make_layer(input_range=(0, 255))
    networks = IntegerNetworks((hidden, last), np.array([1, 2], np.int32), 2)
    arrays = networks.arrays()
    found = IntegerNetworks.from_arrays(arrays)
    assert found.arrays().keys() == arrays.keys()
    for path, array in arrays.items():
        np.testing.assert_array_equal(found.arrays()[path], array)
    assert [layer.output_range for layer in found.hyper_synthesis] == [(0, 255), None]
    with pytest.raises(ValueError, match="lack the array 'hyper_synthesis/1/bias'"):
        IntegerNetworks.from_arrays({path: array for path, array in arrays.items() if path != "hyper_synthesis/1/bias"})
    with pytest.raises(ValueError, match="no place for hyper_synthesis/0/x, surplus"):
        IntegerNetworks.from_arrays({**arrays, "hyper_synthesis/0/x": np.zeros(1), "surplus": np.zeros(1)})
