"""Published models by name: what is fetched, kept and found again. Recorded checkpoints stand for the files."""

import importlib.util
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import pytest

from jaxcompress import create, zoo
from jaxcompress.weights import load
from jaxcompress.weights_header import read_header
from jaxcompress.zoo import cache, published

FACTORIZED = "bmshj2018-factorized"


def test_all_published_models_are_listed():
    found = [entry for entry in zoo.entries() if entry.state != "bundled"]
    assert len(found) == len({entry.address for entry in found}) == 88
    assert zoo.qualities("mbt2018", metric="ms-ssim") == list(range(1, 9))
    assert zoo.qualities("cheng2020-attn") == list(range(1, 7))
    for name, quality, metric, file in (
        (FACTORIZED, 8, "mse", "bmshj2018-factorized-prior-8-5232faa3.pth.tar"),
        ("mbt2018-mean", 3, "mse", "mbt2018-mean-3-723404a8.pth.tar"),
        ("mbt2018", 3, None, "mbt2018-3-22901978.pth.tar"),
        ("cheng2020-anchor", 4, "ms-ssim", "cheng2020_anchor-ms-ssim-4-0e658304.pth.tar"),
        ("cheng2020-attn", 6, "mse", "cheng2020_attn-mse-6-730501f2.pth.tar"),
    ):
        assert published.checkpoint(name, quality, metric).address == published.ADDRESS + file


@pytest.mark.parametrize("name", published.names())
def test_sizes_to_be_fetched_are_those_of_the_networks(name):
    for checkpoint in published.checkpoints():
        if checkpoint.name == name and checkpoint.metric == "mse":
            model = create(name, quality=checkpoint.quality)
            shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))
            assert checkpoint.size == pytest.approx(4 * sum(leaf.size for leaf in jax.tree.leaves(shapes)), abs=0.5e6)


def test_first_use_fetches_and_converts_and_later_ones_do_not(server, zoo_folder, golden_of):
    weights = zoo.load(FACTORIZED, quality=3)
    assert weights.fingerprints() == golden_of(FACTORIZED).weights.fingerprints()
    assert (weights.metadata["quality"], weights.metadata["metric"]) == (3, "mse")
    assert weights.metadata["sha256"].startswith(published.checkpoint(FACTORIZED, 3).sha256)
    label = published.checkpoint(FACTORIZED, 3).label
    assert {path.name for path in zoo_folder.iterdir()} <= {f"{label}.safetensors", f".{label}.lock"}
    again = zoo.load(FACTORIZED, quality=3, metric="mse")
    assert again.fingerprints() == weights.fingerprints()
    assert len(server.requests) == 1


def test_conversion_makes_integer_networks_and_files_find_their_weights(server, zoo_folder):
    path = zoo.fetch("mbt2018-mean", quality=1)
    header = read_header(path)
    assert zoo.find(header["integer_fingerprint"], header["synthesis_fingerprint"]) == path
    assert zoo.find(header["bits_fingerprint"], header["synthesis_fingerprint"]) == path
    assert zoo.find(header["bits_fingerprint"], "0" * 16) is None
    load(path)


def test_any_weights_in_the_folder_are_found_and_broken_ones_are_passed_over(zoo_folder, golden_of, tmp_path):
    weights = golden_of(FACTORIZED).weights
    wanted = weights.bits_fingerprint(), weights.synthesis_fingerprint()
    assert zoo.find(*wanted) is None
    zoo_folder.mkdir(parents=True)
    (zoo_folder / "a.safetensors").write_bytes(b"broken")
    (zoo_folder / "b.safetensors").symlink_to(tmp_path / "nowhere")
    weights.save(zoo_folder / "received.safetensors")
    assert zoo.find(*wanted) == zoo_folder / "received.safetensors"
    (zoo_folder / "received.safetensors").write_bytes(b"broken later")
    assert zoo.find(*wanted) is None


def test_the_checkpoint_is_kept_if_asked(server, zoo_folder, golden_checkpoint):
    original = zoo_folder / published.checkpoint(FACTORIZED, 1).file
    zoo.fetch(FACTORIZED, quality=1)
    assert not original.exists()
    zoo.fetch(FACTORIZED, quality=1, keep_checkpoint=True)
    assert original.read_bytes() == golden_checkpoint(FACTORIZED)
    zoo.fetch(FACTORIZED, quality=1)
    assert original.exists()
    assert len(server.requests) == 2


def test_a_checkpoint_that_lies_there_is_checked_and_not_fetched(server, zoo_folder, golden_checkpoint):
    original = zoo_folder / published.checkpoint(FACTORIZED, 1).file
    zoo_folder.mkdir(parents=True)
    original.write_bytes(golden_checkpoint("mbt2018-mean"))
    with pytest.raises(ValueError, match="not what its name says"):
        zoo.fetch(FACTORIZED, quality=1)
    original.write_bytes(golden_checkpoint(FACTORIZED))
    zoo.fetch(FACTORIZED, quality=1)
    assert server.requests == []


def test_offline_only_what_is_there_is_used(server, zoo_folder, monkeypatch):
    zoo.fetch(FACTORIZED, quality=1)
    monkeypatch.setenv("JAXCOMPRESS_OFFLINE", "1")
    zoo.load(FACTORIZED, quality=1)
    with pytest.raises(FileNotFoundError, match="JAXCOMPRESS_OFFLINE forbids"):
        zoo.load(FACTORIZED, quality=2)
    assert len(server.requests) == 1
    monkeypatch.setenv("JAXCOMPRESS_OFFLINE", "yes")
    with pytest.raises(ValueError, match="expected 1, 0 or nothing"):
        zoo.load(FACTORIZED, quality=2)


def test_without_pytorch_nothing_is_fetched(server, zoo_folder, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    with pytest.raises(ImportError, match=r"pip install 'jaxcompress\[convert\]'"):
        zoo.load(FACTORIZED, quality=1)
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "huge"}, "no weights named 'huge'"),
        ({"name": "mbt2018"}, "qualities 1 to 8; none was given"),
        ({"name": "cheng2020-attn", "quality": 7}, "qualities 1 to 6; 7 was given"),
        ({"name": "mbt2018", "quality": 1, "metric": "psnr"}, "mse and ms-ssim; 'psnr' was given"),
        ({"quality": 1}, "is bundled; leave them out"),
    ],
)
def test_what_there_is_not_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.load(**arguments)


@pytest.mark.parametrize("mirror", ["mirror", "file:///models", "https://"])
def test_a_mirror_that_is_no_address_is_refused(zoo_folder, monkeypatch, mirror):
    monkeypatch.setenv("JAXCOMPRESS_MIRROR", mirror)
    with pytest.raises(ValueError, match="JAXCOMPRESS_MIRROR"):
        zoo.fetch(FACTORIZED, quality=1)


def test_two_at_once_fetch_and_convert_once(server, zoo_folder):
    paths = []
    threads = [
        threading.Thread(target=lambda: paths.append(zoo.fetch(FACTORIZED, quality=1, metric="mse"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [cache.cached_path(published.checkpoint(FACTORIZED, 1))] * 3
    assert len(server.requests) == 1


@pytest.mark.slow
def test_processes_at_once_and_one_that_is_killed_do_no_harm(server, zoo_folder):
    """Each gets the file whole, though the first was killed in the middle of it."""
    series = published.SERIES[FACTORIZED, "mse"]
    code = (
        "import sys; from jaxcompress import zoo; from jaxcompress.zoo import published\n"
        f"published.SERIES[{FACTORIZED!r}, 'mse'] = published.Series({series.stem!r}, {series.hashes!r})\n"
        f"print(zoo.fetch({FACTORIZED!r}, quality=1))"
    )
    command = [sys.executable, "-P", "-c", code]
    server.faults += ["hang"]
    killed = subprocess.Popen(command)
    while not list(zoo_folder.glob("*.part")):
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=300)[0] for process in processes}
    path = cache.cached_path(published.checkpoint(FACTORIZED, 1))
    assert printed == {f"{path}\n"}
    load(path)
    assert len(server.requests) == 2


def test_the_folder_is_the_platform_s_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("JAXCOMPRESS_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.weights_folder() == tmp_path / "jaxcompress" / "weights"
    monkeypatch.setenv("JAXCOMPRESS_HOME", str(tmp_path / "home"))
    assert cache.weights_folder() == tmp_path / "home" / "weights"
    monkeypatch.setenv("JAXCOMPRESS_HOME", "~nobody-of-this-name")
    assert zoo.find("0" * 16, "0" * 16) is None
    with pytest.raises(OSError, match="JAXCOMPRESS_HOME"):
        zoo.entries()


def test_the_zoo_is_there_without_jax():
    code = "import sys; from jaxcompress import zoo; zoo.entries(); print({'jax', 'numpy', 'tqdm'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
