"""What z tells of y, computed as a file's entropy mode says."""

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jaxcompress.codec import stages
from jaxcompress.integer import IntegerEvaluator, IntegerNetworks
from jaxcompress.models import CompressionModel


class Hyperprior(Protocol):
    """From symbols of z, int32 `[h / 4, w / 4, N]`, to what the coder needs of y."""

    def __call__(self, z_symbols: np.ndarray) -> Any:
        """Side information `[h, w, X]` of autoregressive models; else indexes and means (or None) `[h, w, M]`."""
        ...

    def checksum(self, parameters: Any) -> int:
        """32 bits of what a call returned, for a decoder to compare; or 0."""
        ...


class FloatHyperprior:
    """By the floating-point networks.

    Encoder and decoder both come here with a single picture, so that both run the same compiled program.

    Args:
        model: the module.
        variables: its parameters, on the device, as `model.apply` takes them.
        scale_table: the scales of the tables.
        medians: float32 `[N]`, of z.
    """

    def __init__(
        self, model: CompressionModel, variables: Mapping[str, Any], scale_table: tuple[float, ...], medians: np.ndarray
    ):
        self._model = model
        self._variables = variables
        self._scale_table = scale_table
        self._medians = medians

    def __call__(self, z_symbols: np.ndarray) -> Any:
        """See `Hyperprior`."""
        hyper = stages.side_information(self._model, self._scale_table, self._variables, self._z_hat(z_symbols))
        return jax.tree.map(lambda a: np.asarray(a[0]), hyper)

    def checksum(self, parameters: Any) -> int:
        """None: another device computes other bits."""
        return 0

    def scales(self, z_symbols: np.ndarray) -> np.ndarray:
        """The scales `[h, w, M]` that the indexes come from."""
        return np.asarray(stages.scales(self._model, self._variables, self._z_hat(z_symbols))[0])

    def _z_hat(self, z_symbols: np.ndarray) -> np.ndarray:
        return (z_symbols.astype(np.float32) + self._medians)[None]


class IntegerHyperprior:
    """By integer networks, the same on every device."""

    def __init__(self, networks: IntegerNetworks):
        self._evaluator = IntegerEvaluator(networks)

    def __call__(self, z_symbols: np.ndarray) -> Any:
        """See `Hyperprior`. Means are exact: multiples of 1/64."""
        found = self._evaluator.hyper_synthesis(z_symbols)
        if isinstance(found, np.ndarray):
            return found
        return found.indexes, None if found.means is None else found.means.astype(np.float32) / np.float32(64)

    def checksum(self, parameters: Any) -> int:
        """CRC-32 of the indexes, then of the means in 64ths as int32; or of the side information, int32."""
        if isinstance(parameters, np.ndarray):
            return zlib.crc32(parameters.astype("<i4").tobytes())
        indexes, means = parameters
        found = zlib.crc32(indexes.tobytes())
        return found if means is None else zlib.crc32((means * 64).astype("<i4").tobytes(), found)
