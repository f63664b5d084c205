"""What z tells of y, computed as a file's entropy mode says."""

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jaxcompress.codec import stages
from jaxcompress.codec.tiled import Signal, TiledNetwork, WindowSizes
from jaxcompress.codec.windows import Area, coarsen, within
from jaxcompress.integer import IntegerEvaluator, IntegerNetworks
from jaxcompress.models import CompressionModel

_HYPER_LATENT = 4
"""Latents in a hyper-latent, each way."""


class Hyperprior(Protocol):
    """From symbols of z, int32 `[h / 4, w / 4, N]`, to what the coder needs of a part of y."""

    def __call__(self, z_symbols: np.ndarray, area: Area) -> Any:
        """Of an area of latents, the same whatever is asked for besides.

        Returns:
            Side information `[rows, columns, X]` of autoregressive models; else indexes and means (or None)
            `[rows, columns, M]`.
        """
        ...

    def checksum(self, parameters: Any) -> int:
        """32 bits of what a call returned, for a decoder to compare; or 0."""
        ...


class FloatHyperprior:
    """By the floating-point networks.

    Encoder and decoder both come here with the same areas, so that both run the same compiled programs on the same
    windows.

    Args:
        model: the module.
        variables: its parameters, on the device, as `model.apply` takes them.
        scale_table: the scales of the tables.
        medians: float32 `[N]`, of z.
        windows: that h_s runs on.
    """

    def __init__(
        self,
        model: CompressionModel,
        variables: Mapping[str, Any],
        scale_table: tuple[float, ...],
        medians: np.ndarray,
        windows: WindowSizes | None,
    ):
        self._medians = medians

        def side_information(z_hat: np.ndarray, size: np.ndarray | None) -> Any:
            found = stages.side_information(model, scale_table, variables, z_hat[None], size)
            return jax.tree.map(lambda a: a[0], jax.tree.map(np.asarray, found))

        def scales(z_hat: np.ndarray, size: np.ndarray | None) -> np.ndarray:
            return np.asarray(stages.scales(model, variables, z_hat[None], size))[0]

        self._side_information = TiledNetwork(side_information, windows, outputs=_HYPER_LATENT)
        self._scales = TiledNetwork(scales, windows, outputs=_HYPER_LATENT)

    def __call__(self, z_symbols: np.ndarray, area: Area) -> Any:
        """See `Hyperprior`."""
        return _run(self._side_information, self._z_hat(z_symbols), area)

    def checksum(self, parameters: Any) -> int:
        """None: another device computes other bits."""
        return 0

    def scales(self, z_symbols: np.ndarray, area: Area) -> np.ndarray:
        """The scales `[rows, columns, M]` that the indexes of an area come from."""
        return _run(self._scales, self._z_hat(z_symbols), area)

    def _z_hat(self, z_symbols: np.ndarray) -> "_ZHat":
        return _ZHat(z_symbols, self._medians)


class _ZHat:
    """z_hat, made of the symbols where it is looked at."""

    def __init__(self, symbols: np.ndarray, medians: np.ndarray):
        self.shape = symbols.shape
        self._symbols = symbols
        self._medians = medians

    def __getitem__(self, area: Area) -> np.ndarray:
        return self._symbols[area].astype(np.float32) + self._medians


class IntegerHyperprior:
    """By integer networks, the same on every device.

    Args:
        networks: of the weights.
        windows: that h_s runs on.
        device: where to compute; JAX's default device if not given.
    """

    def __init__(self, networks: IntegerNetworks, windows: WindowSizes | None, device: jax.Device | None = None):
        evaluator = IntegerEvaluator(networks, device=device)
        self._network = TiledNetwork(evaluator.hyper_synthesis, windows, outputs=_HYPER_LATENT)

    def __call__(self, z_symbols: np.ndarray, area: Area) -> Any:
        """See `Hyperprior`. Means are exact: multiples of 1/64."""
        found = _run(self._network, z_symbols, area)
        if isinstance(found, np.ndarray):
            return found
        return found.indexes, None if found.means is None else found.means.astype(np.float32) / np.float32(64)

    def checksum(self, parameters: Any) -> int:
        """CRC-32 of the indexes, then of the means in 64ths as int32; or of the side information, int32."""
        if isinstance(parameters, np.ndarray):
            return zlib.crc32(parameters.astype("<i4", copy=False).tobytes())
        indexes, means = parameters
        found = zlib.crc32(indexes.tobytes())
        return found if means is None else zlib.crc32((means * 64).astype("<i4").tobytes(), found)


def _run(network: TiledNetwork, z: Signal, area: Area) -> Any:
    """What h_s makes of z in an area of latents, which may end between two."""
    cells = coarsen(area, _HYPER_LATENT)
    place = within(area, (cells[0].start * _HYPER_LATENT, cells[1].start * _HYPER_LATENT))
    return jax.tree.map(lambda a: a[place], network(z, cells))
