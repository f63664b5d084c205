"""The arrays of a weights file, and their fingerprints."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

_FLOAT_BITS = (
    "tables/",
    "params/h_s/",
    "params/context_prediction/",
    "params/entropy_parameters/",
    "params/entropy_bottleneck/quantiles",
)


def read_weights(weights: str | Path | Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The arrays by name: as they are if arrays are given, else from a file.

    Parameters that a file holds in 16 bits count as the float32 numbers that they stand for.
    """
    if isinstance(weights, Mapping):
        return weights
    return {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in load_file(weights).items()
    }


def arrays_below(arrays: Mapping[str, np.ndarray], folder: str) -> dict[str, np.ndarray]:
    """Those whose names begin with a folder, such as "params/g_s/", by what follows."""
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}


def bits_fingerprint(arrays: Mapping[str, np.ndarray], entropy_mode: int) -> str:
    """Of what decides the bits, as 16 hexadecimal digits."""
    return _fingerprint(arrays, ("tables/", "integer/") if entropy_mode == 1 else _FLOAT_BITS)


def synthesis_fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    """Of g_s and the gains, which only the light model has."""
    return _fingerprint(arrays, ("params/g_s/", "params/gain/"))


def _fingerprint(arrays: Mapping[str, np.ndarray], prefixes: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        if name.startswith(prefixes):
            array = arrays[name]
            digest.update(f"{name} {array.dtype} {array.shape}\n".encode("ascii"))
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.digest()[:8].hex()
