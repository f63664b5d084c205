import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress.entropy import (
    CodingTables,
    EntropyBottleneck,
    bottleneck_likelihood,
    bottleneck_logits,
    build_bottleneck_tables,
    solve_quantiles,
)


@pytest.fixture(scope="module")
def params():
    model = EntropyBottleneck(5)
    return model.init(jax.random.key(1), jnp.zeros((1, 5)))["params"]


def test_fresh_parameters_are_compressai_s(params):
    for k in range(5):
        expected = -0.12850523 if k == 4 else -1.4521273
        np.testing.assert_allclose(params[f"matrices_{k}"], expected, rtol=1e-5)
        assert np.abs(params[f"biases_{k}"]).max() <= 0.5
    assert all((params[f"factors_{k}"] == 0).all() for k in range(4))
    np.testing.assert_array_equal(params["quantiles"], np.tile([-10, 0, 10], (5, 1, 1)))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 4, 5), (2, 3, 4, 5), (2, 1, 2, 3, 5)])
def test_any_number_of_axes_may_come_before_the_channel(params, shape, key):
    v = jax.random.normal(key, shape) * 4
    v_hat, likelihood = EntropyBottleneck(5).apply({"params": params}, v)
    flat_hat, flat = EntropyBottleneck(5).apply({"params": params}, v.reshape(-1, 5))
    assert v_hat.shape == likelihood.shape == shape
    np.testing.assert_array_equal(v_hat.reshape(-1, 5), flat_hat)
    np.testing.assert_allclose(likelihood.reshape(-1, 5), flat, rtol=1e-6)


def test_logits_increase_and_likelihoods_sum_to_one(params):
    v = jnp.arange(-300.0, 301)[:, None] * jnp.ones(5)
    assert (np.diff(bottleneck_logits(params, v), axis=0) > 0).all()
    np.testing.assert_allclose(bottleneck_likelihood(params, v).sum(0), 1, atol=1e-4)


def test_solved_quantiles_have_the_wanted_logits(params, golden_of):
    trained = golden_of("mbt2018-mean").weights.params["entropy_bottleneck"]
    for density in (params, trained):
        quantiles = jax.jit(solve_quantiles)(density)
        logits = bottleneck_logits(density, quantiles[:, 0, :].T)
        np.testing.assert_allclose(
            logits, np.array([-21.416412, 0, 21.416412])[:, None] * np.ones(logits.shape[1]), atol=2e-3
        )


def test_transformations(params, key):
    v = jax.random.normal(key, (4, 5))
    plain = bottleneck_likelihood(params, v)
    np.testing.assert_allclose(jax.jit(jax.vmap(lambda v: bottleneck_likelihood(params, v)))(v), plain, rtol=1e-5)
    gradients = jax.grad(lambda p: jnp.log(bottleneck_likelihood(p, v)).sum())(params)
    assert all(np.isfinite(g).all() for g in gradients.values())
    assert (gradients["quantiles"] == 0).all()


def test_tables_built_anew_code_as_well_as_compressai_s(golden):
    # The recorded tables were computed in float32, ours in float64. A count turns here and there, and with it the
    # symbol that gives up its width to those that have none; what matters is what it costs.
    recorded = golden.weights.tables["entropy_bottleneck"]
    built = build_bottleneck_tables(golden.weights.params["entropy_bottleneck"])
    np.testing.assert_array_equal(built.offset, recorded.offset)
    np.testing.assert_array_equal(built.cdf_length, recorded.cdf_length)
    for theirs, ours, length in zip(recorded.cdf, built.cdf, recorded.cdf_length, strict=True):
        p, q = np.diff(theirs[:length]) / 65536, np.diff(ours[:length]) / 65536
        assert (p * np.log2(p / q)).sum() <= 0.003  # bits per symbol
    assert (built.cdf != recorded.cdf).mean() < 0.03


def test_fresh_tables_span_the_initial_quantiles(params):
    tables = build_bottleneck_tables(params)
    np.testing.assert_array_equal(tables.offset, -10)
    np.testing.assert_array_equal(tables.cdf_length, 23)


def test_tables_are_validated_and_frozen(params):
    tables = build_bottleneck_tables(params)
    with pytest.raises(ValueError, match="read-only"):
        tables.cdf[0, 0] = 1
    broken = tables.cdf.copy()
    broken[0, 1] = 0
    with pytest.raises(ValueError, match="increas"):
        CodingTables(broken, tables.cdf_length, tables.offset)
    with pytest.raises(ValueError, match="scale_table"):
        CodingTables(tables.cdf, tables.cdf_length, tables.offset, np.ones(5, np.float32))
