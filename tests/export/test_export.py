"""Exported networks, run as their users run them, against the model."""

import dataclasses
import functools
import hashlib
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jaxcompress as jc
from jaxcompress import ops
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec.variables import Variables
from jaxcompress.entropy import bottleneck_medians
from jaxcompress.files import write_folder

# A process of its own, which has the files and JAX, and nothing of ours.
RUN = """
import json, sys
from pathlib import Path
import jax, numpy as np
folder, inputs, outputs = map(Path, sys.argv[1:])
stages = json.loads((folder / "manifest.json").read_text())["stages"]
given, found = np.load(inputs), {}
for name in given:
    stage, _ = name.split("/")
    data = (folder / stages[stage]["file"]).read_bytes()
    found[name] = jax.export.deserialize(bytearray(data)).call(given[name])
np.savez(outputs, **found)
assert not any(name.startswith(("jaxcompress", "flax")) for name in sys.modules)
"""
FAST = {"stablehlo": "mbt2018-mean", "onnx": "bmshj2018-factorized"}
# In standard deviations: the same compiler, and another library that sums thousands of products in its own order.
TOLERANCE = {"stablehlo": 1e-5, "onnx": 5e-5}


def photographs(case):
    """Two batches of unlike shapes: one picture of 128 x 64, and two of 64 x 128."""
    x = case.x[0]
    return x[None, :128, :64], np.stack([x[:64, :128], x[-64:, -128:]])


def signals(weights, x):
    """What goes into each stage for pictures `x` and what comes out, by the model itself."""
    model = weights.model()

    def run(x, method):
        return jax.jit(functools.partial(model.apply, weights.variables, method=method))(x)

    medians = bottleneck_medians(weights.params["entropy_bottleneck"])
    y = run(x, method="analysis")
    found = {"g_a": (x, y)}
    y_hat = ops.quantize(y) if model.layout.side is not None else ops.quantize(y, medians)
    if model.layout.side is not None:
        z = run(y, method="hyper_analysis")
        z_hat = ops.quantize(z, medians)
        found |= {"h_a": (y, z), "h_s": (z_hat, run(z_hat, method="hyper_synthesis"))}
    return jax.tree.map(np.asarray, found | {"g_s": (y_hat, run(y_hat, method="synthesis"))})


def run_stablehlo(folder, inputs, tmp_path):
    np.savez(tmp_path / "inputs.npz", **inputs)
    paths = [str(path) for path in (folder, tmp_path / "inputs.npz", tmp_path / "outputs.npz")]
    command = [sys.executable, "-P", "-c", RUN, *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return dict(np.load(tmp_path / "outputs.npz"))


def run_onnx(folder, inputs, tmp_path):
    import onnxruntime

    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    found = {}
    for name, x in inputs.items():
        stage = stages[name.split("/")[0]]
        session = onnxruntime.InferenceSession(folder / stage["file"])
        (found[name],) = session.run([stage["output"]["name"]], {stage["input"]["name"]: x})
    return found


@pytest.mark.parametrize(
    ("architecture", "format"),
    [
        pytest.param(name, format, marks=[] if name == FAST[format] else pytest.mark.slow)
        for name in COMPRESSAI
        for format in jc.export.FORMATS
    ],
)
def test_every_stage_gives_the_models_numbers_at_any_size(golden_of, tmp_path, architecture, format):
    if format == "onnx":
        pytest.importorskip("onnxruntime", reason="it runs ONNX files, and is installed with what makes them")
    case = golden_of(architecture)
    manifest = jc.export.export(case.weights, tmp_path / "out", format=format)
    expected = {
        f"{stage}/{i}": pair
        for i, x in enumerate(photographs(case))
        for stage, pair in signals(case.weights, x).items()
    }
    assert manifest["stages"].keys() == {name.split("/")[0] for name in expected}
    run = {"stablehlo": run_stablehlo, "onnx": run_onnx}[format]
    found = run(tmp_path / "out", {name: pair[0] for name, pair in expected.items()}, tmp_path)
    for name, (_, y) in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], y, rtol=0, atol=TOLERANCE[format] * y.std(), err_msg=name)


def test_the_manifest_says_what_the_files_are(golden_of, tmp_path):
    weights = golden_of("mbt2018-mean").weights
    manifest = jc.export.export(weights, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    assert manifest["architecture"] == "mbt2018-mean"
    assert (manifest["n"], manifest["m"], manifest["stride"], manifest["layout"]) == (24, 32, 64, "NHWC")
    assert manifest["metadata"] == weights.metadata
    assert weights.fingerprints().items() <= manifest.items()
    np.testing.assert_array_equal(
        np.float32(manifest["medians"]["z"]), bottleneck_medians(weights.params["entropy_bottleneck"])
    )
    shapes = {
        name: [(stage[end]["name"], *stage[end]["shape"]) for end in ("input", "output")]
        for name, stage in manifest["stages"].items()
    }
    assert shapes == {
        "g_a": [("x", "b", "64*h", "64*w", 3), ("y", "b", "4*h", "4*w", 32)],
        "h_a": [("y", "b", "4*h", "4*w", 32), ("z", "b", "h", "w", 24)],
        "h_s": [("z_hat", "b", "h", "w", 24), ("hyper", "b", "4*h", "4*w", 64)],
        "g_s": [("y_hat", "b", "4*h", "4*w", 32), ("x_hat", "b", "64*h", "64*w", 3)],
    }
    assert [stage["part"] for stage in manifest["stages"].values()] == ["encoder"] * 2 + ["decoder"] * 2
    assert "integer networks" in manifest["stages"]["h_s"]["note"]
    for stage in manifest["stages"].values():
        data = (tmp_path / "out" / stage["file"]).read_bytes()
        assert (stage["bytes"], stage["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("architecture", "y_hat", "hyper"),
    [
        ("bmshj2018-factorized", "round(y - median) + median", None),
        ("bmshj2018-hyperprior", "round(y)", "its scale (M channels)"),
        ("mbt2018-mean", "round(y - mean) + mean", "its scale (M channels), then its mean (M channels)"),
        ("mbt2018", "round(y - mean) + mean", "beside the context"),
    ],
)
def test_the_manifest_says_how_latents_are_rounded(golden_of, architecture, y_hat, hyper):
    stages = {stage.name: stage for stage in jc.export.stages_of(golden_of(architecture).weights)}
    assert stages["g_s"].input.values.endswith(y_hat)
    if hyper is not None:
        assert stages["h_s"].output.values.endswith(hyper)


def test_a_file_made_on_a_cpu_suits_other_devices():
    weights = jc.zoo.load()
    (stage,) = jc.export.stages_of(weights, names=["g_s"])
    exported = jax.export.deserialize(bytearray(jc.export.stablehlo.to_stablehlo(stage)))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert "precision = [HIGHEST, HIGHEST]" in exported.mlir_module()
    # Winograd's form, which a codec takes on CPUs, is a loop over strips.
    variables = Variables(weights.model(), weights.params, winograd=True).synthesis
    prepared = jax.jit(functools.partial(weights.model().apply, variables, method="synthesis"))
    y_hat = jax.ShapeDtypeStruct((1, 4, 4, weights.m), np.float32)
    assert "stablehlo.while" in prepared.lower(y_hat).as_text()
    assert "stablehlo.while" not in exported.mlir_module()


def test_sides_that_do_not_divide_are_refused(golden_of):
    (stage,) = jc.export.stages_of(golden_of("mbt2018-mean").weights, names=["g_a"])
    call = jax.export.deserialize(bytearray(jc.export.stablehlo.to_stablehlo(stage))).call
    with pytest.raises(ValueError, match="64"):
        call(np.zeros((1, 100, 64, 3), np.float32))


def test_a_model_of_ones_own_exports(golden_of, tmp_path):
    weights = golden_of("bmshj2018-factorized").weights
    parts = weights.n, weights.m, weights.params, weights.tables
    with pytest.raises(ValueError, match="model="):
        jc.Weights("own", *parts)
    own = jc.Weights("own", *parts, module=weights.model().clone(compute_dtype=jnp.bfloat16))
    manifest = jc.export.export(own, tmp_path / "out")
    assert manifest["architecture"] == "own"
    data = (tmp_path / "out" / "g_s.stablehlo").read_bytes()
    y_hat = np.ones((1, 2, 3, weights.m), np.float32)
    expected = weights.model().apply(weights.variables, y_hat, method="synthesis")
    np.testing.assert_allclose(jax.export.deserialize(bytearray(data)).call(y_hat), expected, rtol=0, atol=1e-6)


class OfOneSize(nn.Module):
    """Computes with the number of rows, which is none while sizes are symbols."""

    @nn.compact
    def __call__(self, y_hat):
        return jnp.zeros((y_hat.shape[0], 16 * int(y_hat.shape[1]), 16, 3))


class ModelOfOneSize(jc.models.FactorizedPrior):
    def make_g_s(self):
        return OfOneSize()


def test_mistakes_are_told_and_leave_nothing(golden_of, tmp_path, monkeypatch):
    weights = golden_of("bmshj2018-factorized").weights
    export = functools.partial(jc.export.export, weights)
    others = {name: array for name, array in weights.params.items() if name != "g_s"}
    of_one_size = dataclasses.replace(weights, params=others, module=ModelOfOneSize(n=24, m=32))
    with pytest.raises(ValueError, match="unknown format 'tflite'; expected stablehlo or onnx"):
        export(tmp_path / "out", format="tflite")
    with pytest.raises(ValueError, match=r"bmshj2018-factorized has no stage h_a, h_s; it has g_a, g_s"):
        export(tmp_path / "out", stages=["h_s", "g_a", "h_a"])
    with pytest.raises(ValueError, match=r"g_s of bmshj2018-factorized cannot be traced .* \[b, h, w, 32\]"):
        jc.export.export(of_one_size, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export(tmp_path / "nowhere" / "out")
    with pytest.raises(FileExistsError, match="exists; give the name of a folder to be made"):
        export(tmp_path)
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxcompress\[export\]'"):
        export(tmp_path / "out", format="onnx")
    with pytest.raises(FileNotFoundError):
        write_folder(tmp_path / "out", {"a": b"a", "b/c": b"c"})
    assert not list(tmp_path.iterdir())
