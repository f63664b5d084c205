"""The training step, on a model that compiles in seconds; and its gradients against CompressAI's."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcompress import ops
from jaxcompress.convert import keys
from jaxcompress.entropy import bottleneck_aux_loss, solve_quantiles
from jaxcompress.ops import causal_mask
from jaxcompress.train import (
    Optimizer,
    init_state,
    load_recipe,
    make_optimizer,
    make_step,
    rate_distortion,
    with_solved_quantiles,
)

KEY = jax.random.key(7)
STEPS = 30


def no_noise(v, means=None, *, key):
    return v


@pytest.fixture(scope="module")
def tiny():
    return load_recipe(str(Path(__file__).parent / "tiny_recipe.py"))


@pytest.fixture(scope="module")
def make(tiny):
    """A function to the compiled step of a configuration and quantizer, and the state before it."""

    @functools.cache
    def compiled(config, quantizer):
        model = tiny.make_model().clone(training_quantizer=quantizer)
        step = make_step(model, config, loss=tiny.make_loss(), steps=STEPS)
        return jax.jit(step, compiler_options={"xla_backend_optimization_level": 0})  # compiles in half the time

    def make(config=tiny.optimizer, quantizer=ops.add_uniform_noise):
        return compiled(config, quantizer), init_state(tiny.make_params(), config, steps=STEPS)

    return make


@pytest.fixture(scope="module")
def batch(tiny):
    return tiny.make_batch()


def assert_trees_equal(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def assert_trees_close(found, expected, *, rtol):
    def close(path, a, b):
        assert np.linalg.norm(np.asarray(a) - b) <= rtol * np.linalg.norm(b) + 1e-12, jax.tree_util.keystr(path)

    jax.tree_util.tree_map_with_path(close, found, expected)


def adam_means(state, label):
    """Adam's first moments of "networks" or "quantiles", by path; a tenth of the gradient after the first step."""
    mean = optax.tree.get(state.opt_state.inner_states[label], "mu")
    leaves, _ = jax.tree_util.tree_flatten_with_path(mean)
    return {"/".join(entry.key for entry in path): np.asarray(value) for path, value in leaves}


def test_a_step_is_a_pure_function(make, batch):
    step, state = make()
    before = jax.tree.map(np.array, state)
    first, first_metrics = step(state, batch, KEY)
    assert_trees_equal(state, before)
    again, again_metrics = step(state, batch, KEY)
    assert_trees_equal(again, first)
    assert_trees_equal(again_metrics, first_metrics)
    assert int(first.step) == 1
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), first.params, state.params)
    assert all(jax.tree.leaves(changed))


def test_the_noise_of_each_step_is_its_own(make, batch):
    step, state = make()
    losses = [
        float(step(state.replace(step=jnp.int32(number)), batch, key)[1]["bpp"])
        for number, key in ((0, KEY), (1, KEY), (0, jax.random.key(8)), (0, KEY))
    ]
    assert losses[0] == losses[3]
    assert len(set(losses)) == 3


def test_bytes_and_floats_are_the_same_pictures(make, batch):
    step, state = make()
    from_bytes, from_floats = step(state, batch, KEY), step(state, batch.astype(np.float32) / np.float32(255), KEY)
    assert_trees_close(from_bytes[1], from_floats[1], rtol=1e-6)
    assert_trees_close(from_bytes[0].params, from_floats[0].params, rtol=1e-5)


def test_metrics_have_names_and_are_float32_scalars(make, tiny, batch):
    step, state = make()
    _, metrics = step(state, batch, KEY)
    assert set(metrics) == {"loss", "bpp", "mse", "aux_loss", "gradient_norm", "learning_rate"}
    assert {(value.dtype, value.shape) for value in metrics.values()} == {(np.dtype(np.float32), ())}
    assert metrics["loss"] == pytest.approx(float(metrics["bpp"] + 0.01 * 255**2 * metrics["mse"]), rel=1e-6)
    halved = state.replace(plateau=state.plateau._replace(scale=jnp.float32(0.5)))
    rates = [float(step(s, batch, KEY)[1]["learning_rate"]) for s in (state, halved)]
    assert rates == pytest.approx([1e-2, 0.5e-2])

    similarity = functools.partial(rate_distortion, lmbda=8.0, metric="ms-ssim")
    step = make_step(tiny.make_model(), tiny.optimizer, loss=similarity, steps=STEPS)
    _, metrics = jax.eval_shape(step, state, jnp.zeros((2, 176, 176, 3)), KEY)
    assert "ms_ssim" in metrics


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_parts_are_the_whole_batch(make, tiny, batch, parts):
    step, state = make(quantizer=no_noise)
    by_parts, _ = make(Optimizer(learning_rate=1e-2, accumulate=parts), no_noise)
    whole, whole_metrics = step(state, batch, KEY)
    found, metrics = by_parts(state, batch, KEY)
    assert_trees_close(metrics, whole_metrics, rtol=1e-5)
    for label in ("networks", "quantiles"):
        assert_trees_close(adam_means(found, label), adam_means(whole, label), rtol=1e-5)


def test_each_accumulated_part_has_noise_of_its_own(tiny):
    # Two equal halves with one key between them would quantize alike.
    seen = []

    def spy(v, means=None, *, key):
        jax.debug.callback(lambda k: seen.append(tuple(np.ravel(k))), jax.random.key_data(key))
        return v

    model = tiny.make_model().clone(training_quantizer=spy)
    config = Optimizer(accumulate=2)
    step = jax.jit(make_step(model, config, loss=tiny.make_loss(), steps=STEPS))
    jax.block_until_ready(step(init_state(tiny.make_params(), config, steps=STEPS), tiny.make_batch(), KEY))
    jax.effects_barrier()
    assert len(set(seen)) == 2


def test_a_lone_cpu_computes_a_batch_in_parts_that_suit_its_caches(tiny):
    seen = set()

    def spy(v, means=None, *, key):
        seen.add(v.shape[0])
        return v

    config = Optimizer()
    step = make_step(tiny.make_model().clone(training_quantizer=spy), config, loss=tiny.make_loss(), steps=STEPS)
    state = init_state(tiny.make_params(), config, steps=STEPS)
    for count, side, at_once in ((8, 128, 8), (8, 256, 2), (6, 256, 2), (3, 256, 1), (2, 512, 1)):
        seen.clear()
        jax.eval_shape(step, state, jnp.zeros((count, side, side, 3)), KEY)
        assert min(seen) == at_once


def test_a_batch_that_does_not_divide_into_its_parts_is_refused(tiny, batch):
    config = Optimizer(accumulate=3)
    step = make_step(tiny.make_model(), config, loss=tiny.make_loss(), steps=STEPS)
    with pytest.raises(ValueError, match="a batch of 8 cannot be accumulated in 3 equal parts"):
        step(init_state(tiny.make_params(), config, steps=STEPS), batch, KEY)


@pytest.mark.parametrize("quantizer", ops.TRAINING_QUANTIZERS)
def test_a_model_learns_with_every_quantizer(make, batch, quantizer):
    step, state = make(quantizer=ops.TRAINING_QUANTIZERS[quantizer])
    losses = []
    for _ in range(STEPS):
        state, metrics = step(state, batch, KEY)
        losses.append(float(metrics["loss"]))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.5 * losses[0]


def test_quantiles_learn_from_the_densities_after_the_networks_step(make, batch):
    step, state = make()
    after, metrics = step(state, batch, KEY)
    quantiles = state.params["entropy_bottleneck"]["quantiles"]
    aux = jax.value_and_grad(lambda quantiles, prior: bottleneck_aux_loss({**prior, "quantiles": quantiles}))
    loss, expected = aux(quantiles, after.params["entropy_bottleneck"])
    (found,) = adam_means(after, "quantiles").values()
    np.testing.assert_allclose(found, 0.1 * expected, rtol=1e-4)
    assert metrics["aux_loss"] == pytest.approx(float(loss), rel=1e-5)
    _, too_early = aux(quantiles, state.params["entropy_bottleneck"])
    assert np.abs(found - 0.1 * too_early).max() > 1e-3 * np.abs(found).max()


def test_solved_quantiles_are_solved_every_hundred_steps_and_stay_between(make, batch):
    step, state = make(Optimizer(learning_rate=1e-2, quantiles="solved", ema_decay=0.9))
    for number, solves in ((0, True), (1, False), (99, False), (100, True), (101, False)):
        after, metrics = step(state.replace(step=jnp.int32(number)), batch, KEY)
        found = after.params["entropy_bottleneck"]["quantiles"]
        if solves:
            np.testing.assert_allclose(found, solve_quantiles(after.params["entropy_bottleneck"]), rtol=1e-4, atol=1e-4)
            assert bottleneck_aux_loss(after.params["entropy_bottleneck"]) < 0.05
        else:
            np.testing.assert_array_equal(found, state.params["entropy_bottleneck"]["quantiles"])
        assert "aux_loss" not in metrics  # nothing is learned by it


def test_solving_quantiles_changes_nothing_else(tiny):
    params = tiny.make_params()
    solved = with_solved_quantiles(params)
    prior = solved["entropy_bottleneck"]
    np.testing.assert_array_equal(prior["quantiles"], solve_quantiles(params["entropy_bottleneck"]))
    restored = {**solved, "entropy_bottleneck": {**prior, "quantiles": params["entropy_bottleneck"]["quantiles"]}}
    assert_trees_equal(restored, params)


def test_the_moving_average_is_its_recurrence(make, batch):
    config = Optimizer(learning_rate=1e-2, quantiles="solved", ema_decay=0.9)
    step, state = make(config)
    assert_trees_equal(state.ema, state.params)
    expected = jax.tree.map(lambda p: np.asarray(p, np.float64), state.params)
    for number in (0, 1, 2, 90, 1000):  # the memory grows from 1 / 10 of the past up to the decay
        state, _ = step(state.replace(step=jnp.int32(number)), batch, KEY)
        decay = min(0.9, (1 + number) / (10 + number))
        expected = jax.tree.map(lambda e, p, d=decay: d * e + (1 - d) * np.asarray(p), expected, state.params)
        assert_trees_close(state.ema, expected, rtol=1e-6)
    assert state.averaged is state.ema


def test_without_a_moving_average_there_is_none(make):
    _, state = make()
    assert state.ema is None
    assert state.averaged is state.params


def test_the_optimizer_can_be_used_without_the_step(tiny):
    params, optimizer = tiny.make_params(), make_optimizer(Optimizer(), steps=10)
    update = jax.eval_shape(lambda params: optimizer.update(params, optimizer.init(params), params)[0], params)
    assert jax.tree.structure(update) == jax.tree.structure(params)


@pytest.mark.slow  # networks of real depth
@pytest.mark.parametrize("architecture", ["bmshj2018-factorized", "bmshj2018-hyperprior", "cheng2020-attn"])
def test_gradients_through_the_step_are_those_of_compressai(golden_of, architecture):
    case = golden_of(architecture)
    model, config = case.weights.model().clone(training_quantizer=no_noise), Optimizer(clip_norm=0)
    step = jax.jit(make_step(model, config, loss=functools.partial(rate_distortion, lmbda=0.03), steps=STEPS))
    state = init_state(case.weights.params, config, steps=STEPS)
    # A scale of zero keeps the networks where they are, so that the quantiles' gradient is taken there too.
    state, metrics = step(state.replace(plateau=state.plateau._replace(scale=jnp.float32(0))), case.x, KEY)

    bound, compared = 1e-3 if architecture == "cheng2020-attn" else 1e-4, 0
    for path, mean in adam_means(state, "networks").items():
        expected = keys.to_ours(path, case.arrays[f"train0/grad/{keys.param_key(path)}"])
        if path == "context_prediction/kernel":  # CompressAI computes gradients of masked taps too
            expected = expected * causal_mask(5)[:, :, None, None]
        assert np.linalg.norm(10 * mean - expected) <= bound * np.linalg.norm(expected), path
        compared += 1
    assert compared == len(jax.tree.leaves(state.params)) - 1
    (quantiles,) = adam_means(state, "quantiles").values()
    expected = case.arrays["train0/auxgrad/entropy_bottleneck.quantiles"]
    assert np.linalg.norm(10 * quantiles - expected) <= 1e-4 * np.linalg.norm(expected)
    assert metrics["aux_loss"] == pytest.approx(float(case.arrays["train0/aux_loss"]), abs=1e-4)
    assert metrics["loss"] == pytest.approx(float(case.arrays["train0/loss"]), rel=1e-5)
