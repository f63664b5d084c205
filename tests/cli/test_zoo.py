"""`jaxcompress zoo`, and the commands that take published models by name."""

import functools
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading

import pytest
from PIL import Image

from jaxcompress import zoo
from jaxcompress.cli import main
from jaxcompress.codec import compressai_format
from jaxcompress.evaluate import load_curve
from jaxcompress.zoo import published

NAME = "mbt2018-mean"


@pytest.fixture
def folder(tmp_path, photo, golden_checkpoint, monkeypatch):
    """A working folder with a photograph; a plain server of files has the recorded checkpoint under published names."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo[:64, :64]).save("photo.png")
    data = golden_checkpoint(NAME)
    series = published.Series(NAME, " ".join([hashlib.sha256(data).hexdigest()[:8]] * 2))
    monkeypatch.setitem(published.SERIES, (NAME, "mse"), series)
    (tmp_path / "served").mkdir()
    for quality in (1, 2):
        (tmp_path / "served" / published.checkpoint(NAME, quality).file).write_bytes(data)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served")
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setenv("JAXCOMPRESS_MIRROR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("JAXCOMPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("JAXCOMPRESS_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


def fails(capsys, *arguments):
    """What the one line on standard error says."""
    assert main([*arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("jaxcompress: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_published_models_encode_and_decode_by_name(folder, capsys):
    assert main(["zoo", "fetch", NAME]) == 0
    paths = capsys.readouterr().out.split()
    assert paths == [str(zoo.fetch(NAME, quality=quality)) for quality in (1, 2)]
    (folder / "served").rename(folder / "gone")

    chosen = ["--model", NAME, "--quality", "2"]
    assert main(["encode", "photo.png", *chosen]) == 0
    assert main(["decode", "photo.jxc", "-o", "decoded.png"]) == 0  # found by fingerprint

    assert main(["encode", "photo.png", "--format", "compressai", *chosen]) == 0
    header, _ = compressai_format.unpack((folder / "photo.bin").read_bytes())
    assert (header.architecture, header.quality, header.metric) == (NAME, 2, "mse")
    assert main(["decode", "photo.bin", "-o", "again.png", *chosen]) == 0

    capsys.readouterr()
    assert main(["zoo", "fetch", zoo.DEFAULT]) == 0  # so that every command that takes files can have them
    assert capsys.readouterr().out == f"{zoo.bundled()[zoo.DEFAULT]}\n"
    assert main(["zoo", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(zoo.bundled()) + len(published.SERIES)
    assert any(line.startswith(f"{NAME} ") and "qualities 1 to 2; cached: 1 2 (" in line for line in lines)
    assert any(line.endswith("qualities 1 to 6; 53 to 119 MB each to fetch") for line in lines)
    assert any(line.startswith(zoo.DEFAULT) and "bundled" in line for line in lines)


def test_published_models_are_curves_by_name(folder, capsys):
    (folder / "served" / published.checkpoint(NAME, 2).file).rename(folder / "kept")
    assert "answers 404" in fails(capsys, "evaluate", "photo.png", "--model", NAME)
    (folder / "kept").rename(folder / "served" / published.checkpoint(NAME, 2).file)
    options = ["--metrics", "psnr-rgb", "--estimate"]
    assert main(["evaluate", "photo.png", "--model", NAME, zoo.DEFAULT, *options]) == 0
    assert load_curve(f"results/{NAME}-mse.json").qualities == (1, 2)
    assert load_curve(f"results/{zoo.DEFAULT}.json").qualities == (10, 25, 40, 60, 80)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zoo", "fetch", "huge"], "no weights named 'huge' are published"),
        (["zoo", "fetch", zoo.DEFAULT, "--quality", "1"], "light is bundled; leave it out"),
        (["zoo", "fetch", NAME, "--quality", "9"], "qualities 1 to 2; 9 was given"),
        (["zoo", "fetch", NAME, "--metric", "ms-ssim"], "answers 404"),
        (["encode", "photo.png", "--model", NAME], "qualities 1 to 2; none was given"),
        (["encode", "photo.png", "--model", NAME, "--quality", "9"], "qualities 1 to 2; 9 was given"),
        (["encode", "photo.png", "--model", zoo.DEFAULT, "--metric", "mse"], "--format compressai"),
        (["decode", "photo.jxc", "-o", "d.png", "--quality", "3"], "--model"),
        (["decode", "photo.jxc", "-o", "d.png", "--model", zoo.DEFAULT, "--quality", "3"], "leave them out"),
        (["decode", "photo.jxc", "-o", "d.png", "-w", "a.safetensors", "--quality", "3"], "give --model"),
    ],
)
def test_mistakes_are_told_in_one_line(folder, capsys, arguments, message):
    assert message in fails(capsys, *arguments)
    assert not list(folder.glob("d.png")) + list(folder.glob("photo.jxc"))


def test_offline_says_what_is_missing(folder, capsys, monkeypatch):
    monkeypatch.setenv("JAXCOMPRESS_OFFLINE", "1")
    assert "JAXCOMPRESS_OFFLINE forbids" in fails(capsys, "zoo", "fetch", NAME, "--quality", "1")


def test_the_list_is_json_too_and_loads_no_jax(tmp_path):
    command = [sys.executable, "-P", "-X", "importtime", "-m", "jaxcompress", "zoo", "list", "--json"]
    environment = os.environ | {"JAXCOMPRESS_HOME": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    entries = json.loads(result.stdout)
    assert len(entries) == 88 + len(zoo.bundled())
    assert entries[0]["state"] == "bundled"
    assert {entry["state"] for entry in entries[len(zoo.bundled()) :]} == {"available"}
    assert all(f" {name}\n" not in result.stderr for name in ("jax", "numpy", "safetensors", "tqdm"))
