"""Weights: everything a codec needs, in one object and one file.

On disk they are a safetensors file. Tensors are named by their path, `params/g_a/0/kernel` or
`tables/gaussian_conditional/cdf`; the header entry "jaxcompress" holds JSON with the format, the architecture, its
sizes, the two fingerprints and the metadata.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy
from flax import traverse_util

from jaxcompress import recorded_outputs
from jaxcompress.entropy import CodingTables
from jaxcompress.files import write_file
from jaxcompress.integer.network import IntegerNetworks
from jaxcompress.models import ARCHITECTURES, CompressionModel, create
from jaxcompress.weights_checks import check_params, check_weights, plain
from jaxcompress.weights_header import FORMAT, HEADER_KEY, read_header


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """A trained model, ready to code pictures.

    Attributes:
        architecture: name, see `jaxcompress.models.ARCHITECTURES`.
        n: width of the transforms.
        m: channels of the latent y.
        params: nested dict of float32 arrays, as `model.init(...)["params"]`.
        tables: coding tables by entropy model, `Prior.tables` of each latent: "entropy_bottleneck" and (with a
            hyperprior) "gaussian_conditional".
        metadata: what is known of them: quality, metric, lambda, source, licence; JSON values.
        integer: the integer networks that streams are coded with, see `integer.quantize_entropy`; or None.
        module: the Flax module that the parameters belong to, if it is one of your own; or None. It is not saved.

    The arrays are made read-only, so that checks and fingerprints, which are made once, stay true. An array that can
    be written to is copied.

    Raises:
        ValueError: the parameters, tables or integer networks do not fit the architecture, or are not finite; or the
            architecture is none of `jaxcompress.models`, and there is no `module`.
    """

    architecture: str
    n: int
    m: int
    params: Mapping[str, Any]
    tables: Mapping[str, CodingTables]
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    integer: IntegerNetworks | None = None
    module: CompressionModel | None = None

    def __post_init__(self):
        """Takes arrays that nobody can change, and checks them."""
        object.__setattr__(self, "params", jax.tree.map(_frozen, plain(self.params)))
        check_weights(self)

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
            architecture: name to store; for one that is not in `models.ARCHITECTURES`, `load` needs the model again.
            model: the module that was trained.
            params: its parameters; the quantiles should be solved, see `entropy.solve_quantiles`.
            metadata: see the attribute.

        Raises:
            ValueError: the parameters are not those of the model, not float32, or not finite.
        """
        check_params(params, model)
        priors = [latent.prior for latent in model.layout.latents]
        tables = {prior.tables: prior.build_tables(params) for prior in priors}
        return cls(architecture, model.n, model.m, params, tables, metadata or {}, module=model)

    def model(self) -> CompressionModel:
        """The Flax module that these parameters fit.

        Raises:
            ValueError: the architecture is none of `jaxcompress.models`, and there is no `module`.
        """
        if self.module is not None:
            return self.module
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"{self.architecture!r} is none of {', '.join(ARCHITECTURES)}: give your own model, as model= to "
                f"jaxcompress.load or by --recipe FILE to a command"
            )
        return create(self.architecture, n=self.n, m=self.m)

    def __repr__(self) -> str:
        """One line, without the arrays."""
        return f"Weights({self.architecture}, n={self.n}, m={self.m}, metadata={dict(self.metadata)})"

    @property
    def variables(self) -> dict[str, Any]:
        """The parameters as `model.apply` takes them."""
        return {"params": self.params}

    def bits_fingerprint(self, *, integer: bool = False) -> str:
        """16 hex digits of what decides the bits of a stream: tables, and the networks that choose among them.

        Args:
            integer: those in integers, not the float ones and the medians that these need.

        Raises:
            ValueError: there are no integer networks.
        """
        return self._integer_bits_fingerprint if integer else self._float_bits_fingerprint

    @functools.cached_property
    def _integer_bits_fingerprint(self) -> str:
        return fingerprint({**_integer_arrays(self.require_integer()), **_table_arrays(self.tables)})

    @functools.cached_property
    def _float_bits_fingerprint(self) -> str:
        layout = self.model().layout
        # Everything decides bits but the networks of which the layout says otherwise.
        others = {network.name for network in layout.networks if not network.decides_bits}
        deciding = {name: array for name, array in self.params.items() if name not in others}
        for prior in (latent.prior for latent in layout.latents):
            if prior.tables in deciding:
                deciding[prior.tables] = prior.deciding(deciding[prior.tables])
        return fingerprint({**_flatten("params", deciding), **_table_arrays(self.tables)})

    def require_integer(self) -> IntegerNetworks:
        """The integer networks.

        Raises:
            ValueError: there are none.
        """
        if self.integer is None:
            raise ValueError(
                f"the weights of {self.architecture} have no integer networks. `jaxcompress convert` and "
                f"jaxcompress.integer.quantize_entropy make them for models with a hyperprior; "
                f"entropy='float' needs none"
            )
        return self.integer

    def synthesis_fingerprint(self) -> str:
        """16 hex digits of what turns decoded latents into a picture: g_s, and what it shares with other networks."""
        return self._synthesis_fingerprint

    @functools.cached_property
    def _synthesis_fingerprint(self) -> str:
        names = self.model().layout.synthesis_parameters
        return fingerprint(_flatten("params", {name: self.params[name] for name in names}))

    def fingerprints(self) -> dict[str, str]:
        """All of them, as a weights file names them."""
        found = {"bits_fingerprint": self.bits_fingerprint(), "synthesis_fingerprint": self.synthesis_fingerprint()}
        return found if self.integer is None else found | {"integer_fingerprint": self.bits_fingerprint(integer=True)}

    def rounded_to_half(self) -> "Weights":
        """The weights with parameters that 16 bits hold exactly, so that their file is half as large.

        Integer networks belong to the parameters before, and are left out: see `integer.quantize_entropy`.

        Raises:
            ValueError: a parameter is beyond the range of 16-bit floats, 65504.
        """
        with np.errstate(over="ignore"):
            params = jax.tree.map(lambda a: np.asarray(a, np.float16).astype(np.float32), dict(self.params))
        if not all(np.isfinite(array).all() for array in jax.tree.leaves(params)):
            raise ValueError(
                "a parameter is beyond 65504, which 16-bit floats do not reach; keep these weights in 32 bits"
            )
        return dataclasses.replace(self, params=params, integer=None)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the safetensors file that `load` reads.

        Where 16-bit floats hold all parameters exactly (`rounded_to_half`), they are stored so: nothing is lost.

        Args:
            path: where to.
            overwrite: replace an existing file.

        Raises:
            FileExistsError: it exists, and `overwrite` is off.
            ValueError: they are of a model of your own, and `module` is missing.
        """
        header = {
            "format": FORMAT,
            "architecture": self.architecture,
            "n": self.n,
            "m": self.m,
            **self.fingerprints(),
            "metadata": dict(self.metadata),
        }
        if recorded_outputs.is_own(model := self.model()):
            header["outputs"] = recorded_outputs.record(model, self.params)
        tensors = {**_stored(_flatten("params", self.params)), **_table_arrays(self.tables)}
        if self.integer is not None:
            tensors |= _integer_arrays(self.integer)
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        data = safetensors.numpy.save(tensors, {HEADER_KEY: json.dumps(header, sort_keys=True)})
        write_file(path, data, overwrite=overwrite)


def load(path: str | Path, *, model: CompressionModel | None = None, same_code: bool = True) -> Weights:
    """Reads weights from a safetensors file written by `Weights.save`.

    Args:
        path: the file.
        model: the module they belong to, if it is one of your own.
        same_code: off to take the parameters into a module whose code has changed, to train on with it.

    Returns:
        The weights, checked against their model and their own fingerprints.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no weights file of ours, is damaged, or does not fit its architecture; or the code of your own
            model has changed so that its networks give something else.
    """
    header = read_header(path)
    with safetensors.safe_open(path, framework="numpy") as file:
        flat = {tuple(name.split("/")): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    params = {name[1:]: _widened(array) for name, array in flat.items() if name[0] == "params"}
    integer = {"/".join(name[1:]): array for name, array in flat.items() if name[0] == "integer"}
    tables: dict[str, dict[str, np.ndarray]] = {}
    try:
        for name, array in flat.items():
            if name[0] == "tables" and len(name) == 3:
                tables.setdefault(name[1], {})[name[2]] = array
            elif name[0] not in ("params", "integer"):
                raise ValueError(f"there is no place for a tensor named {'/'.join(name)}")
        weights = Weights(
            header["architecture"],
            header["n"],
            header["m"],
            traverse_util.unflatten_dict(params),
            {name: CodingTables(**arrays) for name, arrays in tables.items()},
            header["metadata"],
            IntegerNetworks.from_arrays(integer) if integer else None,
            module=model,
        )
        if {name: value for name, value in header.items() if name.endswith("_fingerprint")} != weights.fingerprints():
            raise ValueError("its tensors are not those it was written with: their fingerprints differ from its header")
        if same_code:
            _check_code(weights, header.get("outputs"))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path} does not hold usable weights: {error}") from error
    return weights


def _check_code(weights: Weights, recorded: dict[str, Any] | None) -> None:
    """Raises ValueError if the networks are others than those that the weights were saved with."""
    model = weights.model()
    if recorded is None:  # they were those of the package, or it is unknown
        if not recorded_outputs.is_own(model) or weights.architecture not in ARCHITECTURES:
            return
        theirs = create(weights.architecture, n=weights.n, m=weights.m)
        recorded = recorded_outputs.record(theirs, weights.params)
    try:
        recorded_outputs.check(model, recorded_outputs.record(model, weights.params), recorded)
    except ValueError as error:
        raise ValueError(f"{error}; take the code of then, or same_code=False to go on with other code") from error


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


def _stored(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters as they are stored: in 16 bits if these hold all of them exactly."""
    with np.errstate(over="ignore"):
        half = {name: array.astype(np.float16) for name, array in params.items()}
    exact = all(np.array_equal(half[name], array) for name, array in params.items())
    return half if exact else params


def _widened(array: np.ndarray) -> np.ndarray:
    """A parameter as it is computed with: in 32 bits."""
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _frozen(array: Any) -> np.ndarray:
    """The array, read-only; a copy unless it is so already, as in weights that are made of other weights."""
    if isinstance(array, np.ndarray) and array.flags.owndata and not array.flags.writeable:
        return array
    array = np.array(array)
    array.setflags(write=False)
    return array


def _flatten(prefix: str, tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    flat = traverse_util.flatten_dict({prefix: dict(tree)}, sep="/")
    return {name: np.asarray(array) for name, array in flat.items()}


def _table_arrays(tables: Mapping[str, CodingTables]) -> dict[str, np.ndarray]:
    return _flatten("tables", {name: table.arrays() for name, table in tables.items()})


def _integer_arrays(networks: IntegerNetworks) -> dict[str, np.ndarray]:
    return {f"integer/{path}": array for path, array in networks.arrays().items()}
