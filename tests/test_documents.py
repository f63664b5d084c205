"""The examples of the documents run: Python blocks one after the other, as a reader would type them, and commands."""

import ctypes
import dataclasses
import inspect
import re
import shlex
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image

import jaxcompress as jc
from jaxcompress.cli import build_parser, main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    """The code blocks of a page in a language, those without one under ""."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


def commands(page):
    """The commands that a page shows on lines of their own, or inside of others, in its order."""
    text = re.sub(r"(?m)^(.*)\$\((jaxcompress .*?)\)(.*)$", r"\1made.safetensors\3\n\2", page.read_text())
    found = re.findall(r"^ *(?:srun )?(jaxcompress .*)$", text, re.MULTILINE)
    return [command.rstrip('"') for command in found]


def with_finer_steps(weights, factor):
    """The same network with y in steps that are finer by a factor: of another quality."""
    g_a = weights.params["g_a"] | {"6": {name: value * factor for name, value in weights.params["g_a"]["6"].items()}}
    first = weights.params["g_s"]["0"]
    g_s = weights.params["g_s"] | {"0": first | {"kernel": first["kernel"] / np.float32(factor)}}
    return dataclasses.replace(weights, params=weights.params | {"g_a": g_a, "g_s": g_s}, integer=None)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, golden_of, golden_checkpoint, integer_weights_of):
    """A folder with the files that the examples take for granted; small networks stand for the published ones."""
    folder = tmp_path_factory.mktemp("documents")
    x = np.rint(golden_of("mbt2018-mean").x[0] * 255).astype(np.uint8)
    for pictures in ("photographs", "kodak"):
        (folder / pictures).mkdir()
        for number in range(2):
            picture = np.tile(x, (2, 2, 1))[:176, 8 * number : 8 * number + 192]  # large enough for MS-SSIM
            Image.fromarray(picture).save(folder / pictures / f"{number}.png")
    Image.fromarray(x).save(folder / "photo.png")
    for quality, factor in ((1, 0.25), (2, 0.5), (3, 1), (4, 2)):
        with_finer_steps(jc.zoo.load("mbt2018-mean-small"), factor).save(folder / f"q{quality}.safetensors")
    for name in ("mbt2018-mean-3-723404a8", "mbt2018-3-22901978"):
        (folder / f"{name}.pth.tar").write_bytes(golden_checkpoint(re.match(r"(.*)-3-", name)[1]))
    cached = folder / "home" / "weights"
    cached.mkdir(parents=True)
    weights = integer_weights_of("mbt2018-mean")
    for name, quality in (("mbt2018-mean", 3), ("cheng2020-attn", 6)):
        weights.save(cached / f"{jc.zoo.published.checkpoint(name, quality).label}.safetensors")
    (folder / "large.jxc").write_bytes(jc.Codec(jc.zoo.load()).compress(x))
    return folder


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """A copy of it, where the test runs."""
    copy = shutil.copytree(prepared, tmp_path / "folder")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("JAXCOMPRESS_HOME", str(copy / "home"))
    monkeypatch.setenv("JAXCOMPRESS_OFFLINE", "1")
    options = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {option: getattr(jax.config, option) for option in options}
    yield copy
    for option, value in before.items():  # a page sets them, and its folder goes with the test
        jax.config.update(option, value)
    compilation_cache.reset_cache()


class MyTransform(nn.Module):
    """What README's reader has made."""

    features: int

    @nn.compact
    def __call__(self, x):
        return nn.Conv(self.features, (16, 16), strides=16)(x)


def before_readme(names, number):
    picture = np.asarray(Image.open("photo.png"))
    if number == 0:
        Image.fromarray(np.tile(picture, (3, 3, 1))).save("photo.png")  # the text takes 256 x 256 of it
        names.update(images=[picture, picture[:64]], np=np)
    elif number == 1:
        names.update(MyTransform=MyTransform)
    else:
        save_untrained(names["recipe"])


def save_untrained(recipe):
    """What a run of a recipe would leave, but for the training."""
    model = recipe.make_model()
    params = model.init(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"]
    Path("run").mkdir()
    jc.train.export(recipe.architecture, model, params).save("run/best.safetensors")


def before_coder(names, number):
    if number == 0:
        tables = jc.load("q3.safetensors").tables["gaussian_conditional"]
        indexes = np.arange(60, dtype=np.uint8)
        names.update(cdf=tables.cdf, lengths=tables.cdf_length, offsets=tables.offset)
        names.update(indexes=indexes, symbols=np.zeros(60, np.int32), groups=np.split(indexes, 3))
    else:
        networks = jc.integer.quantize_entropy(jc.convert.from_pytorch("mbt2018-3-22901978.pth.tar")).integer
        first, *others = networks.context
        names.update(
            kernel=first.kernel,
            latent_shifts=networks.latent_shifts,
            hidden_shifts=[layer.shift.astype(np.uint8) for layer in networks.context[:-1]],
            layers=[(layer.kernel[0, 0], layer.bias) for layer in others],
            output_shifts=others[-1].shift,
            thresholds=networks.thresholds,
            y=np.zeros((4, 6, len(networks.latent_shifts)), np.float32),
            side=np.zeros((4, 6, first.kernel.shape[3]), np.int32),
        )


def before_integer(names, number):
    names.update(jc=jc)


def before_models(names, number):
    names.update(jc=jc)


def before_speed(names, number):
    paths = [Path("large.jxc")]
    names.update(
        codec=jc.Codec(jc.zoo.load()), images=[], read=lambda path: np.zeros((64, 64, 3), np.uint8), paths=paths
    )
    names.update(ctypes=ctypes, jax=jax, folder="cache")


def before_training(names, number):
    if number == 1:
        save_untrained(names["recipe"])
        names.update(jc=jc)
    elif number == 2:
        model = jc.create("mbt2018-mean", n=4, m=6)
        names.update(params=model.init(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"])
        names.update(model=model, key=jax.random.key(1), batches=[np.zeros((1, 64, 64, 3), np.uint8)] * 2)


def before_export(names, number):
    shutil.rmtree("photo", ignore_errors=True)
    names.update(jc=jc, weights=jc.zoo.load("mbt2018-mean-small"))
    if number > 0:
        stages, format = ("photo", "stablehlo") if number == 1 else ("photo-onnx", "onnx")
        jc.export.export(names["weights"], stages, format=format, stages=["g_s"])


# The page on research shows parts of programs: tests/test_research.py and tests/examples run these.
WITH_PYTHON = [page for page in PAGES if blocks(page, "python") and page.name != "research.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_python_blocks_run(page, folder, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: type("Library", (), {"mallopt": staticmethod(lambda *_: 1)}))
    before = globals().get(f"before_{page.stem.lower().replace('-', '_')}", lambda names, number: None)
    names = {}
    for number, block in enumerate(blocks(page, "python")):
        before(names, number)
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


ALL_COMMANDS = [(page.name, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), ALL_COMMANDS)
def test_commands_are_understood(page, command):
    words = shlex.split(command.replace("...", "--data photographs --out run"), comments=True)[1:]
    if words[:2] == ["train", "pack"]:
        words[:2] = ["train pack"]
    build_parser().parse_args(words)


@pytest.mark.slow
def test_the_commands_of_the_readme_work_in_their_order(folder, capsys):
    (recipe,) = (block for block in blocks(ROOT / "README.md", "python") if "class MyRecipe" in block)
    imports = "from flax import linen as nn\nimport jaxcompress as jc\n"
    Path("my_recipe.py").write_text("\n".join((imports, inspect.getsource(MyTransform), recipe)))
    save_untrained(jc.train.load_recipe("my_recipe.py"))
    shown = "\n".join(block for block in blocks(ROOT / "README.md", "") if "jaxcompress train" not in block)
    for command in re.findall(r"^(jaxcompress .*)$", shown, re.MULTILINE):
        several_write_it = command.startswith(("jaxcompress encode", "jaxcompress decode"))
        run(command.replace("9000,4000,800,600", "60,40,60,50"), capsys, *["--force"] * several_write_it)


@pytest.mark.slow
def test_the_walkthrough_works_as_it_stands(folder, capsys):
    page = ROOT / "docs" / "walkthrough.md"
    shutil.copy("photo.png", "photographs")
    (recipe,) = blocks(page, "python")
    Path("my_recipe.py").write_text(recipe)
    for command in commands(page):
        run(command, capsys)
    assert Path("mine.png").exists()


def run(command, capsys, *options):
    words = [*shlex.split(command, comments=True)[1:], *options]
    words = [str(found) for word in words for found in (sorted(Path().glob(word)) if "*" in word else [word])]
    assert main(words) == 0, (command, capsys.readouterr().err)


def test_the_table_of_commands_is_what_the_parser_has():
    (choices,) = (action for action in build_parser()._actions if isinstance(action.choices, dict))
    expected = [(choice.dest, choice.help) for choice in choices._choices_actions]
    assert re.findall(r"^\| `(\w[^`]*)` \| (.*) \|$", (ROOT / "docs" / "commands.md").read_text(), re.M) == expected


def test_the_page_on_training_has_every_setting():
    text = (ROOT / "docs" / "training.md").read_text()
    names = {field.name for field in dataclasses.fields(jc.train.Recipe)} - {"optimizer"}
    assert not [name for name in names if f"`{name}`" not in text]
