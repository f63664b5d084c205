import numpy as np
import pytest

from jaxcompress.priors import Phases


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1, 4), (5, 7, 8), (4, 4, 16), (3, 2, 6)])
def test_every_symbol_is_in_one_pass(count, shape):
    passes = Phases(tables="y", count=count).passes(shape)
    assert len(passes) == count
    assert all(mask.shape == shape and mask.dtype == bool for mask in passes)
    np.testing.assert_array_equal(np.sum(passes, 0), 1)


def test_the_four_passes_are_these():
    order = Phases(tables="y").order((2, 2, 8))
    np.testing.assert_array_equal(order[..., 0], [[0, 2], [3, 1]])
    np.testing.assert_array_equal(order[0, 0], [0, 0, 1, 1, 2, 2, 3, 3])
    np.testing.assert_array_equal(order[1, 0], [3, 3, 0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("count", [2, 4])
def test_neighbours_come_in_different_passes_and_each_pass_touches_all_channels(count):
    prior = Phases(tables="y", count=count)
    order = prior.order((6, 6, 8))
    assert (order[1:] != order[:-1]).all()
    assert (order[:, 1:] != order[:, :-1]).all()
    assert all(mask.any((0, 1)).all() for mask in prior.passes((6, 6, 8)))


def test_other_counts_are_refused():
    with pytest.raises(ValueError, match="count is 3; expected 2 or 4"):
        Phases(tables="y", count=3)
