"""Each layer under jit, grad and vmap, with the parameters CompressAI has."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxcompress import layers, ops

LAYERS = {
    "Conv": (layers.Conv(6), (4, 4, 6)),
    "ConvTranspose": (layers.ConvTranspose(6), (16, 16, 6)),
    "SubPixelConv": (layers.SubPixelConv(6), (16, 16, 6)),
    "MaskedConv": (layers.MaskedConv(6), (8, 8, 6)),
    "CheckerboardConv": (layers.CheckerboardConv(6), (8, 8, 6)),
    "GDN": (layers.GDN(), (8, 8, 4)),
    "IGDN": (layers.GDN(inverse=True), (8, 8, 4)),
    "GDN1": (layers.GDN1(), (8, 8, 4)),
    "ResidualBlock": (layers.ResidualBlock(6), (8, 8, 6)),
    "ResidualBlock same width": (layers.ResidualBlock(4), (8, 8, 4)),
    "ResidualBlockWithStride": (layers.ResidualBlockWithStride(6), (4, 4, 6)),
    "ResidualBlockUpsample": (layers.ResidualBlockUpsample(6), (16, 16, 6)),
    "AttentionBlock": (layers.AttentionBlock(), (8, 8, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_work_under_jit_grad_and_vmap(name):
    layer, shape = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 8, 8, 4)).astype(np.float32)
    params = jax.eval_shape(layer.init, jax.random.key(0), x)
    # Of either sign and not small, so that no unit is dead and no gradient zero by chance.
    variables = jax.tree.map(lambda leaf: rng.uniform(-0.5, 1, leaf.shape).astype(np.float32), params)

    @jax.jit
    def energy(variables, x):
        one_by_one = jax.vmap(lambda picture: layer.apply(variables, picture[None])[0])(x)
        return (one_by_one**2).mean(), one_by_one

    gradients, one_by_one = jax.grad(energy, has_aux=True)(variables, x)
    assert one_by_one.shape == (2, *shape)
    np.testing.assert_allclose(one_by_one, layer.apply(variables, x), rtol=1e-4, atol=1e-4)
    flat = traverse_util.flatten_dict(gradients["params"])
    assert all(np.isfinite(g).all() and (g != 0).any() for g in flat.values()), flat


def test_gdn_starts_as_compressai_s(key):
    params = layers.GDN().init(key, jnp.ones((1, 3)))["params"]
    np.testing.assert_allclose(ops.non_negative(params["beta"]), 1, rtol=1e-6)
    np.testing.assert_allclose(ops.non_negative(params["gamma"]), 0.1 * np.eye(3), atol=1e-7)


def test_convolutions_start_as_pytorch_s(key):
    x = jnp.ones((1, 4, 4, 8))
    for layer, fan_in in ((layers.Conv(32), 8 * 25), (layers.ConvTranspose(32), 32 * 25)):
        params = layer.init(key, x)["params"]
        for values in params.values():
            assert np.abs(values).max() <= fan_in**-0.5
        assert np.abs(params["kernel"]).max() > 0.99 * fan_in**-0.5


def test_sequential_counts_functions_in_its_numbering(key):
    conv = functools.partial(layers.Conv, 4)
    network = layers.Sequential((conv, layers.leaky_relu, conv))
    params = network.init(key, jnp.ones((1, 8, 8, 3)))["params"]
    assert set(params) == {"0", "2"}


def test_masked_taps_get_no_gradient(key):
    layer, x = layers.MaskedConv(3), jax.random.normal(key, (1, 6, 6, 2))
    gradients = jax.grad(lambda v: (layer.apply(v, x) ** 2).sum())(layer.init(key, x))
    np.testing.assert_array_equal((gradients["params"]["kernel"] != 0).any((2, 3)), ops.causal_mask(5) > 0)
