"""The optimizer and its schedules, against PyTorch and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from jaxcompress.train import Optimizer, make_optimizer
from jaxcompress.train.optimizers import learning_rate_schedule, make_plateau

PARAMS = {
    "g_a": {"kernel": np.array([1.0, -2.0], np.float32)},
    "entropy_bottleneck": {
        "matrices_0": np.array([0.5], np.float32),
        "quantiles": np.array([-10.0, 0.0, 10.0], np.float32),
    },
}


def gradients_of(kernel=(3.0, 0.0), matrix=(4.0,), quantiles=(100.0, -0.5, 7.0)):
    """As `PARAMS`; the norm of the networks' part is 5."""
    prior = {"matrices_0": np.array(matrix, np.float32), "quantiles": np.array(quantiles, np.float32)}
    return {"g_a": {"kernel": np.array(kernel, np.float32)}, "entropy_bottleneck": prior}


def first_update(config, gradients, **options):
    """The first update, and Adam's mean of networks and quantiles after it."""
    optimizer = make_optimizer(config, steps=100)
    updates, state = optimizer.update(gradients, optimizer.init(PARAMS), PARAMS, **options)
    means = {name: optax.tree.get(inner, "mu") for name, inner in state.inner_states.items()}
    return updates, means


@pytest.mark.parametrize(("factor", "patience"), [(0.1, 10), (0.5, 3), (0.5, 0), (0.9, 1)])
def test_plateau_is_that_of_torch_at_every_step(factor, patience):
    rng = np.random.default_rng(0)
    falling = np.linspace(5, 3, 12)
    flat = 3 + rng.uniform(0, 0.1, 25)
    barely = 3 * (1 - 0.5e-4 * np.arange(8) / 8)  # falls by less than the threshold of 1e-4
    losses = np.concatenate([falling, flat, barely, np.linspace(2.5, 2, 5), np.full(14, 2.2)]).astype(np.float32)
    assert len(losses) == 64

    config = Optimizer(schedule="plateau", plateau_factor=factor, plateau_patience=patience)
    update = jax.jit(lambda state, loss: make_plateau(config).update({}, state, value=loss)[1])
    state = make_plateau(config).init({})
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, "min", factor=factor, patience=patience)
    scales = []
    for loss in losses:
        state = update(state, loss)
        schedule.step(float(loss))
        scales.append((float(state.scale), theirs.param_groups[0]["lr"]))
    ours, expected = np.array(scales).T
    # PyTorch stops where a reduction would be below 1e-8.
    np.testing.assert_allclose(np.maximum(ours, 1e-7), np.maximum(expected, 1e-7), rtol=1e-5)
    assert len(set(expected)) > 2


def test_cosine_rises_from_zero_and_falls_to_the_final_fraction():
    config = Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=10, final_fraction=0.1)
    rate = learning_rate_schedule(config, steps=110)
    expected = {0: 0, 1: 2e-4, 5: 1e-3, 10: 2e-3, 60: 1.1e-3, 35: 2e-4 + 0.9e-3 * (1 + 0.5**0.5), 110: 2e-4, 200: 2e-4}
    for step, value in expected.items():
        assert rate(step) == pytest.approx(value, rel=1e-5, abs=1e-10), step


def test_cosine_without_warmup_starts_at_the_highest_rate():
    rate = learning_rate_schedule(Optimizer(learning_rate=2e-3, schedule="cosine"), steps=100)
    assert [float(rate(step)) for step in (0, 50, 100)] == pytest.approx([2e-3, 1e-3, 0], rel=1e-5, abs=1e-10)


def test_the_cosine_may_begin_later():
    config = Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=10, decay_from=0.5)
    rate = learning_rate_schedule(config, steps=100)
    expected = {0: 0, 5: 1e-3, 10: 2e-3, 30: 2e-3, 50: 2e-3, 75: 1e-3, 100: 0}
    for step, value in expected.items():
        assert rate(step) == pytest.approx(value, rel=1e-5, abs=1e-10), step


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_schedules_are_flat_after_their_warmup(schedule):
    config = Optimizer(learning_rate=2e-3, schedule=schedule, warmup_steps=4)
    rate = learning_rate_schedule(config, steps=100)
    assert [float(rate(step)) for step in (0, 2, 4, 50, 1000)] == pytest.approx([0, 1e-3, 2e-3, 2e-3, 2e-3])
    assert float(learning_rate_schedule(Optimizer(schedule=schedule), steps=100)(0)) == pytest.approx(1e-4)


def test_a_schedule_shorter_than_its_warmup_stays_finite():
    rate = learning_rate_schedule(Optimizer(schedule="cosine", warmup_steps=100), steps=50)
    assert np.isfinite([float(rate(step)) for step in (0, 50, 100, 101)]).all()


def test_clipping_bounds_the_networks_and_leaves_out_the_quantiles():
    _, means = first_update(Optimizer(clip_norm=1.0), gradients_of())
    np.testing.assert_allclose(means["networks"]["g_a"]["kernel"], [0.1 * 3 / 5, 0], rtol=1e-6)
    np.testing.assert_allclose(means["networks"]["entropy_bottleneck"]["matrices_0"], [0.1 * 4 / 5], rtol=1e-6)
    np.testing.assert_allclose(means["quantiles"]["entropy_bottleneck"]["quantiles"], [10, -0.05, 0.7], rtol=1e-6)


@pytest.mark.parametrize("clip_norm", [0.0, 5.1])
def test_gradients_within_the_norm_or_without_one_are_left_alone(clip_norm):
    _, means = first_update(Optimizer(clip_norm=clip_norm), gradients_of())
    np.testing.assert_allclose(means["networks"]["g_a"]["kernel"], [0.3, 0], rtol=1e-6)


def test_networks_and_quantiles_learn_at_their_own_rates():
    config = Optimizer(learning_rate=1e-2, aux_learning_rate=3e-3)
    updates, _ = first_update(config, gradients_of())  # the first step of Adam is the sign times the rate
    np.testing.assert_allclose(updates["g_a"]["kernel"], [-1e-2, 0], rtol=1e-5)
    np.testing.assert_allclose(updates["entropy_bottleneck"]["quantiles"], [-3e-3, 3e-3, -3e-3], rtol=1e-5)


def test_moments_and_epsilon_of_adam_may_be_chosen():
    gradients = gradients_of()
    for config, factor in ((Optimizer(learning_rate=1e-2, clip_norm=0, epsilon=3.0), 0.5), (Optimizer(), 1)):
        updates, _ = first_update(config, gradients)
        np.testing.assert_allclose(updates["g_a"]["kernel"], [-config.learning_rate * factor, 0], rtol=1e-4)
    optimizer = make_optimizer(Optimizer(beta2=0.5, clip_norm=0), steps=9)
    state = optimizer.init(gradients)
    _, state = optimizer.update(gradients, state, gradients)
    found = optax.tree.get(state.inner_states["networks"], "nu")["g_a"]["kernel"]
    np.testing.assert_allclose(found, 0.5 * np.square(gradients["g_a"]["kernel"]), rtol=1e-5)


def test_slow_layers_learn_at_a_part_of_the_rate():
    config = Optimizer(learning_rate=1e-2, slow_layers="g_a, another", slow_factor=0.1)
    updates, _ = first_update(config, gradients_of())
    np.testing.assert_allclose(updates["g_a"]["kernel"], [-1e-3, 0], rtol=1e-5)
    np.testing.assert_allclose(updates["entropy_bottleneck"]["matrices_0"], [-1e-2], rtol=1e-5)


def test_the_plateau_scales_the_networks_alone():
    full, _ = first_update(Optimizer(), gradients_of())
    reduced, _ = first_update(Optimizer(), gradients_of(), scale=jnp.float32(0.25))
    np.testing.assert_allclose(reduced["g_a"]["kernel"], 0.25 * full["g_a"]["kernel"], rtol=1e-6)
    ours, theirs = reduced["entropy_bottleneck"], full["entropy_bottleneck"]
    np.testing.assert_allclose(ours["matrices_0"], 0.25 * theirs["matrices_0"], rtol=1e-6)
    np.testing.assert_array_equal(ours["quantiles"], theirs["quantiles"])


def test_quantiles_that_are_solved_are_not_updated():
    updates, means = first_update(Optimizer(quantiles="solved"), gradients_of())
    np.testing.assert_array_equal(updates["entropy_bottleneck"]["quantiles"], [0, 0, 0])
    assert means["quantiles"] is None


def test_ten_updates_are_those_of_torch():
    rng = np.random.default_rng(0)
    config = Optimizer(learning_rate=1e-2, aux_learning_rate=1e-3, clip_norm=1.0)
    optimizer = make_optimizer(config, steps=10)
    params, state = PARAMS, optimizer.init(PARAMS)
    tensors = [torch.from_numpy(leaf.copy()).requires_grad_() for leaf in jax.tree.leaves(PARAMS)]
    matrix, quantiles, kernel = tensors  # in the order of the keys
    networks, aux = torch.optim.Adam([kernel, matrix], lr=1e-2), torch.optim.Adam([quantiles], lr=1e-3)
    for step in range(10):
        gradients = gradients_of(*(rng.normal(size=size) * 3 / (step + 1) for size in (2, 1, 3)))
        updates, state = optimizer.update(gradients, state, params, scale=0.5 if step >= 5 else 1.0)
        params = optax.apply_updates(params, updates)
        for tensor, gradient in zip(tensors, jax.tree.leaves(gradients), strict=True):
            tensor.grad = torch.from_numpy(gradient.copy())
        torch.nn.utils.clip_grad_norm_([kernel, matrix], 1.0)
        networks.param_groups[0]["lr"] = 5e-3 if step >= 5 else 1e-2
        networks.step()
        aux.step()
    for ours, tensor in zip(jax.tree.leaves(params), tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.detach().numpy(), rtol=1e-5, atol=1e-7)


def test_the_defaults_are_compressai_s():
    config = Optimizer()
    assert (config.learning_rate, config.aux_learning_rate, config.clip_norm) == (1e-4, 1e-3, 1.0)
    assert (config.schedule, config.plateau_factor, config.plateau_patience) == ("plateau", 0.1, 10)
    assert (config.quantiles, config.ema_decay, config.accumulate, config.warmup_steps) == ("learned", 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("aux_learning_rate", -1.0),
        ("clip_norm", -0.1),
        ("warmup_steps", -1),
        ("plateau_factor", 1.0),
        ("plateau_factor", 0.0),
        ("plateau_patience", -1),
        ("final_fraction", 1.5),
        ("ema_decay", 1.0),
        ("accumulate", -1),
    ],
)
def test_a_setting_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}, which is out of range"):
        Optimizer(**{name: value})


@pytest.mark.parametrize(
    ("name", "choices"), [("schedule", "constant, plateau, cosine"), ("quantiles", "learned, solved")]
)
def test_an_unknown_choice_is_named_with_the_known_ones(name, choices):
    with pytest.raises(ValueError, match=f"{name} is 'other'; expected one of {choices}"):
        Optimizer(**{name: "other"})
