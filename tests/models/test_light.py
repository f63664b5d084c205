"""The light codec against its prototype, whose outputs tests/golden/record_light.py recorded."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from jaxcompress.layers import only_inside
from jaxcompress.models import Light
from jaxcompress.models.light import RATE

STAGES = {"g_a": "analysis", "h_a": "hyper_analysis", "h_s": "hyper_synthesis", "g_s": "synthesis"}
LAYOUT = Light(n=12, m=16).layout
SAMPLES = {network: LAYOUT.samples(LAYOUT.network(stage)) for network, stage in STAGES.items()}
"""Inputs and outputs in a cell, each way."""


class Recorded:
    def __init__(self, path):
        arrays = dict(np.load(path))
        params = {name: array for name, array in arrays.items() if name.startswith("params/")}
        self.variables = traverse_util.unflatten_dict(params, sep="/")
        self.outputs = {name: array for name, array in arrays.items() if name not in params}
        scale = params["params/g_a/scale"]
        self.model = Light(n=scale.shape[1], m=params["params/gain/spread"].shape[0])
        self.rate = self.outputs["t"]
        self.x = np.repeat(self.outputs["x"][None], len(self.rate), 0)

    def run(self, method, *args, **options):
        return self.model.apply(self.variables, *args, method=method, rate=self.rate, **options)

    def check(self, name, found):
        expected = self.outputs[name]
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max(), rtol=0, err_msg=name)


@pytest.fixture(scope="module", params=["light", "light-trained"])
def recorded(request, golden_folder):
    path = golden_folder / f"{request.param}.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is too large for the repository; tests/golden/record_light.py writes it")
    return Recorded(path)


@pytest.fixture(scope="module")
def small(golden_folder):
    return Recorded(golden_folder / "light.npz")


def test_parameters_are_those_of_the_prototype(recorded):
    x = jax.ShapeDtypeStruct((1, 64, 64, 3), np.float32)
    expected = jax.eval_shape(recorded.model.init, jax.random.key(0), x)
    assert jax.tree.map(lambda a: a.shape, expected) == jax.tree.map(lambda a: a.shape, recorded.variables)


def test_stages_equal_the_prototype_s(recorded):
    outputs = recorded.outputs
    recorded.check("ys", recorded.run("analysis", recorded.x))
    recorded.check("z", recorded.run("hyper_analysis", outputs["ys"]))
    recorded.check("hyper", recorded.run("hyper_synthesis", np.round(outputs["z"])))
    recorded.check("x_hat", recorded.run("synthesis", outputs["y_hat"]))
    order = recorded.model.make_prior().order(outputs["ys"].shape[1:])
    for number in range(4):
        known, mask = np.where(order < number, outputs["y_hat"], 0), order == number
        scales, means = recorded.run("light_parameters", outputs["hyper"], known, number)
        recorded.check(f"scale{number}", scales * mask)
        recorded.check(f"mean{number}", means * mask)


def test_the_whole_equals_the_prototype(recorded):
    output = recorded.model.apply(recorded.variables, recorded.x, rate=recorded.rate)
    recorded.check("y_hat", output.y_hat)
    recorded.check("x_hat", output.x_hat)
    for name in "yz":
        recorded.check(f"{name}_bits", -np.log2(output.likelihoods[name]).sum((1, 2, 3)))


def test_calls_without_a_rate_take_the_default(small):
    default = jnp.full(3, RATE.value(RATE.default))
    outputs = small.outputs
    calls = [
        ("analysis", small.x),
        ("hyper_synthesis", outputs["z"]),
        ("light_parameters", outputs["hyper"], outputs["y_hat"], 2),
        ("synthesis", outputs["y_hat"]),
    ]
    for method, *args in calls:
        found, expected = (
            small.model.apply(small.variables, *args, method=method, **options) for options in ({}, {"rate": default})
        )
        jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_pictures_of_a_batch_have_rates_of_their_own(small):
    y = small.run("analysis", small.x)
    for x, rate, expected in zip(small.x, small.rate, y, strict=True):
        alone = small.model.apply(small.variables, x[None], rate=rate[None], method="analysis")
        np.testing.assert_allclose(alone[0], expected, atol=1e-5)
    assert np.abs(y[0] - y[1]).max() > 0.1


def test_it_begins_as_a_linear_transform_codec(small, key):
    variables = small.model.init(key, small.x[:1])
    params, x, rate = variables["params"], small.x[:1], jnp.ones(1)
    blocks = x.reshape(1, 4, 16, 8, 16, 3).transpose(0, 1, 3, 2, 4, 5).reshape(1, 4, 8, 768)
    layer = params["g_a"]["linear"]
    y = small.model.apply(variables, x, rate=rate, method="analysis")
    np.testing.assert_allclose(y, blocks @ layer["kernel"][0, 0] + layer["bias"], atol=1e-5)
    layer = params["g_s"]["linear"]
    expected = (y @ layer["kernel"][0, 0] + layer["bias"]).reshape(1, 4, 8, 16, 16, 3).transpose(0, 1, 3, 2, 4, 5)
    x_hat = small.model.apply(variables, y, rate=rate, method="synthesis")
    np.testing.assert_allclose(x_hat, expected.reshape(1, 64, 128, 3), atol=1e-5)


def test_training_reaches_every_parameter(small, key):
    def loss(variables):
        output = small.model.apply(variables, small.x, rate=small.rate, training=True, rngs={"noise": key})
        bits = sum(-jnp.log(likelihood).mean() for likelihood in output.likelihoods.values())
        return bits + jnp.square(output.x_hat - small.x).mean()

    gradients = traverse_util.flatten_dict(jax.jit(jax.grad(loss))(small.variables), sep="/")
    assert all(np.isfinite(g).all() for g in gradients.values())
    assert [path for path, g in gradients.items() if not (g != 0).any()] == []


def test_the_gradient_of_the_distortion_passes_the_rounding(small, key):
    def distortion(variables):
        output = small.model.apply(variables, small.x, rate=small.rate, training=True, rngs={"noise": key})
        return jnp.square(output.x_hat - small.x).mean()

    gradients = jax.jit(jax.grad(distortion))(small.variables)["params"]
    assert all((np.asarray(g) != 0).any() for g in jax.tree.leaves((gradients["g_a"], gradients["g_s"])))
    # Means cancel where they are taken off before rounding and added after it.
    assert not any(np.asarray(g).any() for g in jax.tree.leaves((gradients["context"], gradients["h_a"])))


def test_context_and_reconstruction_see_rounded_latents_in_training(small, key):
    output = small.model.apply(small.variables, small.x, rate=small.rate, training=True, rngs={"noise": key})
    small.check("y_hat", output.y_hat)
    small.check("x_hat", output.x_hat)
    bits = -np.log2(output.likelihoods["y"]).sum((1, 2, 3))
    assert (np.abs(bits / small.outputs["y_bits"] - 1) > 1e-4).all()


def test_bfloat16_leaves_the_linear_path_alone(small, key):
    fresh = small.model.init(key, small.x[:1])
    narrow = small.model.clone(compute_dtype=jnp.bfloat16)
    for method, x in (("analysis", small.x), ("synthesis", small.outputs["y_hat"])):
        for variables, equal in ((fresh, True), (small.variables, False)):
            found, expected = (
                model.apply(variables, x, method=method, rate=small.rate) for model in (narrow, small.model)
            )
            assert found.dtype == jnp.float32
            if equal:
                np.testing.assert_array_equal(found, expected)
            else:
                error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
                assert 1e-4 < error < 0.02


# ---------------------------------------------------------------- receptive fields


def stage_of(small, network):
    """A stage on a signal of one picture, with positive parameters, so that no ReLU hides what it sees."""
    rng = np.random.default_rng(2)
    params = jax.tree.map(lambda of: rng.uniform(0.01, 0.02, of.shape).astype(np.float32), small.variables)
    return jax.jit(lambda x: small.model.apply(params, x, method=STAGES[network], rate=jnp.ones(1)))


def signal(small, network, cells):
    samples = SAMPLES[network][0]
    channels = {"g_a": 3, "h_s": small.model.width}.get(network, small.model.m)
    shape = (1, cells[0] * samples, cells[1] * samples, channels)
    return np.random.default_rng(1).uniform(0.5, 1, shape).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("network", STAGES)
def test_outputs_depend_on_no_more_than_the_reach(small, network, axis):
    reach, (samples, outputs) = LAYOUT.network(STAGES[network]).reach, SAMPLES[network]
    cells = [2, 2]
    cells[axis] = 2 * reach + 3
    x = signal(small, network, cells)
    middle = np.s_[samples * (reach + 1) : samples * (reach + 2)]
    x[(slice(None),) * (1 + axis) + (middle,)] = np.nan
    touched = np.isnan(stage_of(small, network)(x)).any((0, 2 - axis, 3)).reshape(-1, outputs).any(1)
    assert touched[reach + 1]
    assert not touched[[0, -1]].any()
    assert touched[[1, -2]].any()  # nor is it wider than needed


@pytest.mark.parametrize("number", range(4))
def test_a_prediction_depends_on_no_more_than_the_reach_of_the_context(small, number):
    shape, width, reach = (1, 9, 3, small.model.m), small.model.width, LAYOUT.last.prior.reach
    rng = np.random.default_rng(1)
    hyper, y_hat = rng.uniform(0.5, 1, (*shape[:3], width)).astype(np.float32), rng.uniform(0.5, 1, shape)
    hyper[:, 4], y_hat[:, 4] = np.nan, np.nan
    rng = np.random.default_rng(2)
    params = jax.tree.map(lambda of: rng.uniform(0.01, 0.02, of.shape).astype(np.float32), small.variables)
    _, means = small.model.apply(
        params, hyper, y_hat.astype(np.float32), number, rate=jnp.ones(1), method="light_parameters"
    )
    touched = np.isnan(means).any((0, 2, 3))
    expected = np.abs(np.arange(9) - 4) <= (reach if number else 0)
    np.testing.assert_array_equal(touched, expected)


@pytest.mark.parametrize("network", STAGES)
def test_a_signal_smaller_than_its_array_comes_out_as_alone(small, network):
    samples, outputs = SAMPLES[network]
    stage = functools.partial(small.model.apply, small.variables, method=STAGES[network], rate=jnp.ones(1))
    x = signal(small, network, (5, 6))
    size = np.array([3, 4])
    alone = stage(x[:, : 3 * samples, : 4 * samples])
    x[:, 3 * samples :], x[:, :, 4 * samples :] = np.nan, np.nan
    with only_inside((5, 6), size):
        inside = stage(x)[:, : 3 * outputs, : 4 * outputs]
    np.testing.assert_allclose(inside, alone, atol=1e-5 * np.abs(alone).max())
