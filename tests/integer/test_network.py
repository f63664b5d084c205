"""What integer networks refuse, and their way to arrays and back."""

import numpy as np
import pytest

from jaxcompress.integer import IntegerLayer, IntegerNetworks


def make_layer(**changes):
    fields = {
        "kernel": np.ones((3, 3, 2, 4), np.int8),
        "bias": np.zeros(4, np.int32),
        "shift": np.zeros(4, np.int8),
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
        ({"factor": 3}, "4 channels cannot be shuffled by a factor of 3"),
        ({"tap_bias": np.zeros((3, 3, 3), np.int32)}, "tap_bias is int32 .3, 3, 3."),
    ],
)
def test_layers_that_fit_nothing_raise(changes, message):
    with pytest.raises(ValueError, match=message):
        make_layer(**changes)


def test_layers_that_do_not_follow_each_other_raise():
    thresholds = np.array([1, 2], np.int32)
    with pytest.raises(ValueError, match=r"a layer of 2 inputs in .-8, 247. follows one of 4 outputs in None"):
        IntegerNetworks((make_layer(), make_layer()), thresholds, 2)
    with pytest.raises(ValueError, match="there are 4 outputs; expected scales"):
        IntegerNetworks((make_layer(),), thresholds, 3)
    with pytest.raises(ValueError, match="expected ascending"):
        IntegerNetworks((make_layer(),), thresholds[::-1], 2)


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
