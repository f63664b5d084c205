"""The page of curves and pictures: what it is made of, and the command `report`."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from jaxcompress.cli import main
from jaxcompress.evaluate import Curve
from jaxcompress.evaluate.report import Entry, load_entries, make_report

RATES = (0.25, 0.5, 1.0, 2.0)
METRICS = {"psnr-rgb": (28.0, 31.0, 34.0, 37.0), "ms-ssim-rgb": (0.9, 0.95, 0.98, 0.99)}


def save(path, seed, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def make_curve(name, folder, rates=RATES, pictures=("a.png", "b.png"), **meta):
    """A curve with decoded pictures in `folder`, whose originals lie in the folder `originals` beside it."""
    rows = []
    for i, picture in enumerate(pictures):
        for q, rate in enumerate(rates):
            decoded = f"{name}/{q}/{picture}"
            save(folder / decoded, [i, q, len(name)])
            source = (folder.parent / "originals" / picture).resolve()
            values = {key: value[q] for key, value in METRICS.items()}
            rows.append(
                {"picture": picture, "quality": q, "bpp": rate, "source": str(source), "decoded": decoded, **values}
            )
    curve = Curve(name, f"the codec {name}", {"bpp": rates, **METRICS}, range(len(rates)), rows, meta)
    curve.save(folder / f"{name}.json")
    return curve


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with files of two curves over two pictures."""
    monkeypatch.chdir(tmp_path)
    for i, picture in enumerate(("a.png", "b.png")):
        save(tmp_path / "originals" / picture, i)
    (tmp_path / "results").mkdir()
    make_curve(
        "one", tmp_path / "results", bpp="file", versions={"x": "1.2"}, subsampling="4:2:0", command="run <this>"
    )
    make_curve("two", tmp_path / "results", [0.3, 0.6, 1.2, 2.4], bpp="strings")
    return tmp_path


def entries():
    return load_entries(["results/one.json", "results/two.json"])


def data(html, name):
    (found,) = re.findall(rf'<script type="application/json" id="{name}-data">(.*?)</script>', html)
    return json.loads(found)


def pixels(uri):
    kind, _, code = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB"))


def test_pictures_are_embedded_without_loss(folder):
    report = make_report(entries())
    gallery = data(report.html, "gallery")
    assert (report.pictures, report.notes) == (["a.png", "b.png"], [])
    assert report.pictures_size == sum(map(len, gallery["images"]))
    for shot in gallery["shots"]:
        original = np.asarray(Image.open(folder / "originals" / shot["name"]))
        np.testing.assert_array_equal(pixels(gallery["images"][shot["original"]]), original)
        assert (shot["height"], shot["width"]) == original.shape[:2]
        ((one, two),) = (target["shown"] for target in shot["targets"])
        for version, name in ((one, "one"), (two, "two")):
            decoded = np.asarray(Image.open(folder / "results" / name / version["quality"] / shot["name"]))
            np.testing.assert_array_equal(pixels(gallery["images"][version["image"]]), decoded)


@pytest.mark.parametrize(
    ("bpp", "shown"),
    [
        (None, [[1.0, 1.2]]),
        ([0.01], [[0.25, 0.3]]),
        ([0.95, 5], [[1.0, 1.2], [2.0, 2.4]]),
        ([0.26, 0.25], [[0.25, 0.3]] * 2),
    ],
)
def test_each_curve_shows_the_saved_row_nearest_to_the_target(folder, bpp, shown):
    gallery = data(make_report(entries(), bpp=bpp, pictures=["b.png"]).html, "gallery")
    (shot,) = gallery["shots"]
    assert [[version["bpp"] for version in target["shown"]] for target in shot["targets"]] == shown
    assert len(gallery["images"]) == 1 + len({rate for rates in shown for rate in rates})  # each once
    version = shot["targets"][0]["shown"][0]
    assert dict(version["values"])["PSNR"] == f"{METRICS['psnr-rgb'][int(version['quality'])]:.2f} dB"


def test_by_default_the_pictures_are_of_about_one_rate(folder):
    make_curve("low", folder / "results", [0.05, 0.1, 0.2, 0.31])
    make_curve("high", folder / "results", [0.3, 0.6, 1.2, 2.4])
    low_and_high = load_entries(["results/low.json", "results/high.json"])
    (shot,) = data(make_report(low_and_high, pictures=["b.png"]).html, "gallery")["shots"]
    assert [version["bpp"] for version in shot["targets"][0]["shown"]] == [0.31, 0.3]


def test_three_pictures_are_shown_unless_others_are_asked_for(folder):
    names = [f"{i}.png" for i in range(5)]
    for name in names:
        save(folder / "originals" / name, 9)
    make_curve("five", folder / "results", pictures=names)
    (folder / "originals" / "1.png").unlink()
    five = load_entries(["results/five.json"])
    report = make_report(five)
    assert report.pictures == ["0.png", "2.png", "3.png"]
    assert len(report.notes) == 1
    assert "original of 1.png could not be read" in report.notes[0]
    assert make_report(five, pictures=["4.png", "2.png"]).pictures == ["4.png", "2.png"]
    with pytest.raises(ValueError, match=r"original of 1\.png could not be read"):
        make_report(five, pictures=["1.png"])
    with pytest.raises(ValueError, match=r"'c\.png' was not saved with any of the curves; 0\.png, 1\.png"):
        make_report(five, pictures=["c.png"])
    with pytest.raises(ValueError, match="target rates are 0"):
        make_report(five, bpp=[0])


def test_decoded_pictures_that_do_not_fit_are_left_out_and_told(folder):
    for quality in range(4):
        save(folder / f"results/one/{quality}/a.png", 0, size=(10, 30))
        (folder / f"results/two/{quality}/b.png").write_bytes(b"no picture")
    report = make_report(entries())
    gallery = data(report.html, "gallery")
    assert [[version["curve"] for version in shot["targets"][0]["shown"]] for shot in gallery["shots"]] == [[1], [0]]
    assert "a.png as one gave it at quality 2 has 10 x 30 pixels, but the original has 40 x 30" in report.notes[0]
    assert "b.png as two gave it at quality 2 could not be read" in report.notes[1]
    assert all(note in report.html for note in report.notes)


def test_pictures_of_the_same_name_are_not_confused(folder):
    save(folder / "other" / "originals" / "a.png", 77)
    (folder / "other" / "results").mkdir()
    make_curve("two", folder / "other" / "results", pictures=["a.png"])
    report = make_report(load_entries(["results/one.json", "other/results/two.json"]), pictures=["a.png"])
    assert len(data(report.html, "gallery")["shots"][0]["targets"][0]["shown"]) == 1
    assert "was made of another original" in report.notes[0]


def test_without_saved_pictures_the_page_says_how_to_get_them(folder):
    report = make_report([Entry(Curve("A", "", {"bpp": RATES, **METRICS}))])
    assert report.pictures == []
    assert 'id="viewer"' not in report.html
    assert "with <code>--save</code>" in report.html
    assert make_report(entries()).html.count('id="viewer"') == 1


def test_differences_of_rate_are_against_the_anchor(folder):
    def rows(report):
        return re.findall(r"<tr><th>(\w+)</th>\s*<td class=\"number \w+\">(.*?)</td>", report.html)

    assert rows(make_report(entries())) == [("two", "+20.00 %")] * 2  # PSNR, MS-SSIM
    assert rows(make_report(entries(), anchor="two")) == [("one", "\N{MINUS SIGN}16.67 %")] * 2
    html = make_report(entries()).html
    assert "28.00 to 37.00 dB" in html
    assert "4 and 4" in html
    assert "akima" in html
    reference = Entry(Curve("R", "", {"bpp": [0.1, 0.2], "psnr-rgb": [20, 21]}), reference=True, short="ref")
    html = make_report([*entries(), reference]).html
    assert "than <b>R</b> needs" in html
    assert "R has 2 points of use" in html
    assert "than <b>R</b> needs" in make_report([*entries(), reference], anchor="ref").html
    with pytest.raises(ValueError, match="no curve 'three' to be the anchor; expected one of one, two"):
        make_report(entries(), anchor="three")


def test_values_of_all_rows_and_means(folder):
    table = data(make_report(entries()).html, "table")
    assert table["columns"] == ["bpp", "PSNR [dB]", "MS-SSIM [dB]"]
    assert table["rows"][:2] == [[0, None, 0, 0.25, 28, 10], [0, None, 1, 0.5, 31, 13.0103]]
    assert [1, "b.png", 3, 2.4, 37, 20] in table["rows"]
    assert len(table["rows"]) == 2 * (4 + 8)


def test_how_it_was_measured_and_what_does_not_compare(folder):
    html = make_report(entries()).html
    for key, value in {
        "rate": "whole file",
        "chroma": "4:2:0",
        "versions": "x: 1.2",
        "command": "run &lt;this&gt;",
    }.items():
        assert f"<dt>{key}</dt><dd>{value}</dd>" in html
    assert "Rates do not count the same" in html
    assert "different numbers of pictures" not in html
    published = Entry(Curve("P", "", {"bpp": RATES, **METRICS}, meta={"pictures": 24}), reference=True)
    assert "different numbers of pictures (one, two: 2; P: 24)" in make_report([*entries(), published]).html


def test_lossless_points_and_unknown_values_do_no_harm(folder):
    rows = [{"picture": 7, "bpp": "x"}, {"quality": [1]}, {"picture": "p", "bpp": 9.0, "psnr-rgb": float("inf")}]
    curve = Curve("L", "", {"bpp": [9.0, 1.0], "psnr-rgb": [float("inf"), 30.0]}, (), rows, {"a": {"b": [1, None]}})
    report = make_report([Entry(curve)])
    assert data(report.html, "table")["rows"][0] == [0, None, None, 9.0, "∞"]
    assert "<dd>b: 1, None</dd>" in report.html


def test_the_command_writes_the_page_and_says_its_size(folder, capsys):
    assert main(["report", "results/one.json", "results/two.json", "--pictures", "b.png", "-t", "A & B"]) == 0
    size = (folder / "report.html").stat().st_size
    assert (
        capsys.readouterr().out == f"report.html: 2 curves, 1 picture ({size / 1e6:.1f} MB, of which pictures 0.0 MB)\n"
    )
    assert "<h1>A &amp; B</h1>" in (folder / "report.html").read_text()
    assert main(["report", "results/one.json"]) == 2
    assert "report.html exists" in capsys.readouterr().err
    (folder / "originals" / "a.png").unlink()
    assert main(["report", "results/one.json", "--force"]) == 0
    assert "note: the original of a.png could not be read" in capsys.readouterr().err
    assert main(["report", "-o", "x.html"]) == 2
    assert "no curves to report on" in capsys.readouterr().err
