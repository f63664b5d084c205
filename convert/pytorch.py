"""Reading and writing the checkpoints themselves."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcompress.convert.state_dict import from_state_dict, to_state_dict
from jaxcompress.files import write_file
from jaxcompress.integer import UnsupportedNetworkError, quantize_entropy
from jaxcompress.weights import Weights

# Where training programs put the state_dict in a checkpoint that holds more.
_WRAPPERS = ("state_dict", "network", "model_state_dict")
_PUBLISHED_NAME = re.compile(r"^(?P<stem>.+)-(?P<quality>[1-8])-(?P<hash>[0-9a-f]{8})\.pth\.tar$")


def from_pytorch(path: str | Path, *, metadata: Mapping[str, Any] | None = None, integer: bool = True) -> Weights:
    """Reads a CompressAI checkpoint.

    Architecture and sizes are told from the parameters. Stored coding tables are carried over unchanged, since
    streams depend on their every entry; a checkpoint without tables gets new ones. Masked context taps, which
    CompressAI may store nonzero after a training step, become zero.

    Args:
        path: `.pth` or `.pth.tar`: a state_dict, alone or under "state_dict", "network" or "model_state_dict".
        metadata: stored with the weights; quality and metric of a published file are read from its name.
        integer: make the integer networks that `.jxc` files are coded with, which takes some seconds. Save the weights
            then: networks made on another machine may be others, and a file decodes with those it was written with.

    Returns:
        The weights.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: PyTorch is missing.
        UnsupportedNetworkError: it has no integer networks, see `integer.quantize_entropy`.
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
    arrays = {key: _to_numpy(key, value, torch) for key, value in _unwrap(checkpoint, path).items()}
    known: dict[str, Any] = {"source": path.name}
    if name := _PUBLISHED_NAME.match(path.name):
        known |= {"quality": int(name["quality"]), "metric": "ms-ssim" if "ms-ssim" in name["stem"] else "mse"}
    weights = from_state_dict(arrays, metadata={**known, **(metadata or {})})
    if not integer or not weights.model().layout.decides_by_networks:
        return weights
    try:
        return quantize_entropy(weights)
    except UnsupportedNetworkError as error:
        raise UnsupportedNetworkError(f"{path}: {error}. With integer=False it converts without them") from error


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


def _unwrap(checkpoint: Any, path: Path) -> Mapping[str, Any]:
    for wrapper in _WRAPPERS:
        if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get(wrapper), Mapping):
            return checkpoint[wrapper]
    if not isinstance(checkpoint, Mapping):
        raise ValueError(
            f"{path} holds a {type(checkpoint).__name__}; expected a state_dict, alone or under {_WRAPPERS}"
        )
    return checkpoint


def _to_numpy(key: Any, value: Any, torch: Any) -> np.ndarray:
    if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
        raise ValueError(f"the checkpoint's entry {key!r} is a {type(value).__name__}; expected a plain tensor")
    return (value.float() if value.dtype in (torch.float16, torch.bfloat16) else value).detach().numpy()


def _import_torch():
    try:
        import torch
    except ImportError as error:
        raise ImportError("converting checkpoints needs PyTorch: pip install 'jaxcompress[convert]'") from error
    return torch
