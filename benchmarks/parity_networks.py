"""Parity of network stages and of checkpoints."""

import functools
from pathlib import Path

import jax
import numpy as np
import torch
from reference import Coded, Reference
from report import Checks

import jaxcompress
from jaxcompress import convert
from jaxcompress.convert import keys

STAGE_LIMIT, PICTURE_LIMIT = 1e-5, 2e-5
DEEP_STAGE_LIMIT, DEEP_PICTURE_LIMIT = 3e-5, 5e-5  # cheng2020 has several times the layers

METHODS = {
    "g_a": "analysis",
    "h_a": "hyper_analysis",
    "h_s": "hyper_synthesis",
    "context_prediction": lambda model, value: model.context_prediction(value),
    "entropy_parameters": lambda model, value: model.entropy_parameters(value),
    "g_s": "synthesis",
}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _apply(model, stage, params, value):
    return model.apply({"params": params}, value, method=METHODS[stage])


def apply_stage(weights: jaxcompress.Weights, stage: str, value: np.ndarray) -> np.ndarray:
    """One stage of our model, by CompressAI's name."""
    return np.asarray(_apply(weights.model(), stage, dict(weights.params), value))


def compare_stages(checks: Checks, name: str, weights: jaxcompress.Weights, theirs: Coded) -> dict:
    """Error of each stage, relative to its largest output, and of the picture, absolute."""
    deep = weights.architecture.startswith("cheng2020")
    row = {"network": name}
    for stage in METHODS:
        if f"{stage}/input" not in theirs.arrays:
            row[stage] = None
            continue
        expected = theirs.arrays[f"{stage}/output"]
        error = np.abs(apply_stage(weights, stage, theirs.arrays[f"{stage}/input"]) - expected).max()
        row[stage] = float(error / np.abs(expected).max())
        checks.at_most(name, f"{stage}: error / largest output", row[stage], DEEP_STAGE_LIMIT if deep else STAGE_LIMIT)
    row |= {"x_hat (absolute)": float(error), "x_hat from": float(expected.min()), "to": float(expected.max())}
    checks.at_most(name, "x_hat of g_s: absolute error", error, DEEP_PICTURE_LIMIT if deep else PICTURE_LIMIT)
    return row


def compare_checkpoints(
    checks: Checks, name: str, reference: Reference, checkpoint: Path, weights, x: np.ndarray, theirs: Coded
) -> dict:
    """Takes a checkpoint there and back, and has CompressAI use the result."""
    original = torch.load(checkpoint, weights_only=True)
    stored = {keys.table_key(key): value.numpy() for key, value in original.items() if keys.table_key(key)}
    tables_kept = len(stored) == (7 if weights.model().layout.side is not None else 3) and all(
        np.array_equal(weights.tables[model].arrays()[field], value) for (model, field), value in stored.items()
    )
    back = reference.folder / "back.pth.tar"
    convert.to_pytorch(weights, back, overwrite=True)
    returned = torch.load(back, weights_only=True)
    if "context_prediction.mask" in original:
        original["context_prediction.weight"] *= original["context_prediction.mask"]
    unequal = set(original) ^ set(returned)
    unequal |= {key for key in set(original) & set(returned) if not _equal_tensors(original[key], returned[key])}
    again = reference.code(weights.architecture, back, x)
    row = {
        "network": name,
        "tables kept": checks.holds(name, "coding tables carried over unchanged", tables_kept),
        "tensors": len(original),
        "unequal after return": len(unequal),
        "update() of the file": again.updated,
        "CompressAI's strings": "identical" if again.strings == theirs.strings else "DIFFERENT",
    }
    checks.holds(name, f"to_pytorch(from_pytorch(f)) equals f{_listed(unequal)}", not unequal)
    checks.holds(name, "CompressAI's update() of the written file returns False", not again.updated)
    checks.holds(name, "CompressAI writes the same strings with the written file", again.strings == theirs.strings)
    return row


def _equal_tensors(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


def _listed(names) -> str:
    return f" (not: {', '.join(sorted(names)[:5])})" if names else ""
