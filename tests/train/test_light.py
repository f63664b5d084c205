"""Training at all rates at once: each picture of a batch has settings of its own."""

import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcompress
from jaxcompress import load
from jaxcompress.models import Light, Output
from jaxcompress.train import Optimizer, RateDistortion, Recipe, init_state, load_recipe, make_step, rate_lambda, run
from jaxcompress.train.parallel import AXIS

KEY = jax.random.key(7)
MODEL = Light(n=6, m=8)


@pytest.fixture(scope="module")
def recipe():
    """The bundled recipe with a model that compiles fast."""
    return dataclasses.replace(
        load_recipe("light"),
        n=6,
        m=8,
        steps=6,
        crop=64,
        batch_size=2,
        log_every=2,
        validate_every=6,
        checkpoint_every=3,
        validation_pictures=1,
        validation_crop=64,
        cache_gib=0.0,
    )


@pytest.fixture(scope="module")
def params():
    return jax.jit(MODEL.init)(KEY, jnp.zeros((1, 64, 64, 3)))["params"]


# ---------------------------------------------------------------- settings of a step


class Stub:
    """In place of a model: what a step calls of one."""

    def apply(self, variables, x, *, training, rngs, rate):
        return Output(x * variables["params"]["g_a"]["kernel"], x, {})


def rates_seen(*, count, step=0, parts=1, axis_name=None):
    """The rates that a model is called with; one row for each part of a batch."""

    def loss(output, x, *, rate):
        jax.debug.callback(lambda rate: seen.append(np.asarray(rate)), rate)
        return RateDistortion(output.x_hat.sum(), jnp.zeros(()), jnp.zeros(()))

    def draw(key, count):
        return {"rate": jnp.arange(count) + jax.random.uniform(key)}

    seen = []
    config = Optimizer(accumulate=parts)
    run = make_step(Stub(), config, loss=loss, steps=9, axis_name=axis_name, draw_settings=draw)
    state = init_state({"g_a": {"kernel": np.ones((), np.float32)}}, config, steps=9).replace(step=jnp.int32(step))
    x = jnp.zeros((count, 2, 2, 3))
    if axis_name is None:
        jax.block_until_ready(jax.jit(run)(state, x, KEY))
    else:
        jax.block_until_ready(jax.pmap(run, axis_name, in_axes=(None, 0, None))(state, x[None], KEY))
    jax.effects_barrier()
    return np.stack(seen)


def test_every_picture_has_settings_of_its_own_and_every_step_new_ones():
    first, again, second = (rates_seen(count=3, step=step)[0] for step in (0, 0, 1))
    np.testing.assert_allclose(np.diff(first), 1, rtol=1e-5)
    np.testing.assert_array_equal(first, again)
    assert (first != second).all()


def test_parts_of_a_batch_share_its_settings_out():
    whole, parts = rates_seen(count=4)[0], rates_seen(count=4, parts=2)
    np.testing.assert_allclose(np.sort(parts.ravel()), whole)
    np.testing.assert_allclose(parts[0], whole[::2])  # as the pictures are
    np.testing.assert_allclose(rates_seen(count=4, axis_name=AXIS)[0], whole)


def test_a_model_without_quantiles_has_no_auxiliary_loss(params, recipe):
    for quantiles in ("learned", "solved"):
        config = dataclasses.replace(recipe.optimizer, quantiles=quantiles)
        step = make_step(
            MODEL,
            config,
            loss=recipe.make_loss(),
            steps=9,
            draw_settings=functools.partial(recipe.draw_settings, MODEL),
        )
        state = jax.eval_shape(functools.partial(init_state, config=config, steps=9), params)
        after, metrics = jax.eval_shape(step, state, jnp.zeros((2, 64, 64, 3)), KEY)
        assert set(metrics) == {"loss", "bpp", "mse", "gradient_norm", "learning_rate"}
        assert jax.tree.structure(after) == jax.tree.structure(state)


def test_settings_are_drawn_over_their_ranges_unless_a_recipe_says_otherwise():
    drawn = Recipe(lmbda=1.0).draw_settings(MODEL, KEY, 1000)
    assert set(drawn) == {"rate"}
    assert -2 <= drawn["rate"].min() < -1.9
    assert 5.9 < drawn["rate"].max() <= 6
    assert Recipe(lmbda=1.0).draw_settings(jaxcompress.create("bmshj2018-factorized", n=2, m=2), KEY, 3) == {}


def test_the_recipe_draws_low_and_high_rates_in_every_batch(recipe):
    keys = jax.random.split(KEY, 500)
    rates = np.stack([recipe.draw_settings(MODEL, key, 8)["rate"] for key in keys])
    assert (np.diff(rates) > 0).all()
    assert rates[:, 0].max() < 0
    assert rates[:, -1].min() > 4.5
    assert -2 <= rates.min() < -1
    assert 5.5 < rates.max() <= 6
    assert np.mean((rates > -1) & (rates < 5.5)) == pytest.approx(0.98125, abs=0.01)


def test_the_recipe_s_loss_weighs_each_picture_by_the_root_of_its_lambda(recipe):
    x = np.zeros((2, 16, 16, 3), np.float32)
    likelihoods = {"y": np.array([0.5, 0.25], np.float32)[:, None, None, None] * np.ones((2, 1, 1, 64), np.float32)}
    output = type("Output", (), {"x_hat": x + np.float32([0.1, 0.01])[:, None, None, None], "likelihoods": likelihoods})
    rate = np.float32([0, 5])
    lambdas = np.array([0.0018, 0.0483])
    np.testing.assert_allclose(rate_lambda(rate), lambdas, rtol=1e-5)
    found = recipe.make_loss()(output, x, rate=rate)
    bpp, mse = np.array([64, 128]) / 256, np.array([0.01, 0.0001])
    middle = 0.0018 * (0.0483 / 0.0018) ** 0.4
    expected = np.mean((bpp + lambdas * 255**2 * mse) * np.sqrt(middle / lambdas))
    assert found.loss == pytest.approx(expected, rel=1e-4)
    assert (found.bpp, found.mse) == (pytest.approx(0.375), pytest.approx(0.00505, rel=1e-4))


# ---------------------------------------------------------------- a run


@pytest.fixture(scope="module")
def result(training, recipe, tmp_path_factory):
    """Results of a short run."""
    out = tmp_path_factory.mktemp("light") / "run"
    run(recipe, data=training.pictures, output=out, validation_data=training.validation)
    return out


def test_a_run_validates_real_files_at_several_rates(result, recipe):
    lines = [json.loads(line) for line in (result / "metrics.jsonl").read_text().splitlines()]
    (validation,) = (line for line in lines if "validation/loss" in line)
    bpp = [validation[f"validation/quality={quality}/bpp"] for quality in recipe.validation_qualities(MODEL)]
    assert bpp == sorted(bpp)
    assert bpp[-1] > bpp[0]
    weights = load(result / "last.safetensors")
    assert (weights.architecture, weights.n, weights.m) == ("light", 6, 8)
    assert "lambda" not in weights.metadata


def test_a_run_that_goes_on_from_a_checkpoint_ends_up_the_same(result, recipe, training, tmp_path):
    again = shutil.copytree(result, tmp_path / "again")
    shutil.rmtree(again / "checkpoints" / "6")
    (again / "last.safetensors").unlink()
    run(recipe, data=training.pictures, output=again, validation_data=training.validation)
    assert (again / "last.safetensors").read_bytes() == (result / "last.safetensors").read_bytes()


def test_a_run_can_start_from_weights(result, recipe, training, tmp_path):
    started = dataclasses.replace(
        recipe,
        start=str(result / "last.safetensors"),
        steps=1,
        optimizer=dataclasses.replace(recipe.optimizer, learning_rate=1e-9, ema_decay=0.0),
    )
    run(started, data=training.pictures, output=tmp_path / "out", validation_data=training.validation)
    found, expected = load(tmp_path / "out" / "last.safetensors").params, load(result / "last.safetensors").params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, expected)


# ---------------------------------------------------------------- several devices

# Runs in a process of its own, since the number of devices is decided when JAX starts.
SCRIPT = """
import functools, sys
import jax, numpy as np
from jaxcompress import ops
from jaxcompress.codec import read_picture
from jaxcompress.models import Light, Output
from jaxcompress.train import init_state, load_recipe, make_step, replicate
from jaxcompress.train.klt import fit_klt, with_klt
from jaxcompress.train.parallel import RUNNERS

STEPS = 100
recipe, found = load_recipe("light"), {}
picture = read_picture(sys.argv[1]).pixels
params = jax.jit(Light(n=12, m=16).init)(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"]
params = jax.device_get(with_klt(Light(n=12, m=16), params, fit_klt([picture], components=16, blocks=2000)))

def train(name, count):
    runner = RUNNERS[name](jax.devices()[:count])
    quantizer = functools.partial(ops.add_uniform_noise, axis_name=runner.axis_name)
    model = Light(n=12, m=16, training_quantizer=quantizer)
    step = make_step(
        model, recipe.optimizer, loss=recipe.make_loss(), steps=STEPS, axis_name=runner.axis_name,
        draw_settings=functools.partial(recipe.draw_settings, model),
    )
    step, losses = runner.compile(step), []
    state = replicate(init_state(params, recipe.optimizer, steps=STEPS), runner)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        places = rng.integers((448, 704), size=(4, 2))
        batch = np.stack([picture[y : y + 64, x : x + 64] for y, x in places])
        state, metrics = step(state, runner.split(batch), jax.random.key(3))
        losses.append(float(metrics["loss"]))
    found[f"{name}-{count}/losses"] = np.array(losses)
    for path, leaf in jax.tree_util.tree_flatten_with_path(state.params)[0]:
        found[f"{name}-{count}/params" + jax.tree_util.keystr(path)] = np.asarray(leaf)

train("jit", 1), train("jit", 2), train("pmap", 2)
np.savez(sys.argv[2], **found)
"""


@pytest.mark.slow
def test_a_hundred_steps_on_two_devices_are_those_on_one(tmp_path):
    picture = os.path.join(os.path.dirname(jaxcompress.__file__), "demo", "kingfisher.png")
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-P", "-c", SCRIPT, picture, str(tmp_path / "found.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = dict(np.load(tmp_path / "found.npz"))
    losses = found["jit-1/losses"]
    assert losses[-20:].mean() < 0.97 * losses[:20].mean()
    for way in ("jit-2", "pmap-2"):
        np.testing.assert_allclose(found[f"{way}/losses"], losses, rtol=1e-4)
        for name, expected in found.items():
            if name.startswith("jit-1/params"):
                difference = np.linalg.norm(found[name.replace("jit-1", way)] - expected)
                assert difference <= 1e-3 * np.linalg.norm(expected), f"{way} {name}"
