"""The header of a weights file: what it says of itself, read without its tensors. No JAX here."""

import json
from pathlib import Path
from typing import Any

import safetensors

FORMAT = 1
HEADER_KEY = "jaxcompress"
"""Of the JSON, among the metadata of a safetensors file."""

_TYPES = {
    "architecture": str,
    "n": int,
    "m": int,
    "bits_fingerprint": str,
    "synthesis_fingerprint": str,
    "metadata": dict,
}


def read_header(path: str | Path) -> dict[str, Any]:
    """Reads what a weights file says of itself, without its tensors.

    Args:
        path: the file.

    Returns:
        The JSON header: format, architecture, n, m, bits_fingerprint, synthesis_fingerprint, metadata; perhaps others.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no weights file of ours, or of a newer format.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no weights file {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[HEADER_KEY])
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path} is no jaxcompress weights file (a safetensors file with a {HEADER_KEY!r} header); "
            f"`jaxcompress convert` makes one of a CompressAI checkpoint"
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        given = header.get("format") if isinstance(header, dict) else header
        raise ValueError(f"{path} has weights format {given!r}; this version reads format {FORMAT}")
    for name, kind in (_TYPES | ({"outputs": dict} if "outputs" in header else {})).items():
        if not isinstance(header.get(name), kind):
            raise ValueError(f"{path} has a header whose {name} is {header.get(name)!r}; expected {kind.__name__}")
    return header
