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
    "Conv of even size": (layers.Conv(6, kernel_size=2, stride=1, before=1), (8, 8, 6)),
    "Conv padded at one end": (layers.Conv(6, kernel_size=3, before=0), (4, 4, 6)),
    "Pointwise": (layers.Pointwise(6), (8, 8, 6)),
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
    "ResidualBottleneck": (layers.ResidualBottleneck(3), (8, 8, 4)),
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


# ---------------------------------------------------------------- the checkerboard


@pytest.fixture(scope="module")
def checkerboard():
    """A layer with large parameters, latents of odd sides, and where their anchors are."""
    rng = np.random.default_rng(3)
    y, layer = rng.normal(size=(2, 7, 9, 3)).astype(np.float32), layers.CheckerboardConv(4)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), y)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)
    return functools.partial(layer.apply, variables), variables["params"], y, ops.checkerboard(7, 9)


def test_anchors_see_nothing_and_the_others_see_anchors_alone(checkerboard):
    apply, _, y, anchors = checkerboard
    whole = np.asarray(apply(y))
    assert (whole[:, anchors] == 0).all()
    assert (whole[:, ~anchors] != 0).all()
    np.testing.assert_array_equal(apply(np.where(anchors[..., None], y, np.nan)), whole)
    seen = np.isnan(apply(np.where(anchors[..., None], np.nan, y))).all((0, 3))
    np.testing.assert_array_equal(seen, ~anchors)


def test_gradients_of_a_checkerboard_reach_the_anchors_within_its_window(checkerboard):
    apply, _, y, anchors = checkerboard
    gradient = jax.grad(lambda y: apply(y)[0, 3, 4].sum())(y)
    rows, columns = np.indices(anchors.shape)
    window = (abs(rows - 3) <= 2) & (abs(columns - 4) <= 2)
    np.testing.assert_array_equal((gradient[0] != 0).any(-1), anchors & window)
    assert (gradient[1] == 0).all()
    assert (jax.grad(lambda y: apply(y)[:, anchors].sum())(y) == 0).all()


def test_two_passes_of_a_checkerboard_give_what_one_gives(checkerboard):
    apply, _, y, anchors = checkerboard
    first = apply(np.zeros_like(y))  # a decoder that knows nothing yet
    second = apply(np.where(anchors[..., None], y, 99))  # and one that knows the anchors
    whole = apply(y)
    np.testing.assert_array_equal(first[:, anchors], whole[:, anchors])
    np.testing.assert_array_equal(second[:, ~anchors], whole[:, ~anchors])


def test_a_checkerboard_is_a_sum_over_neighbours_of_the_other_colour(checkerboard):
    apply, params, y, anchors = checkerboard
    whole = apply(y)
    padded = np.pad(y, ((0, 0), (2, 2), (2, 2), (0, 0))).astype(np.float64)
    for row, column in np.argwhere(~anchors):
        expected = params["bias"] + sum(
            padded[:, row + i, column + j] @ params["kernel"][i, j] for i in range(5) for j in range(5) if (i + j) % 2
        )
        np.testing.assert_allclose(whole[:, row, column], expected, atol=1e-5)


def test_a_bottleneck_begins_as_the_identity(key):
    x = jax.random.normal(key, (1, 4, 4, 6))
    y, _ = layers.ResidualBottleneck(3).init_with_output(key, x)
    np.testing.assert_array_equal(y, x)
