"""The tool that trains within a given time, with a clock of its own."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
from PIL import Image

import jaxcompress
from jaxcompress import load
from jaxcompress.train import Recipe

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("train_in_time", ROOT / "tools" / "train_in_time.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._STEPS_AT_ONCE = 2
    return module


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    with Image.open(Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png") as picture:
        picture.crop((200, 100, 500, 400)).save(folder / "part.png")
    return folder


class Clock:
    """Ten seconds pass from one look to the next."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        self.now += 10
        return self.now


def test_the_rate_is_constant_and_then_falls_to_zero(tool):
    assert [tool.rate_factor(part) for part in (0, 0.25, 0.5)] == [1, 1, 1]
    assert tool.rate_factor(0.75) == pytest.approx(0.5)
    assert tool.rate_factor(1) == pytest.approx(0)
    assert tool.rate_factor(1.2) == pytest.approx(0)


def test_it_ends_in_time_and_writes_weights_twice(tool, pictures, tmp_path, monkeypatch):
    recipe = Recipe(architecture="bmshj2018-factorized", n=2, m=3, lmbda=0.01, crop=32, batch_size=2)
    rates, written = [], []
    compile_step, write = tool._compile, tool._write

    def record(recipe, model, config):
        step = compile_step(recipe, model, config)
        return lambda state, *rest: (rates.append(float(state.plateau.scale)), step(state, *rest))[1]

    monkeypatch.setattr(tool, "_compile", record)
    monkeypatch.setattr(tool, "_write", lambda *args: (written.append(args[3]), write(*args)))
    output = tmp_path / "out.safetensors"
    done = tool.train_in_time(recipe, pictures, output, seconds=200, spare=50, clock=Clock())
    # The clock begins at 1010 and gives 1020, 1030, ... up to 1150 before the end at 1160; the first step is alone.
    assert done == 1 + 13 * 2
    assert rates[:13] == [1.0] * 13
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.1
    assert len(written) == 2
    assert written[0] < done == written[1]
    assert load(output).metadata["steps"] == done


def test_a_loss_that_is_no_number_is_told(tool, pictures, tmp_path):
    recipe = Recipe(architecture="bmshj2018-factorized", n=2, m=3, lmbda=0.01, crop=32, batch_size=2)
    wild = dataclasses.replace(
        recipe, optimizer=dataclasses.replace(recipe.optimizer, learning_rate=1e30, schedule="constant")
    )
    with pytest.raises(ValueError, match=r"the loss became \w+ at step \d+; train with a lower"):
        tool.train_in_time(wild, pictures, tmp_path / "out.safetensors", seconds=200, spare=50, clock=Clock())
