"""Recipes: those in the package, those in files, and settings as text."""

import ast
import functools
import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcompress.train import Optimizer, Recipe, bundled_recipes, init_state, load_recipe, make_step, with_settings
from jaxcompress.weights_checks import expected_params

TINY = Path(__file__).parent / "tiny_recipe.py"

bundled = pytest.mark.parametrize("name", bundled_recipes())


@bundled
def test_bundled_recipes_load_and_their_models_build(name):
    recipe = load_recipe(name)
    assert isinstance(recipe, Recipe)
    model = recipe.make_model()
    assert recipe.crop % model.stride == recipe.validation_crop % model.stride == 0
    shapes = expected_params(model)  # by jax.eval_shape, which runs the model without computing anything
    assert "g_a" in {path.split("/")[0] for path in shapes}
    assert recipe.weight_of_distortion > 0
    json.dumps(recipe.as_json())


@bundled
def test_bundled_recipes_say_command_hardware_time_and_what_to_expect(name):
    text = ast.get_docstring(ast.parse(bundled_recipes()[name].read_text()))
    parts = dict(re.findall(r"^(\w+): +(\S(?:.*\n?(?: +.*\n?)*))", text, re.MULTILINE))
    assert set(parts) >= {"Command", "Hardware", "Time", "Expected"}
    assert f"jaxcompress train {name} --data" in parts["Command"]
    assert parts["Time"].strip() != "TIME", "the placeholder is still there"
    assert re.search(r"\d bpp", parts["Expected"])
    assert re.search(r"\d dB", parts["Expected"])


def test_settings_are_parsed_by_type():
    settings = {
        "steps=1_000": ("steps", 1000),
        "batch_size=32": ("batch_size", 32),
        "lmbda=2.5e-2": ("lmbda", 0.025),
        "cache_gib=4": ("cache_gib", 4.0),
        "flip=false": ("flip", False),
        "flip=True": ("flip", True),
        "quality=none": ("quality", None),
        "quality=5": ("quality", 5),
        "n=None": ("n", None),
        " compute = bfloat16 ": ("compute", "bfloat16"),
        "training_data=coco and a=b": ("training_data", "coco and a=b"),
        "licence=": ("licence", ""),
    }
    recipe = Recipe(lmbda=0.01, quality=3)
    for setting, (name, value) in settings.items():
        found = getattr(with_settings(recipe, [setting]), name)
        assert found == value, setting
        assert type(found) is type(value), setting


def test_settings_of_the_optimizer_are_dotted_and_the_rest_stays():
    recipe = Recipe(lmbda=0.01, steps=7)
    found = with_settings(recipe, ["optimizer.learning_rate=3e-4", "optimizer.accumulate=2", "steps=8"])
    assert found == Recipe(lmbda=0.01, steps=8, optimizer=Optimizer(learning_rate=3e-4, accumulate=2))
    assert recipe == Recipe(lmbda=0.01, steps=7)
    assert with_settings(recipe, []) == recipe


def test_every_setting_survives_its_text():
    recipe = Recipe(quality=3)
    values = recipe.as_json()
    flat = {f"optimizer.{name}": value for name, value in values.pop("optimizer").items()} | values
    assert with_settings(recipe, [f"{name}={value}" for name, value in flat.items()]) == recipe


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("steps", "'steps' is no setting; expected key=value"),
        ("stepps=3", "'stepps=3' names 'stepps', which is no setting; there are architecture, quality"),
        ("optimizer.rate=3", "names 'rate', which is no setting; there are learning_rate"),
        ("optimizer=3", "'optimizer=3' is no setting of one value"),
        ("steps.x=3", "'steps.x=3' is no setting of one value"),
        ("steps=1.5", "'steps=1.5': '1.5' is no int"),
        ("steps=", "'steps=': '' is no int"),
        ("steps=none", "'none' is no int"),
        ("lmbda=much", "'lmbda=much': 'much' is no float"),
        ("flip=1", "'flip=1': '1' is neither true nor false"),
        ("steps=0", "steps is 0; expected at least 1"),
        ("optimizer.ema_decay=1", "ema_decay is 1.0, which is out of range"),
        ("quantizer=floor", "quantizer is 'floor'; expected one of noise, straight-through, soft"),
        ("compute=float16", "compute is 'float16'; expected one of float32, tensorfloat32, bfloat16"),
        ("parallel=mpi", "parallel is 'mpi'; expected one of jit, pmap"),
        ("lmbda=none", "lmbda and quality are both missing"),
        ("lmbda=nan", "lmbda is nan; expected a positive number"),
        ("lmbda=-1", "lmbda is -1.0; expected a positive number"),
        ("learning_rate=1", "there are architecture, "),
        ("learning_rate=1", ", optimizer.learning_rate, "),
    ],
)
def test_a_setting_that_makes_no_sense_is_explained(setting, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        with_settings(Recipe(lmbda=0.01), [setting])


def test_ms_ssim_needs_crops_that_it_can_judge():
    options = {"metric": "ms-ssim", "lmbda": 8.0}
    Recipe(crop=192, validation_crop=192, **options)
    for crops in ({"crop": 128}, {"validation_crop": 128}):
        with pytest.raises(ValueError, match="MS-SSIM needs at least 161"):
            Recipe(**crops, **options)


@pytest.mark.parametrize("code", ["recipe = Recipe(", "\nimport flaxx", "import os\nrecipe = missing"])
def test_a_file_that_cannot_be_run_is_named(tmp_path, monkeypatch, code):
    monkeypatch.chdir(tmp_path)
    path = Path("mine.py")
    path.write_text(code)
    with pytest.raises(ValueError, match=re.escape(f"{path} is no usable recipe: ") + r".*\((line 2|.*, line 1)\)"):
        load_recipe(str(path))


def test_lambda_is_as_given_or_that_of_the_quality_and_metric():
    assert Recipe(quality=3).weight_of_distortion == 0.0067
    assert Recipe(quality=3, metric="ms-ssim").weight_of_distortion == 8.73
    assert Recipe(quality=3, lmbda=0.5).weight_of_distortion == 0.5
    with pytest.raises(ValueError, match="quality 9"):
        Recipe(quality=9)
    with pytest.raises(ValueError, match="metric is 'psnr'; expected one of mse, ms-ssim"):
        Recipe(quality=3, metric="psnr")


def test_the_model_has_the_sizes_of_the_quality_unless_they_are_given():
    model = Recipe(architecture="mbt2018-mean", quality=3).make_model()
    assert (model.n, model.m) == (128, 192)
    model = Recipe(architecture="mbt2018-mean", quality=3, n=8, m=12).make_model()
    assert (model.n, model.m) == (8, 12)
    model = Recipe(architecture="mbt2018-mean", quality=3, n=64).make_model()
    assert (model.n, model.m) == (64, 192)
    with pytest.raises(ValueError, match="unknown architecture 'mbt2019'"):
        Recipe(architecture="mbt2019", quality=3).make_model()


def test_a_file_may_train_a_model_of_its_own():
    recipe = load_recipe(str(TINY))
    assert isinstance(recipe, Recipe)
    assert type(recipe).__name__ == "TinyRecipe"
    recipe = with_settings(recipe, ["steps=5"])  # keeps the class
    model = recipe.make_model()
    step = make_step(model, recipe.optimizer, loss=recipe.make_loss(), steps=recipe.steps)
    state = jax.eval_shape(functools.partial(init_state, config=recipe.optimizer, steps=5), recipe.make_params())
    after, metrics = jax.eval_shape(step, state, recipe.make_batch(), jax.random.key(0))
    assert after.params["g_a"]["1"]["kernel"].shape == (1, 1, 768, 4)
    assert metrics["loss"].shape == ()
    assert jax.tree.structure(after) == jax.tree.structure(state)


def test_a_loss_may_be_swapped_too():
    class Overridden(Recipe):
        def make_loss(self):
            return "another"

    assert with_settings(Overridden(lmbda=1.0), ["steps=2"]).make_loss() == "another"


def test_an_unknown_recipe_is_answered_with_the_known_ones(tmp_path):
    for name in ("mbt2018-meen", str(tmp_path / "missing.py"), str(tmp_path)):
        with pytest.raises(ValueError, match=f"there is no recipe {re.escape(repr(name))}") as error:
            load_recipe(name)
        assert all(known in str(error.value) for known in bundled_recipes())


def test_a_file_without_a_recipe_is_refused(tmp_path):
    for text, found in (("x = 1", "Recipe$"), ("recipe = {'steps': 3}", "it is {'steps': 3}")):
        path = tmp_path / "other.py"
        path.write_text(text)
        with pytest.raises(ValueError, match=rf"no variable `recipe` .*{found}"):
            load_recipe(str(path))


def test_a_loss_of_a_recipe_is_its_objective():
    loss = Recipe(lmbda=0.25).make_loss()
    x = np.zeros((1, 16, 16, 3), np.float32)
    output = type("Output", (), {"x_hat": x + 0.5, "likelihoods": {"y": np.full((1, 1, 1, 64), 0.5, np.float32)}})
    assert float(loss(output, x).loss) == pytest.approx(64 / 256 + 0.25 * 255**2 * 0.25)
