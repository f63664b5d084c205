"""The commands evaluate, bench and find-close as a user meets them."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import jaxcompress
from jaxcompress.cli import main
from jaxcompress.evaluate import load_curve

KINGFISHER = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a folder of two pictures of one size."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    with Image.open(KINGFISHER) as image:
        image.crop((100, 100, 292, 276)).save("photos/a.png")
        image.crop((300, 200, 492, 376)).save("photos/b.png")
    return tmp_path


def command(capsys, *arguments):
    status = main(list(arguments))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_one_network_for_all_rates_is_a_curve(folder, capsys):
    status, printed, errors = command(capsys, "evaluate", "photos", "-q", "10", "50", "--metrics", "psnr-rgb")
    assert (status, errors) == (0, "")
    assert "results/light.json, light.csv: means over 2 of 2 pictures" in printed
    curve = load_curve("results/light.json")
    assert curve.qualities == (10, 50)
    assert curve.results["bpp"][0] < curve.results["bpp"][1]
    assert curve.results["psnr-rgb"][0] < curve.results["psnr-rgb"][1]
    assert main(["encode", "photos/a.png", "-o", "a.jxc", "-q", "50"]) == 0
    assert curve.pictures[2]["bytes"] == Path("a.jxc").stat().st_size
    status, _, errors = command(capsys, "evaluate", "photos", "--bpp", "0.5", "-o", "half", "--metrics", "psnr-rgb")
    assert (status, errors) == (0, "")
    assert load_curve("half/light.json").results["bpp"] == pytest.approx([0.5], rel=0.05)
    assert "light has no quality 101" in command(capsys, "evaluate", "photos", "-q", "101", "-o", "none")[2]


def test_bundled_weights_of_one_rate_are_evaluated(folder, capsys):
    small = ["--model", "mbt2018-mean-small"]
    status, printed, errors = command(capsys, "evaluate", "photos", "--metrics", "psnr-rgb", *small)
    assert (status, errors) == (0, "")
    assert "results/mbt2018-mean-small.json, mbt2018-mean-small.csv: means over 2 of 2 pictures" in printed
    curve = load_curve("results/mbt2018-mean-small.json")
    assert len(curve.qualities) == 1
    rows = list(csv.DictReader(Path("results/mbt2018-mean-small.csv").read_text().splitlines()))
    assert [row["picture"] for row in rows] == ["a.png", "b.png"]
    assert [float(row["bpp"]) for row in rows] == [row["bpp"] for row in curve.pictures]
    assert main(["encode", "photos/a.png", "-o", "a.jxc", *small]) == 0
    assert int(rows[0]["bytes"]) == Path("a.jxc").stat().st_size
    assert curve.meta["command"] == "jaxcompress evaluate photos --metrics psnr-rgb --model mbt2018-mean-small"
    assert {"jaxcompress", "jax"} <= curve.meta["versions"].keys()
    status, _, errors = command(capsys, "evaluate", "photos", "--metrics", "psnr-rgb", *small)
    assert status == 2
    assert "exists" in errors
    status, _, _ = command(capsys, "evaluate", "photos", "--metrics", "psnr-rgb", "--estimate", "--force", *small)
    assert status == 0
    estimate = load_curve("results/mbt2018-mean-small.json")
    assert estimate.results["bpp"][0] == pytest.approx(curve.results["bpp"][0], rel=0.1)
    assert "bytes" not in estimate.results
    assert (curve.meta["bpp"], estimate.meta["bpp"]) == ("file", "estimate")


def test_classical_codecs_are_benched_alike(folder, capsys):
    status, printed, errors = command(capsys, "bench", "jpeg", "photos", "-q", "20", "80", "-o", "out", "--save")
    assert errors == ""
    assert status == 0
    content = json.loads(next(Path("out").glob("*.json")).read_text())
    assert content["qualities"] == [20, 80]
    low, high = content["results"]["bpp"]
    assert low < high
    row = content["pictures"][0]
    assert row["file"].endswith("/20/a.png.jpg")
    with Image.open(Path("out") / row["file"]) as image:
        assert image.format == "JPEG"
    assert (Path("out") / row["decoded"]).is_file()
    assert Path(row["source"]) == (folder / "photos" / "a.png").resolve()
    assert "psnr-rgb" in printed


def test_another_curve_is_matched_picture_by_picture(folder, capsys):
    assert main(["bench", "jpeg", "photos", "-q", "50"]) == 0
    jpeg = next(Path("results").glob("*.json"))
    assert main(["bench", "webp", "photos", "--match", str(jpeg), "-o", "out"]) == 0
    wanted, got = (load_curve(path).pictures for path in (jpeg, next(Path("out").glob("*.json"))))
    for a, b in zip(wanted, got, strict=True):
        assert b["bpp"] == pytest.approx(a["bpp"], rel=0.05)
    assert main(["bench", "webp", "photos", "-q", "5", "90", "--bpp", "1.5", "-o", "more"]) == 0
    curve = load_curve(next(Path("more").glob("*.json")))
    assert curve.qualities == (5, "1.5 bpp", 90)
    assert curve.results["bpp"][1] == pytest.approx(1.5, rel=0.05)
    assert curve.results["bpp"] == sorted(curve.results["bpp"])


def test_targets_out_of_reach_are_told(folder, capsys):
    status, _, errors = command(capsys, "bench", "jpeg", "photos", "--bpp", "100")
    assert status == 0
    assert "2 pictures came no nearer than 10% to the point 100 bpp" in errors


def test_what_fails_is_told_and_the_rest_goes_on(folder, capsys):
    (folder / "photos" / "text.png").write_text("no picture")
    with Image.open(KINGFISHER) as image:
        image.crop((0, 0, 16, 16)).save("photos/small.png")
    status, printed, errors = command(capsys, "bench", "jpeg", "photos", "-q", "50")
    assert status == 1
    assert "text.png at quality 50" in errors
    assert "no image that can be read" in errors
    assert "small.png at quality 50" in errors
    assert "at least 161" in errors
    assert "means over 2 of 4 pictures" in printed


def test_earlier_results_are_neither_pictures_nor_replaced(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder / "photos")
    assert main(["bench", "jpeg", ".", "-q", "50", "--save"]) == 0
    status, printed, _ = command(capsys, "bench", "webp", ".", "-q", "50")
    assert status == 0
    assert "means over 2 of 2 pictures" in printed
    status, _, errors = command(capsys, "bench", "jpeg", ".", "-q", "50")
    assert (status, "JPEG.json exists" in errors) == (2, True)
    Path("results/JPEG.json").unlink()
    status, _, errors = command(capsys, "bench", "jpeg", ".", "-q", "50")
    assert (status, "JPEG.csv exists" in errors) == (2, True)
    Path("results/JPEG.csv").unlink()
    status, _, errors = command(capsys, "bench", "jpeg", ".", "-q", "50", "--save")
    assert (status, "results/JPEG holds pictures of another run" in errors) == (2, True)
    assert main(["bench", "jpeg", ".", "-q", "50", "--save", "--set", "optimize=true", "--name", "JPEG optimized"]) == 0
    assert load_curve("results/JPEG-optimized.json").name == "JPEG optimized"


def test_sigterm_ends_a_run_and_its_encoder(folder):
    encoder = folder / "slow"
    encoder.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\nexec sleep 100\n")
    encoder.chmod(0o755)
    bench = ["bench", "opj", "photos", "--encoder", str(encoder), "--decoder", str(encoder)]
    code = f"import sys; from jaxcompress.cli import main; sys.exit(main({bench}))"
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen([sys.executable, "-P", "-c", code], env=environment) as process:
        while not (folder / "pid").exists() or not (folder / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)
    assert not list(folder.glob("jaxcompress-*"))
    assert not list(folder.glob("results/*"))


def test_find_close_tells_the_nearest_quality(folder, capsys):
    status, printed, _ = command(capsys, "find-close", "jpeg", "photos/a.png", "1", "-o", "a.jpg", "--decoded", "a.ppm")
    assert status == 0
    assert 8 * Path("a.jpg").stat().st_size / (192 * 176) == pytest.approx(1, abs=0.05)
    with Image.open("a.jpg") as coded, Image.open("a.ppm") as decoded:
        assert coded.convert("RGB").tobytes() == decoded.tobytes()
    assert "quality " in printed
    status, printed, _ = command(capsys, "find-close", "learned", "photos/a.png", "1", "--model", "mbt2018-mean-small")
    assert status == 0
    assert "(1 tried)" in printed
    status, printed, _ = command(capsys, "find-close", "learned", "photos/a.png", "31", "--metric", "psnr-rgb")
    assert status == 0
    assert "psnr-rgb 31.0" in printed or "psnr-rgb 30.9" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "empty"], "there are no pictures in empty"),
        (["evaluate", "missing"], "missing: No such file"),
        (["evaluate", "photos", "--metrics", "vmaf"], "metrics are vmaf; expected some of psnr-rgb"),
        (["evaluate", "photos", "-j", "0"], "--jobs is 0"),
        (["bench", "gif", "photos"], "there is no codec 'gif'; there are jpeg, webp"),
        (["bench", "jpeg", "photos", "-q", "0"], "expected a whole number from 1 to"),
        (["bench", "jpeg", "photos", "--bpp", "-1"], "--bpp has -1"),
        (["bench", "jpeg", "photos", "--bpp", "inf"], "--bpp has inf"),
        (["evaluate", "photos", "--estimate", "--strings-only"], "give one of the two"),
        (["find-close", "jpeg", "photos", "1"], "photos is a folder"),
        (["find-close", "jpeg", "photos/a.png", "1", "--decoded", "a.txt"], "no image format with the suffix"),
        (["bench", "jpeg", "photos", "--match", "photos/a.png"], "is no rate-distortion curve"),
        (["bench", "jpeg", "photos", "--set", "subsampling"], "expected NAME=VALUE"),
        (["bench", "vtm", "photos", "--folder", "nowhere", "--config", "intra.cfg"], "EncoderAppStatic"),
        (["find-close", "jpeg", "photos/a.png", "1", "-w", "x.safetensors"], "are for learned codecs"),
        (["find-close", "jpeg", "photos/a.png", "nan"], "target is nan"),
    ],
)
def test_bad_input_is_told_in_one_line(folder, capsys, arguments, said):
    (folder / "empty").mkdir()
    (folder / "intra.cfg").write_text("")
    status, printed, errors = command(capsys, *arguments)
    assert (status, printed, errors.count("\n")) == (2, "", 1)
    assert said in errors
    assert not list(folder.glob("results/*"))
