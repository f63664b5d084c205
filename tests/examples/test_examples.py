"""The examples as their readers run them: each in a process of its own, on a picture of a few seconds."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxcompress import Codec, load, reference, zoo
from jaxcompress.codec import read_picture, write_picture
from jaxcompress.reference.architectures import ARCHITECTURES, Architecture

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
KINGFISHER = Path(zoo.__file__).parents[1] / "demo" / "kingfisher.png"


@pytest.fixture
def picture(tmp_path):
    """Path of a part of the bundled photograph, 192 x 128 and a little, sides no multiple of anything."""
    write_picture(tmp_path / "part.png", read_picture(KINGFISHER).pixels[150:283, 250:447])
    return tmp_path / "part.png"


def run(name, *arguments, folder):
    result = subprocess.run(
        [sys.executable, "-P", EXAMPLES / name, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr  # XLA may tell there that a busy machine compiles slowly
    return result.stdout


def test_a_custom_codec_writes_files_that_plain_integers_decode(picture, tmp_path, monkeypatch):
    output = run("custom_codec.py", picture, folder=tmp_path)
    losses = [float(found) for found in re.findall(r"loss (\S+),", output)]
    assert losses[-1] < 0.7 * losses[0]
    assert f"{(tmp_path / 'my-codec.jxc').stat().st_size} bytes" in output
    monkeypatch.setitem(ARCHITECTURES, "my-codec", Architecture("hyperprior"))
    found = reference.decode_latents((tmp_path / "my-codec.jxc").read_bytes(), tmp_path / "my-codec.safetensors")
    y = analysed(tmp_path, picture)
    # Rounded around means that are multiples of 1/64, so never further away than half a step.
    assert found.shape == y.shape
    assert np.abs(found - y).max() <= 0.5 + 1e-3


def analysed(folder, picture):
    """The latent of a picture by the example's model, which is taken out of its source."""
    source = (EXAMPLES / "custom_codec.py").read_text()
    names: dict = {}
    exec(source[: source.index("demo =")], names)
    model = names["MyModel"](n=32, m=48)
    codec = Codec(load(folder / "my-codec.safetensors", model=model))
    y, _ = codec.analyse(read_picture(picture).pixels)
    return y


def test_features_of_any_number_of_dimensions_cost_what_their_likelihood_says(picture, tmp_path):
    rows = re.findall(
        r"(\(.*\)) +(\d+) bytes, +(\d+) by the likelihood", run("compress_features.py", picture, folder=tmp_path)
    )
    assert [shape.count(",") for shape, _, _ in rows] == [3, 2, 4]
    for _, size, estimate in rows:
        assert int(size) == pytest.approx(int(estimate), rel=0.02, abs=16)


def test_a_prior_of_one_s_own_writes_files_that_cost_what_their_likelihood_says(picture, tmp_path):
    output = run("checkerboard_codec.py", picture, folder=tmp_path)
    size, estimate = map(int, re.findall(r"jxc: (\d+) bytes in two passes, (\d+) by", output)[0])
    assert (tmp_path / "checkerboard.jxc").stat().st_size == size
    assert size == pytest.approx(estimate, rel=0.02, abs=150)  # and the header
