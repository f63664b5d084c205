"""Table indexes: a line where thresholds are evenly spaced, comparisons elsewhere, and the same numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress.entropy import default_scale_table
from jaxcompress.integer.thresholds import count_below, find_line

ENDS = np.iinfo(np.int32)
LOGARITHMS = np.rint(4096 * np.log(np.float64(default_scale_table()[:-1]))).astype(np.int32)
SCALES = np.rint(4096 * np.float64(default_scale_table()[:-1])).astype(np.int32)


def near(thresholds):
    """Every number near a threshold, and those at the ends of int32."""
    close = np.int64(thresholds)[:, None] + np.arange(-3, 4)
    every = np.append(close.ravel(), [ENDS.min, ENDS.min + 1, 0, ENDS.max - 1, ENDS.max])
    return np.unique(every.clip(ENDS.min, ENDS.max)).astype(np.int32)


@pytest.mark.parametrize(
    ("thresholds", "has_line"),
    [
        (LOGARITHMS, True),
        (SCALES, False),
        ([7], True),
        ([ENDS.max], False),
        ([ENDS.min], True),
        ([-3, 7], True),
        ([ENDS.min, ENDS.max - 1], False),
        (range(255), True),
        ([*range(100), 150], False),
        ([], False),
    ],
)
def test_indexes_are_numbers_of_thresholds_below(thresholds, has_line):
    thresholds = np.array(thresholds, np.int32)
    line = find_line(thresholds)
    assert (line is not None) == has_line
    scales = near(thresholds)
    for of in (line, None):
        found = count_below(jnp.asarray(scales), jnp.asarray(thresholds), None if of is None else jnp.asarray(of))
        np.testing.assert_array_equal(found, (scales[:, None] > thresholds).sum(1))


def test_random_thresholds_that_are_nearly_even():
    rng = np.random.default_rng(0)
    lines = 0
    for _ in range(200):
        even = rng.uniform(-(2**20), 2**20) + rng.uniform(1, 1000) * np.arange(rng.integers(1, 256))
        thresholds = np.rint(even).astype(np.int32)
        scales = near(thresholds)
        if (line := find_line(thresholds)) is not None:
            lines += 1
            least, greatest, slope, offset, shift = map(int, line)
            values = (np.clip(scales.astype(np.int64), least, greatest) - least) * slope + offset
            assert values.max() < 2**31
            np.testing.assert_array_equal(values >> shift, (scales[:, None] > thresholds).sum(1))
    assert lines > 20  # with many thresholds, whole numbers are too coarse for a slope
