"""The command line as a user meets it, in processes of its own where that matters."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcompress import metrics, zoo
from jaxcompress.cli import main
from jaxcompress.codec import container, read_picture
from jaxcompress.weights_header import read_header


@pytest.fixture
def folder(tmp_path, photo, golden_of, monkeypatch):
    """A working folder with a photograph and weights."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photo).save("photo.png")
    golden_of("mbt2018-mean").weights.save("weights.safetensors")
    return tmp_path


FLOAT = ("--weights", "weights.safetensors", "--entropy", "float")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", "import sys; from jaxcompress.cli import main; sys.exit(main())", *arguments],
        capture_output=True,
        check=False,
        **options,
    )


def fails(capsys, *arguments):
    """What the one line on standard error says."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("jaxcompress: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_photograph_goes_through_with_bundled_weights(folder, photo, capsys):
    assert main(["encode", "photo.png"]) == 0
    assert "photo.jxc: 75 x 101 pixels" in capsys.readouterr().out
    assert main(["decode", "photo.jxc", "-o", "decoded.png"]) == 0
    assert metrics.psnr(read_picture("decoded.png").pixels, photo) > 25
    assert main(["info", "photo.jxc", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (facts["width"], facts["height"], facts["architecture"]) == (75, 101, "light")
    assert facts["bytes"] == (folder / "photo.jxc").stat().st_size


def test_standard_input_and_output(folder):
    encoded = run("encode", "-", input=(folder / "photo.png").read_bytes())
    assert encoded.returncode == 0, encoded.stderr
    assert b"bpp" in encoded.stderr
    decoded = run("decode", "-", "-o", "-", input=encoded.stdout)
    assert decoded.returncode == 0, decoded.stderr
    assert decoded.stdout.startswith(b"\x89PNG")


def test_a_crop_is_that_part_of_the_picture(folder, capsys):
    assert main(["encode", "photo.png"]) == 0
    assert main(["decode", "photo.jxc", "-o", "whole.png"]) == 0
    assert main(["decode", "photo.jxc", "-o", "part.png", "--crop", "40,60,30,20"]) == 0
    assert "part.png: 30 x 20 pixels" in capsys.readouterr().out
    part, whole = (read_picture(name).pixels for name in ("part.png", "whole.png"))
    np.testing.assert_array_equal(part, whole[60:80, 40:70])
    piped = run("decode", "-", "-o", "-", "--crop", "40,60,30,20", input=(folder / "photo.jxc").read_bytes())
    np.testing.assert_array_equal(read_picture(io.BytesIO(piped.stdout)).pixels, part)
    message = "x=40 y=60 width=36 height=20 is not in the picture of 75 x 101 pixels"
    assert message in fails(capsys, "decode", "photo.jxc", "-o", "more.png", "--crop", "40,60,36,20")
    assert "not a .jxc file" in fails(capsys, "decode", "photo.png", "-o", "more.png", "--crop", "0,0,1,1")
    (folder / "empty.jxc").write_bytes(b"")
    assert "not a .jxc file" in fails(capsys, "decode", "empty.jxc", "-o", "more.png", "--crop", "0,0,1,1")
    with pytest.raises(SystemExit):
        main(["decode", "photo.jxc", "--crop", "1,2,3"])
    assert "'1,2,3' is no rectangle" in capsys.readouterr().err


def test_pictures_beyond_the_limit_are_refused(folder, capsys):
    message = "75 x 101 pixels, more than the limit of 7574 (--max-pixels)"
    assert message in fails(capsys, "encode", "photo.png", "--max-pixels", 7574)
    assert main(["encode", "photo.png", "--max-pixels", "7575"]) == 0


def test_own_weights_are_needed_again_to_decode(folder, capsys):
    assert main(["encode", "photo.png", *FLOAT]) == 0
    capsys.readouterr()
    assert "not bundled" in fails(capsys, "decode", "photo.jxc", "-o", "decoded.png")
    assert "other weights" in fails(capsys, "decode", "photo.jxc", "-o", "decoded.png", "--model", zoo.DEFAULT)
    assert not (folder / "decoded.png").exists()
    assert main(["decode", "photo.jxc", "-o", "decoded.png", "--weights", "weights.safetensors"]) == 0


def test_files_are_integer_unless_asked_otherwise(folder, integer_weights_of, capsys):
    assert "no integer networks" in fails(capsys, "encode", "photo.png", "-w", "weights.safetensors")
    assert not (folder / "photo.jxc").exists()
    integer_weights_of("mbt2018-mean").save("integer.safetensors")
    modes = []
    for option in ([], ["--entropy", "integer"], ["--entropy", "float"]):
        assert main(["encode", "photo.png", "-f", "-w", "integer.safetensors", *option]) == 0
        assert main(["decode", "photo.jxc", "-f", "-o", "decoded.png", "-w", "integer.safetensors"]) == 0
        modes.append(container.unpack((folder / "photo.jxc").read_bytes())[0].entropy_mode.name)
    assert modes == ["INTEGER", "INTEGER", "FLOAT"]
    capsys.readouterr()
    error = fails(
        capsys, "encode", "photo.png", "-w", "integer.safetensors", "--format", "compressai", "--entropy", "integer"
    )
    assert "leave out --entropy integer" in error
    assert "has no integer networks" in fails(
        capsys, "encode", "photo.png", "-fw", "weights.safetensors", "--entropy", "integer"
    )


def test_a_model_without_a_hyperprior_has_no_choice(folder, golden_of):
    golden_of("bmshj2018-factorized").weights.save("factorized.safetensors")
    assert main(["encode", "photo.png", "-w", "factorized.safetensors"]) == 0
    assert main(["decode", "photo.jxc", "-o", "decoded.png", "-w", "factorized.safetensors"]) == 0


def test_compressai_s_container(folder, golden_folder, capsys):
    recorded = golden_folder / "container"
    arguments = ["--format", "compressai", "-w", "weights.safetensors"]
    assert main(["encode", str(recorded / "picture.png"), "-o", "picture.bin", *arguments]) == 0
    assert (folder / "picture.bin").read_bytes() == (recorded / "mbt2018-mean.bin").read_bytes()
    assert main(["decode", "picture.bin", "-w", "weights.safetensors"]) == 0
    expected = np.asarray(Image.open(recorded / "mbt2018-mean.png"))
    assert np.abs(read_picture("picture.png").pixels.astype(int) - expected).max() <= 1
    assert main(["info", "picture.bin"]) == 0
    assert "CompressAI codec" in capsys.readouterr().out
    assert "--weights" in fails(capsys, "decode", "picture.bin", "-o", "other.png")
    assert "--quality" in fails(capsys, "encode", "photo.png", "--format", "compressai")


def test_existing_files_are_kept_unless_forced(folder, capsys):
    (folder / "photo.jxc").write_bytes(b"precious")
    assert "photo.jxc exists" in fails(capsys, "encode", "photo.png")
    assert (folder / "photo.jxc").read_bytes() == b"precious"
    assert main(["encode", "photo.png", "--force"]) == 0
    capsys.readouterr()
    assert "photo.png exists" in fails(capsys, "decode", "photo.jxc")


def test_damaged_files_leave_no_output(folder, capsys):
    assert main(["encode", "photo.png"]) == 0
    capsys.readouterr()
    data = (folder / "photo.jxc").read_bytes()
    for damaged in (data[:-1], data + b"\0", data[:200] + b"\xff" + data[201:], b"", data[:3]):
        (folder / "damaged.jxc").write_bytes(damaged)
        for command in (("decode", "damaged.jxc", "-o", "decoded.png"), ("info", "damaged.jxc")):
            assert "damaged.jxc" in fails(capsys, *command)
        assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "decoded"))) == []


def test_convert_goes_both_ways(folder, capsys):
    assert main(["convert", "weights.safetensors", "back.pth.tar"]) == 0
    assert main(["convert", "back.pth.tar", "again.safetensors"]) == 0
    assert "mbt2018-mean, n=24, m=32" in capsys.readouterr().out
    assert main(["info", "again.safetensors", "--json"]) == 0
    first, again = json.loads(capsys.readouterr().out), "bits_fingerprint"
    assert main(["info", "weights.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[again] == first[again]
    assert "integer_fingerprint" in read_header("again.safetensors")
    assert "same kind" in fails(capsys, "convert", "weights.safetensors", "copy.safetensors")
    assert "suffix" in fails(capsys, "convert", "weights.safetensors", "copy.onnx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "none.png"], "none.png: No such file or directory"),
        (["encode", "weights.safetensors"], "no image that can be read"),
        (["encode", "photo.png", "-w", "none.safetensors"], "no weights file"),
        (["encode", "photo.png", "--model", "huge"], "no weights named 'huge'"),
        (["encode", "photo.png", "-o", "nowhere/photo.jxc"], "no folder nowhere"),
        (["encode", "photo.png", "-o", "."], "is a folder"),
        (["decode", "photo.png", "-o", "out.png"], "no .jxc file"),
        (["decode", "none.jxc"], "none.jxc"),
        (["info", "none.jxc"], "none.jxc"),
        (["info", "photo.png"], "neither a .jxc file"),
        (["convert", "none.pth.tar", "out.safetensors"], "no checkpoint"),
        (["demo", "-o", "out", "--picture", "none.png"], "none.png"),
        (["encode", "photo.png", "-o", "small.png"], "suffix of an image"),
        (["encode", "photo.png", "-o", "./photo.png", "--force"], "is the input"),
        (["encode", "."], "is a folder"),
        (["decode", "photo.png"], "photo.png ends in .png, as what would be made of it"),
        (["encode", "photo.png", "-w", "w.pth.tar", "--recipe", "r.py"], "w.pth.tar is a checkpoint of CompressAI"),
        (["info", "weights.pth.tar"], "jaxcompress convert"),
        (["encode", "photo.png", "--format", "compressai", "--keep-icc"], "colour profile"),
        (["decode", "photo.jxc", "-o", "photo.doc"], "suffix '.doc'"),
    ],
)
def test_mistakes_are_told_in_one_line(folder, capsys, arguments, message):
    assert message in fails(capsys, *arguments)


def test_bad_arguments_exit_with_2(capsys):
    for arguments in ([], ["encode"], ["encode", "a.png", "--background", "red"], ["paint"], ["info", "a", "--jsom"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 2
    printed = capsys.readouterr().err
    assert "usage: jaxcompress info " in printed
    assert printed.endswith("error: unrecognized arguments: --jsom\n")


@pytest.mark.parametrize("command", ["encode", "decode", "info", "convert", "demo", "verify"])
def test_every_command_helps_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"jaxcompress {command} " in capsys.readouterr().out.partition("example:")[2]


def test_the_demo_prints_figures_and_writes_pictures(folder, capsys):
    assert main(["demo", "-o", "out"]) == 0
    printed = capsys.readouterr().out
    assert "768 x 512 pixels; coded with light" in printed
    for quality in (20, 50, 80):
        size = Path(f"out/photo-q{quality}.jxc").stat().st_size
        line = next(line for line in printed.splitlines() if line.strip().startswith(f"quality {quality}:"))
        assert f"{size:,} bytes" in line
        assert "MS-SSIM" in line
    assert printed.count("JPEG: ") == printed.count("WebP: ") == 3
    assert read_picture("out/photo-q20.png").pixels.shape == (512, 768, 3)
    height, width, _ = read_picture("out/comparison.png").pixels.shape
    assert width > 4 * 384
    assert height > 3 * 384
    assert "comparison.png exists" in fails(capsys, "demo", "-o", "out")
    Path("out/comparison.png").unlink()
    assert "photo-q20.jxc exists" in fails(capsys, "demo", "-o", "out")
    assert main(["decode", "out/photo-q50.jxc", "-o", "again.png"]) == 0
    assert (read_picture("again.png").pixels == read_picture("out/photo-q50.png").pixels).all()


def test_the_demo_takes_small_grey_pictures_and_weights_of_one_rate(folder, capsys):
    Image.open("photo.png").convert("L").save("grey.png")
    assert main(["demo", "-o", "out", "--picture", "grey.png", "-w", "weights.safetensors"]) == 0
    assert "one quality: " in capsys.readouterr().out
    assert sorted(path.name for path in Path("out").iterdir()) == ["comparison.png", "photo.jxc", "photo.png"]
    assert "weights of mbt2018-mean have one rate" in fails(capsys, "demo", "-fw", "weights.safetensors", "-q", "3")


def test_closed_streams_and_odd_names_are_no_surprise(folder):
    command = f"{sys.executable} -c 'import sys; from jaxcompress.cli import main; sys.exit(main())'"
    for line, message in (
        ("encode - <&-", b"standard input is closed"),
        ("encode photo.png -o - >&-", b"output is closed"),
    ):
        result = subprocess.run(f"{command} {line}", shell=True, capture_output=True, check=False)
        assert (result.returncode, result.stderr.count(b"\n")) == (2, 1)
        assert message in result.stderr
    (folder / "photo.png").rename(folder / "\udcff.png")
    result = run("encode", "\udcff.png", env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
    assert result.returncode == 0, result.stderr
    assert (folder / "\udcff.jxc").exists()


def test_device_files_are_written_to(folder):
    assert main(["encode", "photo.png", "-o", "/dev/null"]) == 0


def test_output_that_nobody_reads_ends_the_command_in_silence(folder):
    reading, writing = os.pipe()
    os.close(reading)
    command = "import sys; from jaxcompress.cli import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", command, "info", "weights.safetensors"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_what_nobody_foresaw_is_one_line_too(capsys, monkeypatch):
    def broken(path):
        raise KeyError("surprise")

    monkeypatch.setattr("jaxcompress.cli.info._describe", broken)
    told = f"KeyError: 'surprise' ({__file__}:{broken.__code__.co_firstlineno + 1}; set JAXCOMPRESS_TRACEBACK=1 to see"
    assert told in fails(capsys, "info", "photo.jxc")
    monkeypatch.setenv("JAXCOMPRESS_TRACEBACK", "1")
    with pytest.raises(KeyError):
        main(["info", "photo.jxc"])


def test_a_photograph_decoded_in_another_process_is_the_same(folder):
    assert main(["encode", "photo.png", *FLOAT]) == 0
    assert main(["decode", "photo.jxc", "-w", "weights.safetensors", "-o", "here.png"]) == 0
    there = run("decode", "photo.jxc", "-w", "weights.safetensors", "-o", "there.png", cwd=folder)
    assert there.returncode == 0, there.stderr
    assert (folder / "here.png").read_bytes() == (folder / "there.png").read_bytes()
