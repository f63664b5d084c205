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

import jaxcompress as jc
from jaxcompress import ops
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec.variables import Variables
from jaxcompress.entropy import bottleneck_medians
from jaxcompress.files import write_folder
from jaxcompress.priors import Phases

# A process of its own, which has the files and JAX, and nothing of ours.
RUN = """
import json, sys
from pathlib import Path
import jax, numpy as np
folder, inputs, outputs = map(Path, sys.argv[1:])
stages = json.loads((folder / "manifest.json").read_text())["stages"]
arrays, found = dict(np.load(inputs)), {}
for case in sorted({name.rpartition("/")[0] for name in arrays}):
    stage = stages[case.split("/")[0]]
    data = (folder / stage["file"]).read_bytes()
    given = [arrays[f"{case}/{signal['name']}"] for signal in stage["inputs"]]
    made = jax.tree.leaves(jax.export.deserialize(bytearray(data)).call(*given))
    found |= {f"{case}/{signal['name']}": array for signal, array in zip(stage["outputs"], made, strict=True)}
np.savez(outputs, **found)
assert not any(name.startswith(("jaxcompress", "flax")) for name in sys.modules)
"""
FAST = {"stablehlo": ["mbt2018-mean"], "onnx": ["bmshj2018-factorized", "light"]}
# In standard deviations: the same compiler, and another library that sums thousands of products in its own order.
TOLERANCE = {"stablehlo": 1e-5, "onnx": 5e-5}
# One for each of the three photographs: the ends, and a rate between two rows of the tables.
RATES = np.array([1.3], np.float32), np.array([-2, 6], np.float32)


def photographs(case):
    """Two batches of unlike shapes: one picture of 128 x 64, and two of 64 x 128."""
    x = case.x[0]
    return x[None, :128, :64], np.stack([x[:64, :128], x[-64:, -128:]])


def signals(weights, x, settings):
    """The inputs and the outputs of each stage for pictures `x`, by name, by the model itself."""
    model, layout = weights.model(), weights.model().layout
    found = {}

    def run(stage, inputs, outputs, method):
        def apply(*arrays, **settings):
            return model.apply(weights.variables, *arrays, method=method, **settings)

        made = jax.tree.leaves(jax.jit(apply)(*inputs.values(), **settings))
        made = dict(zip(outputs, map(np.asarray, made), strict=True))
        found[stage] = jax.tree.map(np.asarray, inputs | settings), made
        return made[outputs[0]]

    medians = layout.latents[0].prior.medians(weights.params)
    y = run("g_a", {"x": x}, ["y"], "analysis")
    y_hat = ops.quantize(y) if layout.side is not None else ops.quantize(y, medians)
    if layout.side is not None:
        z_hat = ops.quantize(run("h_a", {"y": y}, ["z"], "hyper_analysis"), medians)
        hyper = run("h_s", {"z_hat": z_hat}, ["hyper"], "hyper_synthesis")
    if isinstance(layout.last.prior, Phases):
        y_hat = np.zeros_like(y)
        for number, mask in enumerate(layout.last.prior.passes(y.shape[1:])):
            inputs = {"hyper": hyper, "y_hat": y_hat.copy()}

            def method(module, hyper, y_hat, number=number, **settings):
                return module.light_parameters(hyper, y_hat, number, **settings)

            run(f"pass_{number}", inputs, ["scales", "means"], method)
            means = found[f"pass_{number}"][1]["means"]
            y_hat[:, mask] = np.asarray(ops.quantize(y, means))[:, mask]
    run("g_s", {"y_hat": y_hat}, ["x_hat"], "synthesis")
    return found


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
    for case in {name.rpartition("/")[0] for name in inputs}:
        stage = stages[case.split("/")[0]]
        session = onnxruntime.InferenceSession(folder / stage["file"])
        given = {signal["name"]: inputs[f"{case}/{signal['name']}"] for signal in stage["inputs"]}
        names = [signal["name"] for signal in stage["outputs"]]
        found |= {f"{case}/{name}": array for name, array in zip(names, session.run(names, given), strict=True)}
    return found


@pytest.mark.parametrize(
    ("architecture", "format"),
    [
        pytest.param(name, format, marks=[] if name in FAST[format] else pytest.mark.slow)
        for name in (*COMPRESSAI, "light")
        for format in jc.export.FORMATS
    ],
)
def test_every_stage_gives_the_models_numbers_at_any_size(golden_of, tmp_path, architecture, format):
    if format == "onnx":
        pytest.importorskip("onnxruntime", reason="it runs ONNX files, and is installed with what makes them")
    case = golden_of("mbt2018-mean" if architecture == "light" else architecture)
    weights = jc.zoo.load("light") if architecture == "light" else case.weights
    manifest = jc.export.export(weights, tmp_path / "out", format=format)
    inputs, expected = {}, {}
    for number, x in enumerate(photographs(case)):
        settings = {setting.name: RATES[number] for setting in weights.model().layout.settings}
        for stage, (given, made) in signals(weights, x, settings).items():
            inputs |= {f"{stage}/{number}/{name}": array for name, array in given.items()}
            expected |= {f"{stage}/{number}/{name}": array for name, array in made.items()}
    assert manifest["stages"].keys() == {name.split("/")[0] for name in expected}
    run = {"stablehlo": run_stablehlo, "onnx": run_onnx}[format]
    found = run(tmp_path / "out", inputs, tmp_path)
    assert found.keys() == expected.keys()
    for name, y in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], y, rtol=0, atol=TOLERANCE[format] * y.std(), err_msg=name)
    if format == "onnx":
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail

        odd = {"g_a/0/x": inputs["g_a/0/x"][:, :-1]} | {name: inputs[name] for name in inputs if name == "g_a/0/rate"}
        with pytest.raises(Fail, match="cannot be reshaped"):
            run_onnx(tmp_path / "out", odd, tmp_path)


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
        name: [(signal["name"], *signal["shape"]) for end in ("inputs", "outputs") for signal in stage[end]]
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
    assert stages["g_s"].inputs[0].values.endswith(y_hat)
    if hyper is not None:
        assert stages["h_s"].outputs[0].values.endswith(hyper)


def test_the_passes_of_a_prior_are_stages_with_the_settings_as_inputs():
    weights = jc.zoo.load("light")
    names = ["g_a", "h_a", "h_s", "pass_0", "pass_1", "pass_2", "pass_3", "g_s"]
    stages = {stage.name: stage for stage in jc.export.stages_of(weights)}
    assert list(stages) == names
    assert [stage.decides_bits for stage in stages.values()] == [False] * 2 + [True] * 5 + [False]
    assert [str(signal.shape) for stage in stages.values() for signal in stage.inputs[-1:]] == ["(b,)"] * 8
    (stage,) = jc.export.stages_of(weights, names=["pass_2"])
    assert [signal.name for signal in stage.inputs] == ["hyper", "y_hat", "rate"]
    assert [signal.name for signal in stage.outputs] == ["scales", "means"]
    assert stage.inputs[-1].values == "-2.0 to 6.0"


class TwoPasses(jc.priors.Checkerboard):
    def parameters(self, model, known, y_hat, number, **settings):
        return model.gaussian_parameters(known)[0] + number + y_hat, None


class ModelOfTwoPasses(jc.models.MeanScaleHyperprior):
    def make_prior(self):
        return TwoPasses()


def test_a_prior_of_ones_own_has_stages_too(golden_of):
    weights = golden_of("mbt2018-mean").weights
    own = dataclasses.replace(weights, module=ModelOfTwoPasses(n=24, m=32))
    stages = {stage.name: stage for stage in jc.export.stages_of(own)}
    assert list(stages) == ["g_a", "h_a", "h_s", "pass_0", "pass_1", "g_s"]
    hyper, y_hat = np.full((1, 4, 8, 64), 3, np.float32), np.full((1, 4, 8, 32), 2, np.float32)
    data = jc.export.stablehlo.to_stablehlo(stages["pass_1"])
    scales = jax.export.deserialize(bytearray(data)).call(hyper, y_hat)
    np.testing.assert_array_equal(scales, np.full((1, 4, 8, 32), 3 + 1 + 2))


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


class ModelOfOneSize(jc.models.FactorizedPrior):
    def synthesis(self, y_hat):
        """Computes with the number of rows, which is none while sizes are symbols."""
        return super().synthesis(y_hat) * int(y_hat.shape[1])


def test_mistakes_are_told_and_leave_nothing(golden_of, tmp_path, monkeypatch):
    weights = golden_of("bmshj2018-factorized").weights
    export = functools.partial(jc.export.export, weights)
    with pytest.raises(ValueError, match="unknown format 'tflite'; expected stablehlo or onnx"):
        export(tmp_path / "out", format="tflite")
    with pytest.raises(ValueError, match=r"bmshj2018-factorized has no stage h_a, h_s; it has g_a, g_s"):
        export(tmp_path / "out", stages=["h_s", "g_a", "h_a"])
    with pytest.raises(ValueError, match=r"g_s of bmshj2018-factorized cannot be traced .* \[b, h, w, 32\]"):
        jc.export.export(dataclasses.replace(weights, module=ModelOfOneSize(n=24, m=32)), tmp_path / "out")
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
