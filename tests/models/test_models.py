import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import traverse_util

from jaxcompress import Codec, Weights, create, load
from jaxcompress.convert import to_state_dict
from jaxcompress.entropy import solve_quantiles
from jaxcompress.layers import Sequential
from jaxcompress.models import FactorizedPriorReLU, MeanScaleHyperprior, sizes
from jaxcompress.weights_checks import expected_params


def random_variables(model):
    """Parameters without the half minute of compiling that `init` takes here."""
    rng = np.random.default_rng(0)
    shapes = expected_params(model)
    flat = {path: rng.uniform(0, 0.1, shape.shape).astype(np.float32) for path, shape in shapes.items()}
    return {"params": traverse_util.unflatten_dict(flat, sep="/")}


def test_models_run_under_jit_and_vmap(golden):
    model, variables = golden.weights.model(), golden.weights.variables
    output = jax.jit(jax.vmap(lambda picture: model.apply(variables, picture[None])))(golden.x)
    assert output.x_hat.shape == (2, 1, 128, 128, 3)
    assert output.y_hat.shape == (2, 1, 8, 8, model.m)
    assert set(output.likelihoods) == ({"y", "z"} if model.layout.side is not None else {"y"})
    np.testing.assert_allclose(output.x_hat[:, 0], golden.image("eval/x_hat"), atol=5e-5)


def test_initialization_makes_the_expected_parameters(key):
    model = create("bmshj2018-factorized-relu", n=2, m=3)
    variables = model.init(key, jnp.zeros((1, 16, 16, 3)))
    flat = traverse_util.flatten_dict(variables["params"], sep="/")
    assert {path: value.shape for path, value in flat.items()} == {
        path: shape.shape for path, shape in expected_params(model).items()
    }
    assert np.isfinite(model.apply(variables, jnp.ones((1, 16, 16, 3))).x_hat).all()


def test_noise_depends_on_the_key_alone(golden_of, key):
    case = golden_of("mbt2018-mean")
    forward = jax.jit(
        lambda key: case.weights.model().apply(case.weights.variables, case.x, training=True, rngs={"noise": key}).y_hat
    )
    first, again, other = forward(key), forward(key), forward(jax.random.key(1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    y = case.image("eval/g_a")
    assert np.abs(first - y).max() <= 0.5 + 1e-4
    assert np.abs(first - y).max() > 0.49


def test_inputs_of_wrong_shape_raise(golden_of):
    case = golden_of("bmshj2018-hyperprior")
    model, variables = case.weights.model(), case.weights.variables
    for shape in ((1, 63, 64, 3), (1, 16, 16, 3), (64, 64, 3), (1, 64, 64, 1), (1, 0, 64, 3)):
        with pytest.raises(ValueError, match="x has shape"):
            model.apply(variables, jnp.zeros(shape))
    with pytest.raises(ValueError, match="divide bytes by 255"):
        model.apply(variables, jnp.zeros((1, 64, 64, 3), jnp.uint8))
    with pytest.raises(ValueError, match="one of the two"):
        model.apply(variables, jnp.zeros((1, 64, 64, 3)), training=True, as_coded=True)


def test_quality_decides_the_sizes():
    assert sizes("mbt2018-mean", 4) == (128, 192)
    assert sizes("mbt2018-mean", 5) == (192, 320)
    model = create("mbt2018", quality=1)
    assert (model.n, model.m) == (192, 192)
    assert create("cheng2020-attn", n=16).m == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "mbt2019", "quality": 1}, "unknown architecture 'mbt2019'"),
        ({"architecture": "mbt2018", "quality": 9}, "no quality 9; expected 1 to 8"),
        ({"architecture": "cheng2020-attn", "quality": 7}, "expected 1 to 6"),
        ({"architecture": "mbt2018", "quality": 1, "n": 8}, "already decides"),
        ({"architecture": "mbt2018", "n": 8}, "needs quality="),
        ({"architecture": "mbt2018", "n": 0, "m": 8}, "cannot have n=0"),
        ({"architecture": "cheng2020-anchor", "n": 8, "m": 12}, "n = m"),
    ],
)
def test_create_tells_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        create(**arguments)


def test_a_transform_is_swapped_by_overriding_its_maker():
    class Shrink(nn.Module):
        channels: int

        @nn.compact
        def __call__(self, x):
            return nn.Conv(self.channels, (16, 16), strides=(16, 16), name="patches")(x)

    class MyCodec(MeanScaleHyperprior):
        def make_g_a(self):
            return Shrink(self.m)

    model = MyCodec(n=8, m=12)
    x = jnp.ones((1, 64, 64, 3))
    variables = random_variables(model)
    assert set(variables["params"]["g_a"]) == {"patches"}
    assert jax.eval_shape(model.apply, variables, x).x_hat.shape == x.shape


def test_a_custom_model_goes_all_the_way(tmp_path, photo):
    class Sharper(FactorizedPriorReLU):
        def make_g_s(self):
            return Sequential((*super().make_g_s().layers, nn.tanh))

    model = Sharper(n=4, m=6)
    params = random_variables(model)["params"]
    params["entropy_bottleneck"]["quantiles"] = solve_quantiles(params["entropy_bottleneck"])
    weights = Weights.from_params("sharper", model, params)
    weights.save(tmp_path / "sharper.safetensors")
    loaded = load(tmp_path / "sharper.safetensors", model=model)
    codec = Codec(loaded)
    assert codec.decompress(codec.compress(photo)).shape == photo.shape
    with pytest.raises(ValueError, match="model="):
        load(tmp_path / "sharper.safetensors")
    with pytest.raises(ValueError, match="unknown architecture 'sharper'"):
        to_state_dict(loaded)
    with pytest.raises(ValueError, match="missing"):
        load(tmp_path / "sharper.safetensors", model=MeanScaleHyperprior(n=4, m=6))
    assert len(repr(loaded)) < 200


def test_transforms_of_another_stride_are_refused():
    class Shallow(FactorizedPriorReLU):
        def make_g_a(self):
            return Sequential(super().make_g_a().layers[2:])

    with pytest.raises(ValueError, match=r"g_a makes \(1, 2, 2, 6\) of a picture \(1, 16, 16, 3\)"):
        Weights.from_params("shallow", Shallow(n=4, m=6), {})
