"""`jaxcompress export`."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxcompress import export
from jaxcompress.cli import export as command
from jaxcompress.cli import main


@pytest.fixture
def folder(tmp_path, golden_of, golden_checkpoint, monkeypatch):
    """A working folder with a weights file and a checkpoint."""
    monkeypatch.chdir(tmp_path)
    golden_of("bmshj2018-factorized").weights.save("small.safetensors")
    (tmp_path / "small.pth.tar").write_bytes(golden_checkpoint("bmshj2018-factorized"))
    return tmp_path


@pytest.mark.parametrize("weights", ["small.safetensors", "small.pth.tar"])
def test_the_stages_that_are_asked_for_are_written(folder, capsys, golden_of, weights):
    assert main(["export", weights, "-o", "out", "--stages", "g_s"]) == 0
    assert {path.name for path in (folder / "out").iterdir()} == {"g_s.stablehlo", "manifest.json"}
    data = (folder / "out" / "g_s.stablehlo").read_bytes()
    line = f"out: bmshj2018-factorized, n=24, m=32: g_s as stablehlo, {len(data):,} bytes\n"
    assert capsys.readouterr().out == line
    case = golden_of("bmshj2018-factorized")
    y_hat = np.rint(case.x[:1, :4, :2, :1] * 4) * np.ones(32, np.float32)
    expected = case.weights.model().apply(case.weights.variables, y_hat, method="synthesis")
    np.testing.assert_allclose(jax.export.deserialize(bytearray(data)).call(y_hat), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small.safetensors", "-o", "."], "exists; give the name of a folder to be made"),
        (["small.safetensors", "-o", "small.pth.tar"], "exists; give the name of a folder to be made"),
        (["small.safetensors", "-o", "no/out"], "there is no folder no to make out in; create it first"),
        (["small.safetensors", "-o", "/proc/out", "--stages", "g_s"], "/proc/"),
        (["small.safetensors", "-o", "out", "--stages", "g_a", "h_a"], "has no stage h_a; it has g_a, g_s"),
        (["none.safetensors", "-o", "out"], "there is no weights file none.safetensors"),
        (["small.safetensors", "-o", "out", "--format", "onnx"], "pip install 'jaxcompress[export]'"),
    ],
)
def test_mistakes_are_told_in_one_line(folder, capsys, monkeypatch, arguments, message):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxcompress: ")
    assert message in error
    assert error.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"small.safetensors", "small.pth.tar"}


def test_an_unknown_format_is_refused(folder, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export", "small.safetensors", "-o", "out", "--format", "h_x"])
    assert stopped.value.code == 2
    assert "invalid choice: 'h_x'" in capsys.readouterr().err


def test_the_command_offers_what_there_is():
    assert command.FORMATS == export.FORMATS


@pytest.mark.slow
def test_onnx_of_the_command_line_is_quiet_and_runs(folder, golden_of):
    import onnxruntime

    words = [sys.executable, "-P", "-m", "jaxcompress", "export", "small.pth.tar", "-o", "out", "--format", "onnx"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    session = onnxruntime.InferenceSession(folder / "out" / "g_a.onnx")
    case = golden_of("bmshj2018-factorized")
    (y,) = session.run(["y"], {"x": case.x[:1, :48, :64]})
    expected = case.weights.model().apply(case.weights.variables, case.x[:1, :48, :64], method="analysis")
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5)
