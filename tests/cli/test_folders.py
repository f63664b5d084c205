"""Folders of pictures through `encode` and `decode`, as a user meets them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import jaxcompress
from jaxcompress import metrics
from jaxcompress.cli import common, main
from jaxcompress.codec import read_picture

KINGFISHER = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"


@pytest.fixture(scope="module")
def crops() -> list[Image.Image]:
    """Eight parts of a photograph, of one size."""
    pixels = read_picture(KINGFISHER).pixels
    return [Image.fromarray(pixels[y : y + 48, x : x + 64]) for y in (160, 224) for x in (256, 320, 384, 448)]


@pytest.fixture
def photos(tmp_path, crops, monkeypatch) -> Path:
    """A tree of three pictures, and what is none, in the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("photos/below/deep").mkdir(parents=True)
    crops[0].save("photos/a.png")
    crops[1].save("photos/below/b.v2.PNG")
    crops[2].convert("L").save("photos/below/deep/c.bmp")
    crops[3].save("photos/.hidden.png")
    Path("photos/notes.txt").write_text("no picture")
    return Path("photos")


def call(capsys, *arguments):
    """Status, the summary, and the lines on standard error."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert captured.out.count("\n") <= 1
    return status, captured.out.strip(), captured.err.splitlines()


def files(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir())


def test_a_tree_is_mirrored_and_comes_back(photos, capsys):
    status, summary, errors = call(capsys, "encode", photos, "-o", "small/of-photos", "--jobs", 2)
    assert (status, errors) == (0, [])
    assert files("small/of-photos") == ["a.jxc", "below/b.v2.jxc", "below/deep/c.jxc"]
    size = sum(path.stat().st_size for path in Path("small").rglob("*.jxc"))
    expected = rf"3 pictures, 0\.01 Mpixel, {size:,} bytes, {8 * size / (3 * 48 * 64):.4f} bpp, \d+\.\d\d Mpixel/s"
    assert re.fullmatch(expected, summary)
    assert main(["encode", "photos/a.png", "-o", "alone.jxc"]) == 0
    assert Path("alone.jxc").read_bytes() == Path("small/of-photos/a.jxc").read_bytes()

    status, summary, errors = call(capsys, "decode", "small/of-photos", "-o", "decoded")
    assert (status, errors) == (0, [])
    assert re.fullmatch(expected, summary)
    assert files("decoded") == ["a.png", "below/b.v2.png", "below/deep/c.png"]
    assert metrics.psnr(read_picture("decoded/a.png").pixels, read_picture("photos/a.png").pixels) > 25
    assert read_picture("decoded/below/deep/c.png").pixels.ndim == 2

    assert call(capsys, "decode", "small", "-o", "webp", "--suffix", "webp")[0] == 0
    assert files("webp") == ["of-photos/a.webp", "of-photos/below/b.v2.webp", "of-photos/below/deep/c.webp"]
    for there, here in (("webp/of-photos/a.webp", "decoded/a.png"), ("webp/of-photos/below/b.v2.webp", None)):
        with Image.open(there) as image:
            assert image.format == "WEBP"
        if here:
            np.testing.assert_array_equal(read_picture(there).pixels, read_picture(here).pixels)


def test_what_is_there_is_skipped_unless_forced(photos, capsys):
    Path("out").mkdir()
    Path("out/a.jxc").write_bytes(b"precious")
    status, summary, _ = call(capsys, "encode", photos, "-o", "out")
    assert status == 0
    assert summary.startswith("3 pictures, 1 skipped, 0.01 Mpixel")
    assert Path("out/a.jxc").read_bytes() == b"precious"
    assert call(capsys, "encode", photos, "-o", "out") == (0, "3 pictures, 3 skipped", [])
    status, summary, _ = call(capsys, "encode", photos, "-o", "out", "--force")
    assert summary.startswith("3 pictures, 0.01 Mpixel")
    assert Path("out/a.jxc").read_bytes() != b"precious"


def test_failures_are_told_counted_and_leave_the_rest_alone(photos, crops, capsys):
    (photos / "broken.png").write_bytes((photos / "a.png").read_bytes()[:200])
    (photos / "nowhere.png").symlink_to("none.png")
    for name in ("twice.png", "twice.gif", "twice.BMP"):
        crops[0].save(photos / name)
    status, summary, errors = call(capsys, "encode", photos, "-o", "out")
    assert status == 2
    assert summary.startswith("8 pictures, 5 failed, 0.01 Mpixel")
    assert files("out") == ["a.jxc", "below/b.v2.jxc", "below/deep/c.jxc"]
    assert len(errors) == 5
    assert all(line.startswith("jaxcompress: photos/") for line in errors)
    assert sum("twice.BMP and twice.gif and twice.png would all become out/twice.jxc" in line for line in errors) == 3
    assert sum("broken.png is no image that can be read" in line for line in errors) == 1
    assert sum("nowhere.png: No such file" in line for line in errors) == 1
    assert call(capsys, "encode", photos, "-o", "out")[:2] == (2, "8 pictures, 3 skipped, 5 failed")


def test_a_damaged_file_is_told_and_the_others_are_decoded(photos, capsys):
    assert main(["encode", "photos", "-o", "out"]) == 0
    data = Path("out/a.jxc").read_bytes()
    Path("out/below/bad.jxc").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    status, summary, errors = call(capsys, "decode", "out", "-o", "decoded")
    assert (status, len(errors)) == (2, 1)
    assert "out/below/bad.jxc: the file is damaged" in errors[0]
    assert summary.startswith("4 pictures, 1 failed")
    assert files("decoded") == ["a.png", "below/b.v2.png", "below/deep/c.png"]


def test_links_in_circles_pipes_and_the_output_itself_are_not_entered(photos, crops, capsys):
    (photos / "below" / "loop").symlink_to("..", target_is_directory=True)
    os.mkfifo(photos / "pipe.png")
    crops[4].save("elsewhere.png")
    (photos / "linked.png").symlink_to("../elsewhere.png")
    out = photos / "below" / "out"
    assert call(capsys, "encode", photos, "-o", out)[0] == 0
    expected = ["a.jxc", "below/b.v2.jxc", "below/deep/c.jxc", "linked.jxc"]
    assert files(out) == expected
    assert call(capsys, "decode", out, "-o", out / "decoded")[0] == 0
    assert call(capsys, "encode", photos, "-o", out)[:2] == (0, "4 pictures, 4 skipped")
    assert [name for name in files(out) if name.endswith(".jxc")] == expected


def test_a_folder_that_cannot_be_read_is_a_failure(photos, capsys, monkeypatch):
    scan = os.scandir  # the tests may run as root, whom no permission stops

    def refuse(path):
        if Path(path).name == "below":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    status, summary, errors = call(capsys, "encode", photos, "-o", "out")
    assert (status, errors) == (2, ["jaxcompress: photos/below: Permission denied"])
    assert summary.startswith("2 pictures, 1 failed")
    assert files("out") == ["a.jxc"]


def test_leftovers_of_a_killed_run_are_removed(photos, capsys):
    Path("out/below").mkdir(parents=True)
    for name in ("out/.01234567.part", "out/below/.89abcdef.part"):
        Path(name).write_bytes(b"half a file")
    Path("out/.mine.part").write_bytes(b"of somebody else")
    assert call(capsys, "encode", photos, "-o", "out")[0] == 0
    assert files("out") == [".mine.part", "a.jxc", "below/b.v2.jxc", "below/deep/c.jxc"]


def test_a_full_disk_stops_everything(photos, capsys, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "out")

    monkeypatch.setattr("jaxcompress.cli.folder.write_file", full)
    assert call(capsys, "encode", photos, "-o", "out") == (2, "", ["jaxcompress: out: No space left on device"])


def test_each_file_is_decoded_with_its_weights_which_are_loaded_once(photos, golden_of, capsys, monkeypatch):
    golden_of("mbt2018-mean").weights.save("w.safetensors")
    assert main(["encode", "photos", "-o", "out/bundled"]) == 0
    assert main(["encode", "photos/a.png", "-o", "out/other.jxc", "-w", "w.safetensors", "--entropy", "float"]) == 0
    made = []
    make_codec = common.make_codec
    monkeypatch.setattr(common, "make_codec", lambda weights, **how: made.append(weights) or make_codec(weights, **how))
    status, summary, errors = call(capsys, "decode", "out", "-o", "decoded")
    assert (status, len(errors), len(made)) == (2, 1, 1)
    assert "out/other.jxc was written with mbt2018-mean weights n=24 m=32" in errors[0]
    assert summary.startswith("4 pictures, 1 failed")
    status, summary, errors = call(capsys, "decode", "out", "-o", "decoded", "-w", "w.safetensors")
    assert (status, errors, len(made)) == (0, [], 2)
    assert summary.startswith("4 pictures, 3 skipped")
    assert files("decoded") == ["bundled/a.png", "bundled/below/b.v2.png", "bundled/below/deep/c.png", "other.png"]


def test_compressai_s_containers(photos, golden_of, capsys):
    golden_of("mbt2018-mean").weights.save("w.safetensors")
    assert call(capsys, "encode", photos, "-o", "out", "-w", "w.safetensors", "--format", "compressai")[0] == 0
    assert files("out") == ["a.bin", "below/b.v2.bin", "below/deep/c.bin"]
    assert call(capsys, "decode", "out", "-o", "decoded", "-w", "w.safetensors")[0] == 0
    assert main(["decode", "out/a.bin", "-o", "alone.png", "-w", "w.safetensors"]) == 0
    assert Path("alone.png").read_bytes() == Path("decoded/a.png").read_bytes()


def test_colour_profiles_that_were_left_out_are_counted(photos, crops, capsys):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name in ("p.png", "q.png"):
        crops[5].save(photos / name, icc_profile=profile)
    assert call(capsys, "encode", photos, "-o", "out")[2] == [
        "jaxcompress: note: of 2 pictures the colour profile was left out; --keep-icc keeps it"
    ]
    assert call(capsys, "encode", photos, "-o", "kept", "--keep-icc")[2] == []
    assert call(capsys, "decode", "kept", "-o", "decoded")[0] == 0
    assert read_picture("decoded/p.png").icc_profile == profile


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "photos"], "photos is a folder; give another one to write to with -o"),
        (["encode", "photos", "-o", "-"], "photos is a folder"),
        (["encode", "photos", "-o", "photos/../photos"], "is the folder with the input"),
        (["encode", "photos", "-o", "photos/notes.txt"], "photos/notes.txt is a file, and photos a folder"),
        (["encode", "photos", "-o", "out", "--jobs", "0"], "--jobs is 0; expected at least 1"),
        (["encode", "photos/a.png", "--jobs", "2"], "--jobs is for folders, and photos/a.png is none"),
        (["encode", "photos", "-o", "out", "-w", "none.safetensors"], "no weights file none.safetensors"),
        (["decode", "photos", "-o", "out"], "nothing to do in photos; expected files ending in .jxc .bin"),
        (["decode", "photos", "-o", "out", "--suffix", "doc"], "suffix '.doc'"),
        (["decode", "a.jxc", "--suffix", "png"], "--suffix is for folders, and a.jxc is none"),
    ],
)
def test_mistakes_are_told_in_one_line(photos, capsys, arguments, message):
    status, summary, errors = call(capsys, *arguments)
    assert (status, summary, len(errors)) == (2, "", 1)
    assert message in errors[0]


def test_ctrl_c_ends_the_run_and_the_same_command_goes_on(tmp_path, crops, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(200):
        crops[number % 8].save(f"photos/{number:03}.png")
    # A shell that started the tests in the background may have left Ctrl-C ignored for all of them.
    script = (
        "import signal, sys; from jaxcompress.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )
    command = [sys.executable, "-P", "-c", script, "encode", "photos", "-o", "out", "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not any(Path("out").glob("*.jxc")) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert re.fullmatch(r"jaxcompress: interrupted: \d+ of 200 pictures are done; the same command goes on\n", errors)
    before = {path: path.read_bytes() for path in Path("out").glob("*.jxc")}
    assert 0 < len(before) < 200
    status, summary, _ = call(capsys, *command[4:])
    assert status == 0
    assert summary.startswith(f"200 pictures, {len(before)} skipped, ")
    assert files("out") == [f"{number:03}.jxc" for number in range(200)]
    data = [Path(f"out/{number:03}.jxc").read_bytes() for number in range(200)]
    assert data == data[:8] * 25
    assert all(path.read_bytes() == written for path, written in before.items())


def test_help_tells_of_folders(capsys):
    for command in ("encode", "decode"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "A folder needs -o FOLDER" in capsys.readouterr().out
