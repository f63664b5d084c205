"""The command `verify` as a user meets it."""

import dataclasses

import pytest
from PIL import Image

from jaxcompress.cli import main
from jaxcompress.codec.latents import LatentCoder


@pytest.fixture
def weights(golden_of, with_integers):
    return with_integers(golden_of("mbt2018-mean").weights)


@pytest.fixture
def folder(tmp_path, photo, weights, monkeypatch):
    """A working folder with weights, and a folder of pictures, one of them below another."""
    monkeypatch.chdir(tmp_path)
    weights.save("w.safetensors")
    dataclasses.replace(weights, integer=None).save("float.safetensors")
    (tmp_path / "photos" / "below").mkdir(parents=True)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    Image.fromarray(photo).save("photos/b.png")
    Image.fromarray(photo[:64]).save("photos/below/a.PNG")
    Image.fromarray(photo).save("photos/.hidden.png")
    return tmp_path


def verify(capsys, *arguments):
    status = main(["verify", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_folder_is_equal_and_the_same_files_elsewhere_have_its_hash(folder, capsys):
    status, printed, _ = verify(capsys, "photos", "-w", "w.safetensors", "--threads", "1", "3")
    assert status == 0
    head, *rows, last = printed.splitlines()
    assert head.split() == ["equal", "different"]
    assert all(row.split()[-2:] == ["2", "0"] for row in rows)
    assert any(row.startswith("hyper-synthesis, JAX bfloat16 on cpu ") for row in rows)
    assert any(row.startswith("coding, portable, 3 threads, lanes ") for row in rows)
    assert last.startswith("hash: ")
    (folder / "photos" / "b.png").rename(folder / "z.png")
    status, printed, _ = verify(capsys, "z.png", "photos/below", "-w", "w.safetensors", "--threads", "1")
    assert (status, printed.splitlines()[-1]) == (0, last)


def test_differences_are_named_and_exit_with_1(folder, capsys, monkeypatch):
    right = LatentCoder.decode
    monkeypatch.setattr(
        LatentCoder, "decode", lambda *args, threads, **how: right(*args, threads=threads, **how) + (threads == 2)
    )
    status, printed, _ = verify(capsys, "photos", "-w", "w.safetensors", "--threads", "1", "2")
    assert status == 1
    (row,) = (row for row in printed.splitlines() if row.startswith("coding, portable, 2 threads, lanes"))
    assert row.split()[-2:] == ["0", "2"]
    assert "different: coding, portable, 2 threads, lanes: photos/b.png: latents\n" in printed
    assert "different: coding, portable, 1 thread" not in printed


def test_files_are_verified_and_others_skipped(folder, capsys):
    assert main(["encode", "photos/b.png", "-o", "good.jxc", "-w", "w.safetensors"]) == 0
    assert main(["encode", "photos/b.png", "-o", "float.jxc", "-w", "float.safetensors", "--entropy", "float"]) == 0
    capsys.readouterr()
    status, printed, _ = verify(capsys, "good.jxc", "float.jxc", "-w", "w.safetensors", "--threads", "1")
    assert status == 0
    assert printed.startswith("float.jxc: skipped: it was coded with floating-point networks")
    assert "round trip" in printed
    assert printed.count("hash: ") == 1
    status, printed, error = verify(capsys, "float.jxc", "-w", "w.safetensors")
    assert (status, printed) == (2, "")
    assert "nothing was left to verify: float.jxc: it was coded with floating-point networks" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty", "-w", "w.safetensors"], "no pictures and no .jxc files in empty"),
        (["none.png", "-w", "w.safetensors"], "none.png: No such file"),
        (["photos", "-w", "float.safetensors"], "have no integer networks"),
        (["photos", "-w", "w.safetensors", "--threads", "0"], "--threads is 0"),
        (["w.safetensors", "-w", "w.safetensors"], "nothing was left to verify: w.safetensors"),
    ],
)
def test_mistakes_are_told_in_one_line(folder, capsys, arguments, message):
    (folder / "empty").mkdir()
    status, printed, error = verify(capsys, *arguments)
    assert (status, printed, error.count("\n")) == (2, "", 1)
    assert message in error
