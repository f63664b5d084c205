"""A folder with a model's stages, and a manifest that says what they are."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import jaxcompress
from jaxcompress.export import onnx, stablehlo
from jaxcompress.export.stages import Signal, Stage, stages_of
from jaxcompress.files import check_new_folder, write_folder
from jaxcompress.weights import Weights

FORMATS = ("stablehlo", "onnx")

_MANIFEST_FORMAT = 2

_FLOAT_ENTROPY_NETWORK = (
    "The network in floating point, as it was trained: for research, and for what CompressAI does. The tables and "
    "means of .jxc files come from integer networks, which the weights file holds (except with --entropy float)."
)


def export(
    weights: Weights,
    folder: str | Path,
    *,
    format: str = "stablehlo",
    stages: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Writes the stages of a model, one file for each, and `manifest.json`.

    Args:
        weights: of the model.
        folder: to be made; appears whole or not at all.
        format: "stablehlo" or "onnx".
        stages: those wanted, such as "g_s"; all that the model has if not given.

    Returns:
        The manifest.

    Raises:
        FileExistsError: there is something of that name.
        FileNotFoundError: there is no folder to make it in.
        ImportError: "onnx", and jax2onnx is missing.
        ValueError: an unknown format, or a stage that the model does not have.

    Example:
        export(load("photo.safetensors"), "photo", stages=["g_s"])
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; expected {' or '.join(FORMATS)}")
    check_new_folder(folder)
    wanted = stages_of(weights, names=stages)
    if format == "onnx":
        data = {stage.name: onnx.to_onnx(stage, name=f"{weights.architecture} {stage.name}") for stage in wanted}
        suffix, facts = onnx.SUFFIX, onnx.facts()
    else:
        data = {stage.name: stablehlo.to_stablehlo(stage) for stage in wanted}
        suffix, facts = stablehlo.SUFFIX, stablehlo.facts()
    model = weights.model()
    manifest = {
        "format": _MANIFEST_FORMAT,
        "files": {"kind": format, **facts},
        "jaxcompress": jaxcompress.__version__,
        "architecture": weights.architecture,
        "n": weights.n,
        "m": weights.m,
        "metadata": dict(weights.metadata),
        **weights.fingerprints(),
        "stride": model.stride,
        "layout": "NHWC",
        "type": "float32",
        "sizes": {
            "b": "number of pictures",
            "h": f"height of a picture / {model.stride}",
            "w": f"width of a picture / {model.stride}",
        },
        "medians": _medians(weights),
        "settings": {
            each.name: {"low": each.low, "high": each.high, "count": each.count, "default": each.default}
            for each in model.layout.settings
        },
        "prior": type(model.layout.last.prior).__name__,
        "stages": {stage.name: _describe(stage, data[stage.name], suffix) for stage in wanted},
    }
    files = {stage.name + suffix: data[stage.name] for stage in wanted}
    write_folder(folder, {**files, "manifest.json": (json.dumps(manifest, indent=2) + "\n").encode()})
    return manifest


def _medians(weights: Weights) -> dict[str, list[float]]:
    """The medians of latents that are counted from such, by name."""
    latents = weights.model().layout.latents
    found = {latent.name: latent.prior.medians(weights.params) for latent in latents}
    return {name: np.asarray(medians).tolist() for name, medians in found.items() if medians is not None}


def _describe(stage: Stage, data: bytes, suffix: str) -> dict[str, Any]:
    found = {
        "file": stage.name + suffix,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "part": "decoder" if stage.decodes else "encoder",
        "inputs": [_describe_signal(signal) for signal in stage.inputs],
        "outputs": [_describe_signal(signal) for signal in stage.outputs],
    }
    return found | ({"note": _FLOAT_ENTROPY_NETWORK} if stage.decides_bits else {})


def _describe_signal(signal: Signal) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else str(size) for size in signal.shape]
    return {"name": signal.name, "shape": shape, "values": signal.values}
