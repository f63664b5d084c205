"""Qualities, sizes and PSNR that `encode` is asked for, as a user meets them."""

import re
from pathlib import Path

import pytest
from PIL import Image

import jaxcompress
from jaxcompress import metrics
from jaxcompress.cli import main
from jaxcompress.codec import container, read_picture
from jaxcompress.models.light import RATE

KINGFISHER = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a photograph."""
    monkeypatch.chdir(tmp_path)
    with Image.open(KINGFISHER) as image:
        image.crop((256, 160, 448, 352)).save("photo.png")
    return tmp_path


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command."""
    capsys.readouterr()
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def quality_of(path):
    """The quality that a file says."""
    return RATE.quality_of(dict(container.unpack(Path(path).read_bytes()).header.settings)["rate"])


def test_a_quality_is_coded_and_told(folder, capsys):
    status, said, _ = run(capsys, "encode", "photo.png", "-q", 30)
    assert status == 0
    assert said.endswith("bpp, quality 30\n")
    assert quality_of("photo.jxc") == 30
    status, said, _ = run(capsys, "encode", "photo.png", "-f")
    assert said.endswith("bpp, quality 65\n")


def test_a_size_is_met(folder, capsys):
    status, said, errors = run(capsys, "encode", "photo.png", "--bpp", 0.6)
    assert (status, errors) == (0, "")
    assert 8 * Path("photo.jxc").stat().st_size / 192**2 == pytest.approx(0.6, rel=0.02)
    assert said.endswith(f"quality {quality_of('photo.jxc')}\n")


def test_a_psnr_is_met(folder, capsys):
    status, said, errors = run(capsys, "encode", "photo.png", "--psnr", 31)
    assert (status, errors) == (0, "")
    assert run(capsys, "decode", "photo.jxc", "-o", "decoded.png")[0] == 0
    reached = metrics.psnr(read_picture("photo.png").pixels, read_picture("decoded.png").pixels)
    assert reached == pytest.approx(31, abs=0.05)
    assert said.endswith(f"quality {quality_of('photo.jxc')}, {reached:.2f} dB\n")


def test_a_target_beyond_the_ends_writes_nothing_unless_the_nearest_will_do(folder, capsys):
    status, _, errors = run(capsys, "encode", "photo.png", "--psnr", 60)
    assert status == 2
    assert re.search(r"60\.00 dB cannot be reached: quality 1 gives .* dB, and quality 100 gives .*--nearest", errors)
    assert not Path("photo.jxc").exists()
    status, _, errors = run(capsys, "encode", "photo.png", "--psnr", 60, "--nearest")
    assert status == 0
    assert "the target could not be reached; the nearest quality was taken" in errors
    assert quality_of("photo.jxc") == 100


def test_folders_take_the_same_options(folder, capsys):
    Path("photos").mkdir()
    for name, box in (("a", (0, 0, 192, 192)), ("b", (0, 0, 96, 64))):
        Image.open("photo.png").crop(box).save(f"photos/{name}.png")
    assert run(capsys, "encode", "photos", "-o", "small", "--bpp", 0.8)[0] == 0
    sizes = [8 * Path(f"small/{name}.jxc").stat().st_size / pixels for name, pixels in (("a", 192**2), ("b", 96 * 64))]
    assert sizes == pytest.approx([0.8, 0.8], rel=0.05)
    status, _, errors = run(capsys, "encode", "photos", "-o", "none", "--bpp", 20)
    assert status == 2
    assert errors.count("20.0000 bpp cannot be reached") == 2
    assert list(Path("none").iterdir()) == []
    status, _, errors = run(capsys, "encode", "photos", "-o", "none", "--bpp", 20, "--nearest")
    assert (status, errors) == (
        0,
        "jaxcompress: note: of 2 pictures the target could not be reached; the nearest quality was taken\n",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-q", "0"], "quality is 0; expected a number from 1 to 100"),
        (["-q", "-5"], "quality is -5; expected a number from 1 to 100"),
        (["-q", "101"], "quality is 101; expected a number from 1 to 100"),
        (["-q", "nan"], "quality is nan; expected a number from 1 to 100"),
        (["-q", "good"], "'good' is no number"),
        (["--bpp", "-1"], "-1 is no positive number"),
        (["--psnr", "nan"], "nan is no positive number"),
        (["--psnr", "much"], "much is no positive number"),
        (["--bpp", "0.5", "--psnr", "30"], "argument --psnr: not allowed with argument --bpp"),
        (["-q", "3", "--bpp", "0.5"], "argument --bpp: not allowed with argument -q/--quality"),
        (["--nearest"], "--nearest is for --bpp and --psnr"),
        (["--model", "mbt2018-mean-small", "-q", "3"], "these weights of mbt2018-mean have one rate"),
        (["--model", "mbt2018-mean-small", "--bpp", "0.5"], "these weights of mbt2018-mean have one rate"),
        (["--format", "compressai", "--psnr", "30"], "these weights of mbt2018-mean have one rate"),
        (["--model", "light", "--format", "compressai", "-q", "3", "--metric", "mse"], "cannot name the model 'light'"),
        (["--metric", "mse"], "--metric chooses among published models"),
    ],
)
def test_bad_requests_are_told_in_a_line_and_write_nothing(folder, capsys, options, message):
    status, _, errors = run(capsys, "encode", "photo.png", *options)
    assert status == 2
    assert message in errors
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


def test_a_folder_is_refused_before_the_work(folder, capsys):
    Path("photos").mkdir()
    for name in "ab":
        Image.open("photo.png").save(f"photos/{name}.png")
    status, printed, errors = run(capsys, "encode", "photos", "-o", "small", "-q", 101)
    assert (status, printed) == (2, "")
    assert errors.count("quality is 101") == 1


def test_the_default_for_compressai_s_format_is_one_of_its_architectures(folder, capsys):
    options = ["--format", "compressai", "-q", 3, "--metric", "mse"]
    assert run(capsys, "encode", "photo.png", *options)[0] == 0
    assert run(capsys, "decode", "photo.bin", "-o", "decoded.png", "--model", "mbt2018-mean-small")[0] == 0
    assert metrics.psnr(read_picture("photo.png").pixels, read_picture("decoded.png").pixels) > 25


def test_files_of_the_former_default_weights_are_decoded_without_naming_them(folder, capsys):
    assert run(capsys, "encode", "photo.png", "--model", "mbt2018-mean-small")[0] == 0
    assert run(capsys, "decode", "photo.jxc", "-o", "decoded.png")[0] == 0
    assert metrics.psnr(read_picture("photo.png").pixels, read_picture("decoded.png").pixels) > 25
