"""Networks computed in bfloat16, with everything around them in float32."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress.train import rate_distortion

NOISE = jax.random.key(0)


def without_noise(v, means=None, *, key):
    return v


def dtypes(tree):
    return {leaf.dtype.name for leaf in jax.tree.leaves(tree)}


def training_loss(model, x, params):
    output = model.apply({"params": params}, x, training=True, rngs={"noise": NOISE})
    return rate_distortion(output, x, lmbda=0.03).loss, output


def test_outputs_likelihoods_and_gradients_are_float32(golden):
    model = golden.weights.model().clone(compute_dtype=jnp.bfloat16)
    loss = functools.partial(training_loss, model, golden.x)
    (value, output), gradients = jax.eval_shape(jax.value_and_grad(loss, has_aux=True), dict(golden.weights.params))
    assert dtypes((value, output, gradients)) == {"float32"}
    assert gradients.keys() == golden.weights.params.keys()


def test_parameters_are_float32(golden):
    model = golden.weights.model().clone(compute_dtype=jnp.bfloat16)
    assert dtypes(jax.eval_shape(model.init, NOISE, golden.x)["params"]) == {"float32"}


def test_networks_are_bfloat16_inside_and_entropy_models_float32(golden):
    def capture(dtype):
        model = golden.weights.model().clone(compute_dtype=dtype)
        forward = functools.partial(
            model.apply, training=True, rngs={"noise": NOISE}, capture_intermediates=True, mutable=["intermediates"]
        )
        return jax.eval_shape(forward, golden.weights.variables, golden.x)[1]["intermediates"]

    found = capture(jnp.bfloat16)
    networks = {
        name for name in found if name in ("g_a", "g_s", "h_a", "h_s", "context_prediction", "entropy_parameters")
    }
    assert networks >= {"g_a", "g_s"}
    for name in networks:
        assert dtypes(found[name]) == {"bfloat16"}, name
    for name in ("entropy_bottleneck", "gaussian_conditional"):
        assert dtypes(found.get(name, {})) <= {"float32"}, name
    assert dtypes(capture(jnp.float32)) == {"float32"}


def test_float32_is_the_very_computation_without_the_field(golden_of):
    case = golden_of("mbt2018")  # has every kind of network

    def lowered(**fields):
        model = case.weights.model().clone(training_quantizer=without_noise, **fields)
        value_and_grad = jax.value_and_grad(functools.partial(training_loss, model, case.x), has_aux=True)
        return jax.jit(value_and_grad).lower(dict(case.weights.params)).as_text()

    text = lowered()
    assert lowered(compute_dtype=jnp.float32) == text  # the same program, so the same bits
    assert "bf16" not in text
    assert "bf16" in lowered(compute_dtype=jnp.bfloat16)


@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", pytest.param("mbt2018-mean", marks=pytest.mark.slow)])
def test_the_loss_in_bfloat16_is_within_two_percent(golden_of, architecture):
    case = golden_of(architecture)
    model = case.weights.model().clone(training_quantizer=without_noise, compute_dtype=jnp.bfloat16)
    loss, output = jax.jit(functools.partial(training_loss, model, case.x))(dict(case.weights.params))
    exact = float(case.arrays["train0/loss"])  # in float32, by CompressAI
    assert loss == pytest.approx(exact, rel=0.02)
    assert abs(float(loss) - exact) > 1e-6 * exact  # it is not float32 in disguise
    assert np.isfinite(output.x_hat).all()
