"""Reading and writing the checkpoints themselves."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax import traverse_util

from jaxcompress.convert import architecture, keys
from jaxcompress.entropy import CodingTables, build_bottleneck_tables, build_gaussian_tables, default_scale_table
from jaxcompress.files import write_file
from jaxcompress.models import create
from jaxcompress.ops import causal_mask
from jaxcompress.weights import Weights, check_params, expected_params

# Where training programs put the state_dict in a checkpoint that holds more.
_WRAPPERS = ("state_dict", "network", "model_state_dict")
_PUBLISHED_NAME = re.compile(r"^(?P<stem>.+)-(?P<quality>[1-8])-(?P<hash>[0-9a-f]{8})\.pth\.tar$")


def from_pytorch(path: str | Path, *, metadata: Mapping[str, Any] | None = None) -> Weights:
    """Reads a CompressAI checkpoint.

    Architecture and sizes are told from the parameters. Stored coding tables are carried over unchanged, since
    streams depend on their every entry; a checkpoint without tables gets new ones. Masked context taps, which
    CompressAI may store nonzero after a training step, become zero.

    Args:
        path: `.pth` or `.pth.tar`: a state_dict, alone or under "state_dict", "network" or "model_state_dict".
        metadata: stored with the weights; quality and metric of a published file are read from its name.

    Returns:
        The weights.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: PyTorch is missing.
        ValueError: it is no checkpoint, or keys are unknown, missing or of a wrong shape (the error names them).
    """
    torch = _import_torch()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file it cannot read
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is no PyTorch checkpoint that loads with weights_only: {reason}") from error
    state = _unwrap(checkpoint, path)
    arrays = {key: value.detach().numpy() for key, value in state.items() if isinstance(value, torch.Tensor)}
    if len(arrays) < len(state):
        others = sorted(str(key) for key in set(state) - set(arrays))
        raise ValueError(f"{path} holds entries that are no tensors: {', '.join(others[:5])}")
    known: dict[str, Any] = {"source": path.name}
    if name := _PUBLISHED_NAME.match(path.name):
        known |= {"quality": int(name["quality"]), "metric": "ms-ssim" if "ms-ssim" in name["stem"] else "mse"}
    return from_state_dict(arrays, metadata={**known, **(metadata or {})})


def from_state_dict(state: Mapping[str, np.ndarray], *, metadata: Mapping[str, Any] | None = None) -> Weights:
    """Converts a state_dict whose values are NumPy arrays; see `from_pytorch`.

    Args:
        state: arrays by CompressAI key, of any of its generations.
        metadata: stored with the weights.

    Returns:
        The weights.

    Raises:
        ValueError: keys are unknown, missing or of a wrong shape (the error names them).
    """
    state = {keys.current_key(key): value for key, value in state.items()}
    name, n, m = architecture.infer(state)
    params: dict[str, np.ndarray] = {}
    stored: dict[str, dict[str, np.ndarray]] = {}
    unknown = []
    expected = expected_params(create(name, n=n, m=m))
    for key, value in state.items():
        path = keys.param_path(key)
        if table := keys.table_key(key):
            stored.setdefault(table[0], {})[table[1]] = value
        elif path in expected:
            params[path] = keys.to_ours(path, np.asarray(value, np.float32))
        elif not keys.is_derived(key):
            unknown.append(key)
    if unknown:
        raise ValueError(f"keys that {name} (n={n}, m={m}) does not have: {', '.join(sorted(unknown))}")
    if missing := sorted(keys.param_key(path) for path in set(expected) - set(params)):
        raise ValueError(f"keys that {name} (n={n}, m={m}) needs are missing: {', '.join(missing)}")
    if (kernel := params.get("context_prediction/kernel")) is not None:
        params["context_prediction/kernel"] = kernel * causal_mask(kernel.shape[0])[:, :, None, None]
    tree = traverse_util.unflatten_dict(params, sep="/")
    weights = Weights(name, n, m, tree, _tables(name, n, m, tree, stored), metadata or {})
    check_params(weights)
    return weights


def to_pytorch(weights: Weights, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a checkpoint that CompressAI loads and uses as it is, coding tables included.

    Args:
        weights: to be written.
        path: `.pth` or `.pth.tar`; holds the bare state_dict, as published checkpoints do.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: it exists, and `overwrite` is off.
        ImportError: PyTorch is missing.
    """
    torch = _import_torch()
    buffer = io.BytesIO()
    torch.save({key: torch.from_numpy(value) for key, value in to_state_dict(weights).items()}, buffer)
    write_file(path, buffer.getvalue(), overwrite=overwrite)


def to_state_dict(weights: Weights) -> dict[str, np.ndarray]:
    """The CompressAI state_dict of weights, as NumPy arrays: parameters, tables and derived buffers.

    Args:
        weights: to be converted.

    Returns:
        Arrays by key.
    """
    params = traverse_util.flatten_dict(dict(weights.params), sep="/")
    state = {keys.param_key(path): keys.to_theirs(path, np.asarray(value)) for path, value in params.items()}
    for model, tables in weights.tables.items():
        arrays = tables.arrays()
        state |= {f"{model}.{key}": arrays[name].copy() for key, name in keys.TABLE_NAMES.items() if name in arrays}
    return state | keys.derived_buffers(state)


def _unwrap(checkpoint: Any, path: Path) -> Mapping[str, Any]:
    for wrapper in _WRAPPERS:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(wrapper), Mapping):
            return checkpoint[wrapper]
    if not isinstance(checkpoint, Mapping):
        raise ValueError(
            f"{path} holds a {type(checkpoint).__name__}; expected a state_dict, alone or under {_WRAPPERS}"
        )
    return checkpoint


def _tables(
    name: str, n: int, m: int, params: Mapping[str, Any], stored: Mapping[str, dict]
) -> dict[str, CodingTables]:
    """The stored tables, or new ones where a checkpoint was saved before CompressAI's `update()`."""
    tables = {}
    for model in ("entropy_bottleneck", "gaussian_conditional"):
        arrays = stored.get(model, {})
        if model == "gaussian_conditional" and not create(name, n=n, m=m).has_hyperprior:
            continue
        if any(array.size for array in arrays.values()):
            try:
                tables[model] = CodingTables(**{field: np.array(array) for field, array in arrays.items()})
            except (TypeError, ValueError) as error:
                raise ValueError(f"stored tables of {model} are unusable: {error}") from error
        elif model == "entropy_bottleneck":
            tables[model] = build_bottleneck_tables(params["entropy_bottleneck"])
        else:
            tables[model] = build_gaussian_tables(default_scale_table())
    return tables


def _import_torch():
    try:
        import torch
    except ImportError as error:
        raise ImportError("converting checkpoints needs PyTorch: pip install 'jaxcompress[convert]'") from error
    return torch
