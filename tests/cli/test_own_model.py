"""Commands with weights of a model that is none of the package's: `--recipe`."""

import dataclasses
import json
import re

import jax
import numpy as np
import pytest
from PIL import Image

from jaxcompress import metrics, train
from jaxcompress.cli import main
from jaxcompress.codec import read_picture

RECIPE = """
import functools

from flax import linen as nn

import jaxcompress as jc
from jaxcompress.layers import Conv, Sequential, SubPixelConv, leaky_relu


class Blocks(jc.models.MeanScaleHyperprior):
    def make_g_a(self):
        return nn.Conv(self.m, (16, 16), 16)

    def make_g_s(self):
        return Sequential((functools.partial(SubPixelConv, 3, 16),))

    def make_h_s(self):
        up = functools.partial(SubPixelConv, self.n)
        return Sequential((up, leaky_relu, up, leaky_relu, functools.partial(Conv, 2 * self.m, 3, 1)))


class Recipe(jc.train.Recipe):
    def make_model(self):
        return Blocks(n=self.n, m=self.m)


recipe = Recipe(architecture="blocks", n=16, m=24, lmbda=0.01)
"""
OWN = ("-w", "own.safetensors", "--recipe", "recipe.py")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, golden_of):
    """A photograph, a recipe, and weights of its model, of sizes that the recipe was told."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "recipe.py").write_text(RECIPE)
    recipe = dataclasses.replace(train.load_recipe(str(folder / "recipe.py")), n=6, m=8)
    model = recipe.make_model()
    params = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"]
    train.export(recipe.architecture, model, params).save(folder / "own.safetensors")
    (folder / "photos").mkdir()
    picture = np.rint(golden_of("mbt2018-mean").x[0] * 255).astype(np.uint8)[:90, :140]
    Image.fromarray(picture).save(folder / "photos" / "photo.png")
    return folder


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """Where results go."""
    monkeypatch.chdir(tmp_path)
    for path in prepared.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_a_file_goes_through(folder, capsys):
    assert main(["encode", "photos/photo.png", "-o", "photo.jxc", *OWN]) == 0
    assert main(["decode", "photo.jxc", "-o", "decoded.png", *OWN]) == 0
    assert main(["decode", "photo.jxc", "-o", "part.png", "--crop", "10,20,30,40", *OWN]) == 0
    decoded = read_picture("decoded.png").pixels
    assert decoded.shape == read_picture("photos/photo.png").pixels.shape
    np.testing.assert_array_equal(read_picture("part.png").pixels, decoded[20:60, 10:40])
    assert main(["info", "photo.jxc", "--json"]) == 0
    assert '"blocks"' in capsys.readouterr().out
    assert main(["info", "own.safetensors"]) == 0
    printed = capsys.readouterr().out
    assert "architecture           blocks\n" in printed
    assert "outputs" not in printed


def test_a_folder_is_evaluated_verified_and_its_networks_exported(folder, capsys):
    assert main(["evaluate", "photos", "--metrics", "psnr-rgb", *OWN]) == 0
    (row,) = json.loads((folder / "results" / "blocks.json").read_text())["pictures"]
    assert main(["encode", "photos", "-o", "coded", *OWN]) == 0
    assert main(["decode", "coded", "-o", "decoded", *OWN]) == 0
    pictures = (read_picture(f"{name}/photo.png").pixels for name in ("photos", "decoded"))
    assert metrics.psnr(*pictures) == pytest.approx(row["psnr-rgb"])
    assert main(["verify", "photos", "--threads", "1", *OWN]) == 0
    assert main(["export", "own.safetensors", "--recipe", "recipe.py", "-o", "networks", "--stages", "g_s"]) == 0
    assert json.loads((folder / "networks" / "manifest.json").read_text())["m"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("encode", "photos/photo.png", *OWN[:2]), "'blocks' is none of .* by --recipe FILE to a command"),
        (("encode", "photos/photo.png", *OWN[2:]), "give them with --weights FILE"),
        (("decode", "recipe.py", *OWN[2:]), "give them with --weights FILE"),
        (("evaluate", "photos", *OWN[2:]), "give them with --weights FILE"),
        (("encode", "photos/photo.png", *OWN[:3], "own.safetensors"), "there is no recipe 'own.safetensors'"),
        (("encode", "photos/photo.png", *OWN[:3], "mbt2018-mean"), "own.safetensors is of 'blocks', and mbt2018-mean"),
        (("encode", "photos/photo.png", *OWN[:3], "absent.py"), "there is no recipe 'absent.py'"),
        (("encode", "photos/photo.png", "-w", "recipe.py", *OWN[2:]), "recipe.py is no jaxcompress weights file"),
    ],
)
def test_mistakes_are_told(folder, capsys, arguments, message):
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert re.search(f"^jaxcompress: .*{message}", line), line
