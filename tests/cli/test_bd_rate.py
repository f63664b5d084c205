"""The command `bd-rate` as a user meets it."""

import pytest

from jaxcompress.cli import main
from jaxcompress.evaluate import published


def bd_rate(capsys, *arguments):
    try:
        status = main(["bd-rate", *arguments])
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_files_and_names_against_an_anchor(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    published.load("mbt2018-mse").save("mine.json")
    published.load("bpg").save("other.json")
    status, printed, _ = bd_rate(capsys, "mine.json", "--anchor", "vtm", "--with", "hm", "--metric", "psnr", "ms-ssim")
    assert status == 0
    assert printed.startswith("anchor: VTM (VTM 9.1")
    rows = [line.split() for line in printed.splitlines() if line.startswith(("mbt2018-mse", "HM"))]
    assert [row[:2] for row in rows] == [
        ["mbt2018-mse", "+11.0"],
        ["HM", "+23.3"],
        ["mbt2018-mse", "-2.1"],
        rows[3][:2],
    ]
    assert "notes:\n  VTM: PSNR and MS-SSIM are against the source converted" in printed
    status, printed, _ = bd_rate(capsys, "mine.json", "--anchor", "other.json", "--method", "cubic")
    assert status == 0
    assert "-11.5 %" in printed
    assert "interpolation: cubic" in printed


@pytest.mark.parametrize("anchor", ["./yours.json", "HM", "yours.json", "yours"])
def test_the_anchor_may_be_one_of_the_files(tmp_path, capsys, monkeypatch, anchor):
    monkeypatch.chdir(tmp_path)
    published.load("mbt2018-mse").save("mine.json")
    published.load("hm").save("yours.json")
    status, printed, _ = bd_rate(capsys, "mine.json", "yours.json", "--anchor", anchor)
    assert status == 0
    assert printed.startswith("anchor: HM (HM 16.20")
    assert sum(line.startswith(("mbt2018-mse  ", "HM  ")) for line in printed.splitlines()) == 1


def test_an_anchor_that_may_be_several_files_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    published.load("hm").save("mine.json")
    published.load("hm").save("yours.json")
    status, _, told = bd_rate(capsys, "mine.json", "yours.json", "--anchor", "HM")
    assert status == 2
    assert "--anchor HM may be any of mine.json, yours.json; give the name of the file" in told
    status, _, told = bd_rate(capsys, "mine.json", "--anchor", "him")
    assert status == 2
    assert "there is no curve 'him' to be the anchor; expected a file, or one of HM, av1, " in told


def test_files_of_one_name_are_told_apart(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    published.load("hm").save("mine.json")
    published.load("hm").save("yours.json")
    status, printed, _ = bd_rate(capsys, "mine.json", "--anchor", "yours.json", "--with", "hm", "vtm")
    assert status == 0
    assert printed.startswith("anchor: HM (yours.json) (HM 16.20")
    assert [line.split("  ")[0] for line in printed.splitlines()[6:9]] == ["HM (mine.json)", "HM (published)", "VTM"]


def test_a_curve_that_cannot_be_compared_is_told_and_exits_with_1(capsys):
    status, printed, _ = bd_rate(
        capsys, "--anchor", "vtm", "--with", "paper-elic2022-mse", "hm", "--metric", "ms-ssim-rgb"
    )
    assert status == 1
    assert "paper-elic2022-mse: no BD-rate by ms-ssim-rgb: paper-elic2022-mse has no 'ms-ssim-rgb'" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--anchor", "vtm"], "nothing to compare with the anchor"),
        (["--anchor", "vvc", "--with", "hm"], "no curve 'vvc' to be the anchor; expected a file, or one of av1, "),
        (["--anchor", "none.json", "--with", "hm"], "none.json"),
        (["--anchor", "vtm", "broken.json"], "broken.json is no rate-distortion curve"),
        (["--anchor", "vtm", "--with", "hm", "--method", "linear"], "invalid choice: 'linear'"),
        (["--with", "hm"], "--anchor"),
    ],
)
def test_bad_input_exits_with_2(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{}")
    status, printed, error = bd_rate(capsys, *arguments)
    assert (status, printed) == (2, "")
    assert message in error
