"""Weights in 16 bits."""

import jax
import numpy as np
import pytest

from jaxcompress import load


def test_rounded_weights_are_stored_in_half_the_bytes_and_load_the_same(golden_of, tmp_path):
    whole = golden_of("bmshj2018-factorized").weights
    half = whole.rounded_to_half()
    for name, weights in (("whole", whole), ("half", half)):
        weights.save(tmp_path / f"{name}.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    parameters = sum(array.size for part in whole.params.values() for array in _arrays(part))
    assert sizes[0] - sizes[1] == pytest.approx(2 * parameters, abs=200)
    loaded = load(tmp_path / "half.safetensors")
    assert loaded.fingerprints() == half.fingerprints() != whole.fingerprints()
    assert {array.dtype for part in loaded.params.values() for array in _arrays(part)} == {np.dtype(np.float32)}


def test_parameters_beyond_the_range_are_refused(golden_of):
    import dataclasses

    weights = golden_of("bmshj2018-factorized").weights
    params = jax.tree.map(lambda array: array + np.float32(70_000), dict(weights.params))
    with pytest.raises(ValueError, match="beyond 65504"):
        dataclasses.replace(weights, params=params).rounded_to_half()


def _arrays(tree):
    return [tree] if isinstance(tree, np.ndarray) else [leaf for part in tree.values() for leaf in _arrays(part)]
