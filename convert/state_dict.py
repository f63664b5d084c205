"""State_dicts, as NumPy arrays by CompressAI's keys, to weights and back. No PyTorch here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import traverse_util

from jaxcompress.convert import architecture, keys
from jaxcompress.entropy import CodingTables, build_gaussian_tables
from jaxcompress.models import create
from jaxcompress.ops import causal_mask
from jaxcompress.priors import Prior
from jaxcompress.weights import Weights
from jaxcompress.weights_checks import check_params, expected_params


def from_state_dict(state: Mapping[str, np.ndarray], *, metadata: Mapping[str, Any] | None = None) -> Weights:
    """Converts a state_dict whose values are NumPy arrays; see `from_pytorch`.

    Args:
        state: arrays by CompressAI key, of any of its generations.
        metadata: stored with the weights.

    Returns:
        The weights; they share no memory with `state`.

    Raises:
        ValueError: keys are unknown, missing or of a wrong shape, or a buffer that follows from the architecture has
            another value (the error names them).
    """
    state = _with_current_keys(state)
    name, n, m = architecture.infer(state)
    model = create(name, n=n, m=m)
    expected = expected_params(model)
    priors = {latent.prior.tables: latent.prior for latent in model.layout.latents}
    params, stored, others = {}, {}, {}
    for key, value in state.items():
        path, table = keys.param_path(key), keys.table_key(key)
        if path in expected:
            params[path] = keys.to_ours(path, _as_float32(key, value))
        elif table and table[0] in priors:
            stored[table] = np.asarray(value)
        else:
            others[key] = np.asarray(value)
    if missing := sorted(keys.param_key(path) for path in set(expected) - set(params)):
        raise ValueError(f"keys that {name} (n={n}, m={m}) needs are missing: {', '.join(missing)}")
    if (kernel := params.get("context_prediction/kernel")) is not None:
        params["context_prediction/kernel"] = kernel * causal_mask(kernel.shape[0])[:, :, None, None]
    tree = traverse_util.unflatten_dict(params, sep="/")
    tables = {name: _tables(name, prior, stored, tree) for name, prior in priors.items()}
    weights = Weights(name, n, m, tree, tables, metadata or {})
    _check_derived(others, weights)
    return weights


def to_state_dict(weights: Weights) -> dict[str, np.ndarray]:
    """The CompressAI state_dict of weights, as NumPy arrays: parameters, tables and derived buffers.

    Args:
        weights: to be converted.

    Returns:
        Arrays by key.

    Raises:
        ValueError: they are of no architecture that CompressAI has.
    """
    check_params(weights.params, create(weights.architecture, n=weights.n, m=weights.m))
    params = traverse_util.flatten_dict(dict(weights.params), sep="/")
    state = {keys.param_key(path): keys.to_theirs(path, value) for path, value in params.items()}
    for model, tables in weights.tables.items():
        arrays = tables.arrays()
        state |= {f"{model}.{key}": arrays[name].copy() for key, name in keys.TABLE_NAMES.items() if name in arrays}
    return state | keys.derived_buffers(state)


def _with_current_keys(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    current: dict[str, np.ndarray] = {}
    for key, value in state.items():
        name = keys.current_key(key)
        if name in current:
            raise ValueError(f"{name} is there twice, under this name and an older one: {key}")
        current[name] = value
    return current


def _as_float32(key: str, value: np.ndarray) -> np.ndarray:
    """A parameter in float32; half precision is widened, anything that would lose digits is refused."""
    value = np.asarray(value)
    if value.dtype not in (np.float32, np.float16):
        raise ValueError(f"{key} is {value.dtype}; expected float32, or half precision, which fits into it")
    return value.astype(np.float32)


def _tables(
    name: str, prior: Prior, stored: Mapping[tuple[str, str], np.ndarray], params: Mapping[str, Any]
) -> CodingTables:
    """The stored tables, or new ones if the checkpoint was saved before CompressAI's `update()`."""
    if found := _stored_tables(stored, name):
        return found
    scales = stored.get((name, "scale_table"), np.zeros(0))
    return build_gaussian_tables(scales) if scales.size else prior.build_tables(params)


def _stored_tables(stored: Mapping[tuple[str, str], np.ndarray], model: str) -> CodingTables | None:
    arrays = {field: array for (owner, field), array in stored.items() if owner == model}
    if not any(array.size for field, array in arrays.items() if field != "scale_table"):
        return None
    try:
        return CodingTables(**arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"stored tables of {model} are unusable: {error}") from error


def _check_derived(others: Mapping[str, np.ndarray], weights: Weights) -> None:
    """Raises if what is neither parameter nor table is anything but a buffer with the value it has to have."""
    derived = keys.derived_buffers(to_state_dict(weights))
    if unknown := sorted(set(others) - set(derived)):
        raise ValueError(
            f"keys that {weights.architecture} (n={weights.n}, m={weights.m}) does not have: {', '.join(unknown)}"
        )
    for key, value in others.items():  # tolerances that half precision meets
        expected = derived[key]
        if value.size != expected.size or not np.allclose(value.ravel(), expected.ravel(), rtol=1e-2, atol=1e-8):
            raise ValueError(
                f"{key} has other values than {weights.architecture} has (the first is {value.ravel()[:1]}, expected "
                f"{expected.ravel()[:1]}): a model that was changed this way is not supported"
            )
