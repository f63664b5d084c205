import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress.entropy import (
    GaussianConditional,
    build_gaussian_tables,
    build_indexes,
    default_scale_table,
    gaussian_likelihood,
)


def normal_mass(y, scale, mean):
    def cumulative(x):
        return 0.5 * math.erfc(-x / scale / math.sqrt(2))

    return cumulative(y - mean + 0.5) - cumulative(y - mean - 0.5)


@pytest.mark.parametrize(("y", "scale", "mean"), [(0, 1.0, 0.0), (3, 2.0, 0.5), (-2, 0.5, 0.25), (1, 40.0, -7.0)])
def test_likelihood_is_the_mass_of_the_unit_interval(y, scale, mean):
    found = gaussian_likelihood(jnp.array([float(y)]), jnp.array([scale]), jnp.array([mean]))
    assert float(found[0]) == pytest.approx(normal_mass(y, scale, mean), rel=1e-4)


def test_likelihood_is_bounded_below_and_small_scales_count_as_the_bound():
    found = gaussian_likelihood(jnp.array([50.0, 0.0]), jnp.array([0.2, 1e-6]))
    assert float(found[0]) == pytest.approx(1e-9)
    assert float(found[1]) == pytest.approx(normal_mass(0, 0.11, 0), rel=1e-5)


def test_likelihoods_of_all_integers_sum_to_one():
    y = jnp.arange(-60.0, 61)
    assert float(gaussian_likelihood(y, jnp.full_like(y, 5.0), jnp.full_like(y, 0.3)).sum()) == pytest.approx(
        1, abs=1e-5
    )


def test_indexes_take_the_smallest_scale_that_is_not_below():
    table = default_scale_table()
    exact = build_indexes(jnp.asarray(table), table)
    np.testing.assert_array_equal(exact, np.arange(64))  # equality stays with the lower index
    above = build_indexes(jnp.asarray(np.nextafter(table[:-1], np.float32(np.inf))), table)
    np.testing.assert_array_equal(above, np.arange(1, 64))
    odd = build_indexes(jnp.array([0.0, -1.0, 0.05, 1e9, np.inf, np.nan]), table)
    np.testing.assert_array_equal(odd, [0, 0, 0, 63, 63, 63])
    assert exact.dtype == jnp.uint8
    np.testing.assert_array_equal(build_indexes(jnp.ones((2, 3)), table[:1]), np.zeros((2, 3)))


def test_module_rounds_in_eval_and_perturbs_in_training(key):
    y, scales, means = jnp.array([[1.3]]), jnp.array([[2.0]]), jnp.array([[0.5]])
    module = GaussianConditional()
    y_hat, likelihood = module.apply({}, y, scales, means)
    assert float(y_hat[0, 0]) == pytest.approx(1.5)
    assert float(likelihood[0, 0]) == pytest.approx(normal_mass(1.5, 2, 0.5), rel=1e-4)
    noisy, _ = module.apply({}, y, scales, means, training=True, rngs={"noise": key})
    assert abs(float(noisy[0, 0]) - 1.3) <= 0.5
    assert noisy != y_hat


def test_transformations(key):
    y, scales = jax.random.normal(key, (4, 5)) * 3, jnp.exp(jax.random.normal(key, (4, 5)))
    plain = gaussian_likelihood(y, scales)
    np.testing.assert_allclose(jax.jit(jax.vmap(gaussian_likelihood))(y, scales), plain, rtol=1e-5)
    gradients = jax.grad(lambda s: jnp.log(gaussian_likelihood(y, s)).sum())(scales)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("scales", [[], [1.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [0.0, 1.0], [np.nan], [[1.0]]])
def test_tables_refuse_scales_out_of_order(scales):
    with pytest.raises(ValueError, match="ascending"):
        build_gaussian_tables(np.array(scales, np.float32))
