"""What stands in for rounding while training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress import ops

RNG = np.random.default_rng(0)
X = RNG.uniform(-5, 5, size=(4, 50, 40)).astype(np.float32)
MEANS = RNG.uniform(-2, 2, size=40).astype(np.float32)
CORNERS = np.arange(-4, 4.5, 0.5).astype(np.float32)  # integers and halves

quantizers = pytest.mark.parametrize("name", ops.TRAINING_QUANTIZERS)
alphas = pytest.mark.parametrize("alpha", [0.5, 4.0, 8.0, 16.0])


def soft_round_by_numpy(x, alpha):
    """Equation 16 as the paper has it, in float64."""
    x = np.asarray(x, np.float64)
    r = x - np.floor(x) - 0.5
    return np.floor(x) + np.tanh(alpha * r) / (2 * np.tanh(alpha / 2)) + 0.5


def soft_round_inverse_by_numpy(y, alpha):
    y = np.asarray(y, np.float64)
    r = y - np.floor(y) - 0.5
    return np.floor(y) + np.arctanh(2 * r * np.tanh(alpha / 2)) / alpha + 0.5


def gradients_of_sum(function, *args):
    return jax.jit(jax.grad(lambda *args: function(*args).sum(), argnums=tuple(range(len(args)))))(*args)


@quantizers
def test_quantizers_are_called_alike_and_keep_shape_and_type(name, key):
    quantize = ops.TRAINING_QUANTIZERS[name]
    for found in (quantize(X, key=key), quantize(X, None, key=key), quantize(X, MEANS, key=key)):
        assert found.shape == X.shape
        assert found.dtype == jnp.float32
        assert np.isfinite(found).all()
        assert np.abs(found - X).max() <= 1  # soft rounding with its noise goes furthest
    parts = jax.vmap(lambda x: quantize(x, MEANS, key=key, axis_name="data"), axis_name="data")(X.reshape(2, 2, 50, 40))
    np.testing.assert_array_equal(parts.reshape(X.shape), quantize(X, MEANS, key=key))


def test_noise_is_uniform_around_x_whatever_the_means(key):
    found = ops.add_uniform_noise(jnp.zeros((100, 1000)), key=key)
    assert found.min() >= -0.5
    assert found.max() < 0.5
    counts, _ = np.histogram(found, bins=20, range=(-0.5, 0.5))
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8  # chi-squared of 19 degrees of freedom, 0.1 %
    np.testing.assert_array_equal(ops.add_uniform_noise(X, MEANS, key=key), ops.add_uniform_noise(X, key=key))
    noise = ops.add_uniform_noise(X, key=key) - X
    assert np.abs(noise).max() <= 0.5 + 1e-6
    np.testing.assert_allclose(noise, ops.add_uniform_noise(jnp.zeros_like(X), key=key), atol=1e-6)


def test_noise_depends_on_the_key_alone(key):
    first, again, other = (ops.add_uniform_noise(X, key=k) for k in (key, key, jax.random.key(1)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99


def test_gradient_of_noise_is_one(key):
    to_x, to_means = gradients_of_sum(functools.partial(ops.add_uniform_noise, key=key), X, MEANS)
    np.testing.assert_array_equal(to_x, np.ones_like(X))
    np.testing.assert_array_equal(to_means, np.zeros_like(MEANS))


def test_straight_through_rounds_as_at_test_time():
    np.testing.assert_array_equal(ops.round_straight_through(X), ops.quantize(X))
    np.testing.assert_array_equal(ops.round_straight_through(X, MEANS), ops.quantize(X, MEANS))
    np.testing.assert_array_equal(ops.round_straight_through(CORNERS), np.round(CORNERS))


def test_gradient_of_straight_through_is_one_to_x_and_none_to_the_means():
    for x in (X, np.broadcast_to(CORNERS[:, None], (len(CORNERS), len(MEANS)))):
        to_x, to_means = gradients_of_sum(ops.round_straight_through, x, MEANS)
        np.testing.assert_array_equal(to_x, np.ones_like(x))
        np.testing.assert_array_equal(to_means, np.zeros_like(MEANS))


@alphas
def test_soft_rounding_is_the_paper_s_formula(alpha):
    x = np.concatenate([X.ravel(), CORNERS])
    np.testing.assert_allclose(ops.soft_round(x, alpha), soft_round_by_numpy(x, alpha), atol=2e-6)
    y = x[np.abs(x - np.round(x)) > 0.01]  # the inverse is steep at integers, where float32 has few digits left
    tolerance = 2e-6 + 1e-7 * np.exp(alpha / 2) if alpha < 16 else 0.02
    np.testing.assert_allclose(ops.soft_round_inverse(y, alpha), soft_round_inverse_by_numpy(y, alpha), atol=tolerance)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 4.0])
def test_the_inverse_undoes_soft_rounding(alpha):
    x = np.concatenate([X.ravel(), CORNERS])
    np.testing.assert_allclose(ops.soft_round_inverse(ops.soft_round(x, alpha), alpha), x, atol=1e-5)
    np.testing.assert_allclose(ops.soft_round(ops.soft_round_inverse(x, alpha), alpha), x, atol=1e-5)


@alphas
def test_soft_rounding_keeps_integers_and_halves(alpha):
    np.testing.assert_allclose(ops.soft_round(CORNERS, alpha), CORNERS, atol=1e-6)


def test_soft_rounding_goes_from_the_identity_to_rounding():
    np.testing.assert_allclose(ops.soft_round(X, 1e-3), X, atol=1e-6)
    np.testing.assert_allclose(ops.soft_round_inverse(X, 1e-3), X, atol=1e-6)
    np.testing.assert_allclose(ops.soft_round_conditional_mean(X, 1e-3), X, atol=1e-6)
    far = np.abs(X - np.floor(X) - 0.5) > 0.1  # from the edges, where tanh(64 / 10) is 1 - 6e-6
    np.testing.assert_allclose(ops.soft_round(X, 64.0)[far], np.round(X)[far], atol=4e-6)
    assert not far.all()


@alphas
def test_the_gradient_of_soft_rounding_is_that_of_its_formula(alpha):
    r = X.astype(np.float64) - np.floor(X) - 0.5
    expected = alpha / np.cosh(alpha * r) ** 2 / (2 * np.tanh(alpha / 2))
    (found,) = gradients_of_sum(lambda x: ops.soft_round(x, alpha), X)
    np.testing.assert_allclose(found, expected, atol=1e-5 * alpha)


@pytest.mark.parametrize("alpha", [0.5, 4.0, 8.0])
def test_the_conditional_mean_is_that_of_all_x_that_noise_could_have_brought_there(alpha):
    x = np.linspace(-3, 3, 600_001)
    rounded = soft_round_by_numpy(x, alpha)
    y = np.linspace(-1.9, 1.9, 39)
    expected = [x[np.abs(rounded - value) <= 0.5].mean() for value in y]
    np.testing.assert_allclose(ops.soft_round_conditional_mean(y.astype(np.float32), alpha), expected, atol=2e-5)


def test_steepness_may_change_under_jit(key):
    for function in (ops.soft_round, ops.soft_round_inverse, functools.partial(ops.soft_round_with_noise, key=key)):
        compiled = jax.jit(lambda x, alpha, function=function: function(x, alpha=alpha))
        for alpha in (1.0, 5.0):
            # Where the inverse jumps from one step to the next, the last bit may fall on the other side.
            assert np.mean(np.abs(compiled(X, alpha) - function(X, alpha=alpha)) > 1e-5) < 1e-3


def test_soft_quantization_is_the_paper_s_formula(key):
    noise = np.asarray(ops.add_uniform_noise(jnp.zeros_like(X), key=key), np.float64)
    for means in (None, MEANS):
        shift = 0 if means is None else np.asarray(means, np.float64)
        expected = soft_round_inverse_by_numpy(soft_round_by_numpy(X - shift, 4.0) + noise - 0.5, 4.0) + 0.5 + shift
        found = ops.soft_round_with_noise(X, means, key=key)
        # Where the inverse jumps from one step to the next, the last bit may fall on the other side.
        assert np.mean(np.abs(found - expected) > 1e-4) < 1e-3


def test_soft_quantization_goes_from_noise_to_rounding(key):
    for means in (None, MEANS):
        noisy = ops.soft_round_with_noise(X, means, key=key, alpha=1e-3)
        np.testing.assert_allclose(noisy, ops.add_uniform_noise(X, key=key), atol=1e-3)
        distance = X if means is None else X - means
        inside = np.abs(distance - np.floor(distance) - 0.5) > 0.2  # not near the edge between two steps
        rounded = ops.soft_round_with_noise(X, means, key=key, alpha=64.0)
        far = np.abs(rounded - ops.quantize(X, means))[inside]
        assert np.mean(far > 0.06) < 0.01  # near the edges of the noise, the inverse is steep at any alpha
        assert np.median(far) < 0.02


@pytest.mark.parametrize("alpha", [0.01, 0.5, 4.0, 8.0, 16.0, 30.0, 100.0])
def test_soft_rounding_and_its_gradients_are_finite_everywhere(alpha, key):
    x = np.concatenate([CORNERS, np.nextafter(CORNERS, -9), np.nextafter(CORNERS, 9), [-1e-9, 1e-9, -0.0], X[0, 0]])
    for function in (
        functools.partial(ops.soft_round, alpha=alpha),
        functools.partial(ops.soft_round_inverse, alpha=alpha),
        functools.partial(ops.soft_round_with_noise, alpha=alpha, key=key),
    ):
        values, pull = jax.vjp(function, x.astype(np.float32))
        assert np.isfinite(values).all()
        assert np.isfinite(pull(jnp.ones_like(values))[0]).all()


def test_gradient_of_soft_quantization_is_one_on_average(key):
    # The restored value is what is expected of x, so that over the noise its slope is that of the staircase's mean: 1.
    x = np.linspace(-3, 3, 600_001, dtype=np.float32)
    (gradient,) = gradients_of_sum(functools.partial(ops.soft_round_with_noise, key=key), x)
    assert gradient.min() >= 0
    found = ops.soft_round_with_noise(x, key=key)
    assert np.mean(found - x) == pytest.approx(0, abs=2e-3)
