"""Latents of any number of dimensions, channels last: to real bytes and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress import coder, ops
from jaxcompress.entropy import (
    EntropyBottleneck,
    GaussianConditional,
    bottleneck_medians,
    build_bottleneck_tables,
    build_gaussian_tables,
    build_indexes,
    channel_indexes,
    default_scale_table,
)

shapes = pytest.mark.parametrize("shape", [(5,), (400, 5), (3, 130, 5), (2, 13, 15, 5), (2, 3, 7, 9, 5), (0, 5)])


@pytest.fixture(scope="module")
def prior():
    """A factorized prior, its variables and its tables; medians lie off the integers."""
    module = EntropyBottleneck(5)
    params = module.init(jax.random.key(1), jnp.zeros((1, 5)))["params"]
    shift = np.float32([0.3, -7.2, 0, 1.5, 40])[:, None, None]
    return module, {**params, "quantiles": params["quantiles"] + shift}


def bits(likelihoods):
    return -np.log2(np.asarray(likelihoods, np.float64)).sum()


@shapes
def test_a_factorized_prior_codes_any_number_of_dimensions(prior, shape):
    module, params = prior
    v = np.random.default_rng(0).normal(0, 6, shape).astype(np.float32)
    v_hat, likelihoods = module.apply({"params": params}, v)
    tables, indexes, medians = build_bottleneck_tables(params), channel_indexes(shape), bottleneck_medians(params)
    data = tables.encode(v, indexes, medians)
    decoded = tables.decode(data, indexes, medians)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded, v_hat)
    assert 8 * len(data) >= 32  # the state of the coder
    far = np.abs(v - np.asarray(medians)) > 9  # escapes cost more than their likelihood
    assert 8 * len(data) <= 1.02 * bits(likelihoods) + 64 + 64 * far.sum()


@shapes
def test_conditional_gaussians_code_any_number_of_dimensions(shape):
    rng = np.random.default_rng(0)
    scales = np.exp(rng.uniform(-2, 3, shape)).astype(np.float32)
    means = rng.normal(0, 9, shape).astype(np.float32)
    y = (means + scales * rng.normal(size=shape)).astype(np.float32)
    y_hat, likelihoods = GaussianConditional().apply({}, y, scales, means)
    tables = build_gaussian_tables(default_scale_table())
    indexes = build_indexes(scales, tables.scale_table)
    data = tables.encode(y, indexes, means)
    np.testing.assert_array_equal(tables.decode(data, indexes, means), y_hat)
    assert 8 * len(data) == pytest.approx(bits(likelihoods), rel=0.02, abs=64)


def test_values_without_means_are_rounded_half_to_even():
    tables = build_gaussian_tables(default_scale_table())
    values = np.float32([0.5, 1.5, -2.5, 3.4999])
    indexes = np.full(4, 30)
    found = tables.decode(tables.encode(values, indexes), indexes)
    np.testing.assert_array_equal(found, ops.quantize(values))


def test_what_cannot_be_coded_is_told(prior):
    tables = build_bottleneck_tables(prior[1])
    for value in (np.nan, np.inf, -(2.0**28)):
        with pytest.raises(ValueError, match=r"a latent is .* that can be coded"):
            tables.encode(np.full((2, 5), value), channel_indexes((2, 5)))
    with pytest.raises(ValueError, match="shape"):
        tables.encode(np.zeros((2, 5)), channel_indexes((3, 5)))
    with pytest.raises(ValueError, match="5"):
        tables.encode(np.zeros((2, 6)), channel_indexes((2, 6)))
    data = tables.encode(np.zeros((2, 5)), channel_indexes((2, 5)))
    with pytest.raises(coder.StreamError):
        tables.decode(data + b"1234", channel_indexes((2, 5)))


def test_modules_refuse_other_channels_and_shapes(prior):
    module, params = prior
    for shape in ((2, 4), (2, 1), ()):
        with pytest.raises(ValueError, match="expected 5 channels, last"):
            module.apply({"params": params}, jnp.zeros(shape))
    y = jnp.zeros((2, 3))
    with pytest.raises(ValueError, match=r"scales have shape \(2, 1\); expected that of y, \(2, 3\)"):
        GaussianConditional().apply({}, y, jnp.ones((2, 1)))
    with pytest.raises(ValueError, match=r"means have shape \(3,\); expected that of y, \(2, 3\)"):
        GaussianConditional().apply({}, y, jnp.ones((2, 3)), jnp.ones(3))
