import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import logistic

from jaxcompress.entropy import LogisticMixture, build_mixture_tables, channel_indexes, mixture_likelihood

C = 5


@pytest.fixture(scope="module")
def params():
    rng = np.random.default_rng(0)
    return {
        "weights": rng.normal(0, 1, (C, 3)).astype(np.float32),
        "means": rng.normal(0, 3, (C, 3)).astype(np.float32),
        "log_scales": rng.uniform(-3, 1, (C, 3)).astype(np.float32),
    }


def expected_mass(params, v):
    """By SciPy, in float64."""
    p = {name: array.astype(np.float64) for name, array in params.items()}
    weights = np.exp(p["weights"]) / np.exp(p["weights"]).sum(-1, keepdims=True)
    density = logistic(p["means"], np.exp(p["log_scales"]))
    v = v[..., None]
    return (weights * (density.cdf(v + 0.5) - density.cdf(v - 0.5))).sum(-1)


def test_the_likelihood_is_the_mass_of_the_unit_interval(params):
    v = np.random.default_rng(1).normal(0, 3, (40, C)).astype(np.float32)
    np.testing.assert_allclose(mixture_likelihood(params, v), expected_mass(params, v), rtol=1e-3, atol=1e-6)
    whole = np.repeat(np.arange(-200.0, 201)[:, None], C, 1)
    np.testing.assert_allclose(mixture_likelihood(params, whole).sum(0), 1, rtol=1e-4)


def test_fresh_parameters_give_finite_likelihoods_and_gradients(key):
    model = LogisticMixture(C)
    v = jnp.linspace(-40, 40, 20 * C).reshape(20, C)
    variables = model.init(key, v)
    gradients = jax.grad(lambda variables: jnp.log(model.apply(variables, v)[1]).sum())(variables)["params"]
    assert set(gradients) == {"weights", "means", "log_scales"}
    assert all(np.isfinite(g).all() and (g != 0).any() for g in gradients.values())
    v_hat, _ = model.apply(variables, v)
    np.testing.assert_array_equal(v_hat, np.round(v))
    with pytest.raises(ValueError, match=r"shape \(20, 4\); expected 5 channels"):
        model.apply(variables, v[:, 1:])


def test_training_perturbs(params, key):
    v = jnp.zeros((1000, C))
    v_hat, likelihood = LogisticMixture(C).apply({"params": params}, v, training=True, rngs={"noise": key})
    assert 0.4 < np.abs(v_hat).max() <= 0.5
    np.testing.assert_allclose(likelihood, mixture_likelihood(params, v_hat))


def test_frequencies_follow_the_likelihood(params):
    tables = build_mixture_tables(params)
    for channel in range(C):
        frequencies = np.diff(tables.cdf[channel, : tables.cdf_length[channel]])
        values = tables.offset[channel] + np.arange(len(frequencies) - 1)
        mass = expected_mass(params, np.repeat(values[:, None], C, 1))[:, channel]
        # Each symbol keeps a frequency of 1 at least, which the others give.
        np.testing.assert_allclose(frequencies[:-1] / 2**16, mass, atol=len(mass) / 2**16)
        assert mass.sum() == pytest.approx(1, abs=2e-9)
        assert 1 <= frequencies[-1] <= len(mass)


def test_any_value_is_coded(params):
    tables = build_mixture_tables(params)
    values = np.random.default_rng(1).normal(0, 4, (7, 9, C)).round().astype(np.float32)
    values[0, 0] = 4000
    indexes = channel_indexes(values.shape)
    np.testing.assert_array_equal(tables.decode(tables.encode(values, indexes), indexes), values)


def test_densities_far_from_zero_have_tables(params):
    moved = params | {"means": params["means"] * 0 + np.float32([[90], [-90], [0], [1], [-1]])}
    tables = build_mixture_tables(moved)
    assert (tables.offset <= 0).all()
    assert (tables.offset + tables.cdf_length >= 2).all()
