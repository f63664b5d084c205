"""Side information of y: tables and means computed from z, in float or in exact integers."""

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

from jaxcompress.codec import stages
from jaxcompress.codec.tiled import Settings, Signal, TiledNetwork, WindowSizes
from jaxcompress.codec.windows import Area, coarsen, within
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.models import CompressionModel, Layout


class SideInformation(Protocol):
    """From symbols of z, int32 `[h', w', N]`, to what the coder needs of a part of y."""

    def __call__(self, z_symbols: np.ndarray, area: Area, numbers: Mapping[str, int]) -> Any:
        """Side information of an area of latents, the same whatever is asked for besides.

        Args:
            z_symbols: all of z.
            area: of latents.
            numbers: of the model's settings.

        Returns:
            Indexes and means (or None) `[rows, columns, M]` where the prior codes in one pass; else the output of h_s,
            `[rows, columns, X]`.
        """
        ...

    def checksum(self, found: Any) -> int:
        """32 bits of what a call returned, for a decoder to compare; or 0."""
        ...


class FloatSideInformation:
    """Side information by the floating-point networks.

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
        self._layout = model.layout

        def known(z_hat: np.ndarray, size: np.ndarray | None, settings: Settings) -> Any:
            if self._layout.last.prior.in_one_pass:
                found = stages.indexes_and_means(model, scale_table, variables, z_hat[None], size, settings)
            else:
                found = stages.hyper_synthesis(model, variables, z_hat[None], size, settings)
            return jax.tree.map(lambda a: a[0], jax.tree.map(np.asarray, found))

        def scales(z_hat: np.ndarray, size: np.ndarray | None, settings: Settings) -> np.ndarray:
            return np.asarray(stages.scales(model, variables, z_hat[None], size, settings)[0])[0]

        self._known, self._scales = (
            TiledNetwork(network, windows, outputs=_latents_per_cell(self._layout)) for network in (known, scales)
        )

    def __call__(self, z_symbols: np.ndarray, area: Area, numbers: Mapping[str, int]) -> Any:
        """See `SideInformation`."""
        return self._run(self._known, z_symbols, area, numbers)

    def checksum(self, found: Any) -> int:
        """Returns 0: another device computes other bits."""
        return 0

    def scales(self, z_symbols: np.ndarray, area: Area, numbers: Mapping[str, int]) -> np.ndarray:
        """The scales `[rows, columns, M]` that the indexes of an area come from."""
        return self._run(self._scales, z_symbols, area, numbers)

    def _run(self, network: TiledNetwork, z_symbols: np.ndarray, area: Area, numbers: Mapping[str, int]) -> Any:
        z_hat = _ZHat(z_symbols, self._medians)
        return _run(network, z_hat, area, _latents_per_cell(self._layout), self._layout.values(dict(numbers)))


class _ZHat:
    """z_hat, made of the symbols where it is looked at."""

    def __init__(self, symbols: np.ndarray, medians: np.ndarray):
        self.shape = symbols.shape
        self._symbols = symbols
        self._medians = medians

    def __getitem__(self, area: Area) -> np.ndarray:
        return self._symbols[area].astype(np.float32) + self._medians


class IntegerSideInformation:
    """Side information by integer networks, the same on every device.

    Args:
        evaluator: of the weights' integer networks.
        layout: of their model.
        windows: that h_s runs on.
    """

    def __init__(self, evaluator: IntegerEvaluator, layout: Layout, windows: WindowSizes | None):
        def network(z_symbols: np.ndarray, size: np.ndarray | None, numbers: Settings) -> Any:
            return evaluator.hyper_synthesis(z_symbols, size, **numbers)

        self._outputs = _latents_per_cell(layout)
        self._network = TiledNetwork(network, windows, outputs=self._outputs)

    def __call__(self, z_symbols: np.ndarray, area: Area, numbers: Mapping[str, int]) -> Any:
        """See `SideInformation`. Means are exact: multiples of 1/64."""
        found = _run(self._network, z_symbols, area, self._outputs, numbers)
        return found if isinstance(found, np.ndarray) else as_floats(found)

    def checksum(self, found: Any) -> int:
        """CRC-32 of the indexes, then of the means in 64ths as int32; or of the output of h_s, int32."""
        if isinstance(found, np.ndarray):
            return zlib.crc32(found.astype("<i4", copy=False).tobytes())
        indexes, means = found
        total = zlib.crc32(indexes.tobytes())
        return total if means is None else zlib.crc32((means * 64).astype("<i4").tobytes(), total)


def as_floats(found: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Indexes and means as the coder takes them.

    Args:
        found: `integer.Parameters`, with means in 64ths.
    """
    return found.indexes, None if found.means is None else found.means.astype(np.float32) / np.float32(64)


def _latents_per_cell(layout: Layout) -> int:
    """Cells of y in one of z, each way."""
    return layout.samples(layout.network("hyper_synthesis"))[1]


def _run(network: TiledNetwork, z: Signal, area: Area, per_cell: int, settings: Settings) -> Any:
    """The output of h_s in an area of latents, which may end between two cells of z."""
    cells = coarsen(area, per_cell)
    place = within(area, (cells[0].start * per_cell, cells[1].start * per_cell))
    return jax.tree.map(lambda a: a[place], network(z, cells, settings=settings))
