"""Figures of curves, and the command `plot`."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from jaxcompress.cli import main
from jaxcompress.evaluate import Curve
from jaxcompress.evaluate.plot import plot_curves, render

RATES = (0.25, 0.5, 1.0, 2.0)


def make_curve(name, shift=0.0, **more):
    values = [28 + shift, 31 + shift, 34 + shift, 37 + shift]
    results = {"bpp": RATES, "psnr-rgb": values, "ms-ssim-rgb": [0.9, 0.95, 0.98, 0.99]}
    return Curve(name, "Inference (ans)", results, **more)


def lines(figure):
    return figure.axes[0].get_lines()


def legend_of(figure):
    return figure.axes[0].get_legend() or figure.legends[0]


def test_a_curve_is_drawn_sorted_and_without_infinite_points():
    curve = Curve("A", "", {"bpp": [2.0, 0.5, 9.0], "psnr-rgb": [37.0, 31.0, float("inf")]})
    (line,) = lines(plot_curves([curve]))
    assert line.get_xydata().tolist() == [[0.5, 31], [2, 37]]


@pytest.mark.parametrize(
    ("metric", "label", "value"),
    [
        ("psnr", "PSNR (RGB) [dB]", 28),
        ("psnr-rgb", "PSNR (RGB) [dB]", 28),
        ("ms-ssim", "MS-SSIM (RGB) [dB]", 10),
        ("ms-ssim-rgb", "MS-SSIM (RGB)", 0.9),
    ],
)
def test_metrics_have_their_units(metric, label, value):
    figure = plot_curves([make_curve("A")], metric=metric, title="Of $5")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("Bit-rate [bpp]", label, "Of $5")
    assert lines(figure)[0].get_ydata()[0] == pytest.approx(value)


def test_learned_curves_are_solid_and_others_dashed():
    bench = make_curve("JPEG", meta={"command": "jaxcompress bench jpeg kodak", "device": "cpu"})
    ours = make_curve("ours", meta={"command": "jaxcompress evaluate kodak"})
    classical = Curve("BPG", "BPG. BPG version", make_curve("").results)
    curves = [make_curve("compressai"), ours, bench, classical]
    figure = plot_curves(curves, references=[make_curve("published")])
    assert [line.get_linestyle() for line in lines(figure)] == ["-", "-", "--", "--", "--"]


def test_many_curves_all_look_different():
    figure = plot_curves([make_curve(str(i), i / 10) for i in range(40)])
    assert len({(line.get_color(), line.get_marker()) for line in lines(figure)}) == 40
    labels = [text.get_text() for text in legend_of(figure).get_texts()]
    assert labels == [str(i) for i in range(40)]


def test_the_legend_hides_no_curve():
    free = plot_curves([make_curve("A")])
    assert free.axes[0].get_legend() is not None
    falling = Curve("A", "", {"bpp": [0, 1, 2], "psnr-rgb": [40, 30, 20]})
    beside = plot_curves([falling])
    assert beside.axes[0].get_legend() is None
    beside.draw_without_rendering()
    assert beside.legends[0].get_window_extent().x0 >= beside.axes[0].get_window_extent().x1


def test_names_are_shown_as_they_are():
    names = ["$x_1$ <b>", "_hidden", "$ one dollar"]
    figure = plot_curves([make_curve(name) for name in names])
    svg = render(figure, "svg").decode()
    for name in ("$x_1$ &lt;b&gt;", "_hidden", "$ one dollar"):
        assert f">{name}</text>" in svg


def test_limits_size_rate_axis_and_single_pictures():
    rows = [{"picture": "a.png", "quality": 1, "bpp": 0.3, "psnr-rgb": 29.0}, {"picture": "b.png", "bpp": "?"}]
    curve = make_curve("A", pictures=rows)
    figure = plot_curves([curve], limits=(0.1, 3, 20, 40), figsize=(4, 3), scatter=True, log=True)
    axes = figure.axes[0]
    assert (axes.get_xlim(), axes.get_ylim(), axes.get_xscale()) == ((0.1, 3), (20, 40), "log")
    assert axes.collections[0].get_offsets().tolist() == [[0.3, 29]]
    assert not plot_curves([curve]).axes[0].collections


def test_pyplot_is_left_alone():
    import sys

    before = sys.modules.get("matplotlib.pyplot")
    plot_curves([make_curve("A")])
    assert sys.modules.get("matplotlib.pyplot") is before


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="no curves"):
        plot_curves([])
    with pytest.raises(ValueError, match=r"A has no 'psnr-y'; it has bpp"):
        plot_curves([make_curve("A")], metric="psnr-y")
    with pytest.raises(ValueError, match="'gif'; expected one of png, svg, pdf"):
        render(plot_curves([make_curve("A")]), "gif")


# --- the command ---


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_curve("A").save("a.json")
    make_curve("A", 1).save("b.json")
    theirs = {"name": "C", "description": "", "results": {"bpp": RATES, "psnr-rgb": [20, 21, 22, 23]}}
    (tmp_path / "c.json").write_text(json.dumps(theirs))
    return tmp_path


def test_the_command_writes_each_format(folder, capsys):
    assert main(["plot", "a.json", "b.json", "c.json"]) == 0
    assert capsys.readouterr().out == "curves.png: 3 curves\n"
    with Image.open("curves.png") as image:
        assert image.size == (1400, 960)
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20
    assert main(["plot", "a.json", "b.json", "-o", "x.svg", "-t", "Two <curves>", "-m", "ms-ssim", "--scatter"]) == 0
    svg = (folder / "x.svg").read_text()
    assert "Two &lt;curves&gt;" in svg
    assert re.findall(r">(A \(.*?\))<", svg) == ["A (a.json)", "A (b.json)"]  # told apart by their files
    assert main(["plot", "a.json", "-o", "x.pdf", "--axes", "0", "1", "20", "40", "--log"]) == 2
    assert main(["plot", "a.json", "-o", "x.pdf", "--axes", "0.1", "1", "20", "40", "--log"]) == 0
    assert (folder / "x.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_tells_of_curves_over_other_numbers_of_pictures(folder, capsys):
    theirs = json.loads((folder / "c.json").read_text())
    (folder / "c.json").write_text(json.dumps(theirs | {"meta": {"pictures": 4}}))
    assert main(["plot", "c.json", "--with", "vtm", "-m", "psnr-rgb"]) == 0
    (note,) = capsys.readouterr().err.splitlines()
    expected = "jaxcompress: note: These curves are means over different numbers of pictures (VTM: 24; C: 4)."
    assert note == expected
    assert main(["plot", "c.json", "-o", "alone.png"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "-o", "x"], "x has no suffix that says its format"),
        (["a.json", "-o", "old.png"], "old.png exists"),
        (["none.json"], "none.json: No such file"),
        (["old.png"], "old.png is no rate-distortion curve"),
        (["c.json", "-m", "ms-ssim"], "C has no 'ms-ssim-db-rgb'"),
        ([], "no curves to plot"),
        (["a.json", "--figsize", "0", "1"], "need positive numbers"),
    ],
)
def test_the_command_tells_mistakes_in_one_line(folder, capsys, arguments, message):
    (folder / "old.png").write_bytes(b"kept")
    assert main(["plot", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert (folder / "old.png").read_bytes() == b"kept"
    assert main(["plot", "a.json", "-o", "old.png", "--force"]) == 0
