"""Weights: everything a codec needs, in one object and one file.

On disk they are a safetensors file. Tensors are named by their path, `params/g_a/0/kernel` or
`tables/gaussian_conditional/cdf`; the header entry "jaxcompress" holds JSON with the format, the architecture, its
sizes, the two fingerprints and the metadata.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from jaxcompress.entropy import CodingTables, build_bottleneck_tables, build_gaussian_tables, default_scale_table
from jaxcompress.files import write_file
from jaxcompress.models import CompressionModel, create

FORMAT = 1
_HEADER_KEY = "jaxcompress"

# Networks whose output picks the tables of a stream, and so decides its bits in float mode.
_ENTROPY_PARAMETERS = ("h_s", "context_prediction", "entropy_parameters")


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """A trained model, ready to code pictures.

    Attributes:
        architecture: name, see `jaxcompress.models.ARCHITECTURES`.
        n: width of the transforms.
        m: channels of the latent y.
        params: nested dict of float32 arrays, as `model.init(...)["params"]`.
        tables: coding tables by entropy model, "entropy_bottleneck" and (with a hyperprior) "gaussian_conditional".
        metadata: what is known of them: quality, metric, lambda, source, licence; JSON values.
    """

    architecture: str
    n: int
    m: int
    params: Mapping[str, Any]
    tables: Mapping[str, CodingTables]
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_params(
        cls,
        architecture: str,
        model: CompressionModel,
        params: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> "Weights":
        """Makes weights of freshly trained parameters: builds their coding tables.

        Args:
            architecture: name to store; a `Codec` needs `model=` for one that is not in `models.ARCHITECTURES`.
            model: the module that was trained.
            params: its parameters; the quantiles should be solved, see `entropy.solve_quantiles`.
            metadata: see the attribute.
        """
        params = jax.tree.map(np.asarray, dict(params))
        tables = {"entropy_bottleneck": build_bottleneck_tables(params["entropy_bottleneck"])}
        if model.has_hyperprior:
            tables["gaussian_conditional"] = build_gaussian_tables(default_scale_table())
        return cls(architecture, model.n, model.m, params, tables, metadata or {})

    def model(self) -> CompressionModel:
        """The Flax module that these parameters fit."""
        return create(self.architecture, n=self.n, m=self.m)

    @property
    def variables(self) -> dict[str, Any]:
        """The parameters as `model.apply` takes them."""
        return {"params": self.params}

    def bits_fingerprint(self) -> str:
        """16 hex digits of what decides the bits of a stream: tables, medians, entropy-parameter networks."""
        deciding = {name: self.params[name] for name in _ENTROPY_PARAMETERS if name in self.params}
        medians = {"entropy_bottleneck": {"quantiles": self.params["entropy_bottleneck"]["quantiles"]}}
        return fingerprint({**_flatten("params", {**deciding, **medians}), **_table_arrays(self.tables)})

    def synthesis_fingerprint(self) -> str:
        """16 hex digits of what turns decoded latents into a picture: g_s."""
        return fingerprint(_flatten("params", {"g_s": self.params["g_s"]}))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the safetensors file that `load` reads.

        Args:
            path: where to.
            overwrite: replace an existing file.

        Raises:
            FileExistsError: it exists, and `overwrite` is off.
        """
        header = {
            "format": FORMAT,
            "architecture": self.architecture,
            "n": self.n,
            "m": self.m,
            "bits_fingerprint": self.bits_fingerprint(),
            "synthesis_fingerprint": self.synthesis_fingerprint(),
            "metadata": dict(self.metadata),
        }
        tensors = {**_flatten("params", self.params), **_table_arrays(self.tables)}
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        data = safetensors.numpy.save(tensors, {_HEADER_KEY: json.dumps(header, sort_keys=True)})
        write_file(path, data, overwrite=overwrite)


def load(path: str | Path) -> Weights:
    """Reads weights from a safetensors file written by `Weights.save`.

    Args:
        path: the file.

    Returns:
        The weights, checked against the architecture they name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no weights file of ours, is damaged, or does not fit its architecture.
    """
    header = read_header(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        tensors = traverse_util.unflatten_dict({name: file.get_tensor(name) for name in file.keys()}, sep="/")  # noqa: SIM118
    try:
        tables = {name: CodingTables(**arrays) for name, arrays in tensors["tables"].items()}
        weights = Weights(
            header["architecture"], header["n"], header["m"], tensors["params"], tables, header["metadata"]
        )
        check_params(weights)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} does not hold usable weights: {error}") from error
    return weights


def read_header(path: str | Path) -> dict[str, Any]:
    """Reads what a weights file says of itself, without its tensors.

    Args:
        path: the file.

    Returns:
        The JSON header: format, architecture, n, m, bits_fingerprint, synthesis_fingerprint, metadata.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no weights file of ours, or of a newer format.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no weights file {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[_HEADER_KEY])
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is no jaxcompress weights file (a safetensors file with a {_HEADER_KEY!r} header); "
            f"`jaxcompress convert` makes one of a CompressAI checkpoint"
        ) from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} has weights format {header.get('format')!r}; this version reads format {FORMAT}")
    return header


def expected_params(model: CompressionModel) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes of a model's parameters, by path such as "g_a/0/kernel"."""
    x = jax.ShapeDtypeStruct((1, model.stride, model.stride, 3), np.float32)
    shapes = jax.eval_shape(model.init, {"params": jax.random.key(0)}, x)
    return traverse_util.flatten_dict(shapes["params"], sep="/")


def check_params(weights: Weights) -> None:
    """Raises ValueError unless parameters and tables are just those of the architecture."""
    expected = expected_params(weights.model())
    found = traverse_util.flatten_dict(dict(weights.params), sep="/")
    if missing := sorted(set(expected) - set(found)):
        raise ValueError(f"{weights.architecture} needs parameters that are missing: {', '.join(missing)}")
    if unknown := sorted(set(found) - set(expected)):
        raise ValueError(f"{weights.architecture} has no parameters {', '.join(unknown)}")
    for name, array in found.items():
        if array.shape != expected[name].shape or array.dtype != np.float32:
            raise ValueError(
                f"{name} is {array.dtype} {array.shape}; {weights.architecture} with n={weights.n}, m={weights.m} "
                f"expects float32 {expected[name].shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinite values")
    channels = weights.n if weights.model().has_hyperprior else weights.m
    if len(weights.tables["entropy_bottleneck"].cdf) != channels:
        raise ValueError(
            f"tables of entropy_bottleneck have {len(weights.tables['entropy_bottleneck'].cdf)} rows; "
            f"expected one for each of {channels} channels"
        )
    if weights.model().has_hyperprior and weights.tables["gaussian_conditional"].scale_table is None:
        raise ValueError("tables of gaussian_conditional lack their scale_table")


def fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    """The first 64 bits of SHA-256 over name, type, shape and little-endian bytes of each array, sorted by name.

    Args:
        arrays: by name.

    Returns:
        16 hex digits.
    """
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        array = np.asarray(array)
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()[:16]


def _flatten(prefix: str, tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    flat = traverse_util.flatten_dict({prefix: dict(tree)}, sep="/")
    return {name: np.asarray(array) for name, array in flat.items()}


def _table_arrays(tables: Mapping[str, CodingTables]) -> dict[str, np.ndarray]:
    return _flatten("tables", {name: table.arrays() for name, table in tables.items()})
