"""Decoding strings that were written where floating-point arithmetic gives other last bits.

A latent's table is that of its scale, which comes out of a network. Two programs, or one on two machines, sum in
different orders, and a scale that lies within rounding of a threshold between two tables may fall on either side. One
such scale in a picture of a few hundred thousand, and the rest of the string decodes to noise; the end of the string
tells. Then the scales nearest to a threshold are tried on its other side.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxcompress import coder
from jaxcompress.codec.chunks import Picture
from jaxcompress.codec.coded_string import CodedString, StreamFormat
from jaxcompress.codec.windows import Area
from jaxcompress.entropy import SCALE_BOUND

_LOGGER = logging.getLogger(__name__)

MAX_CANDIDATES = 24
"""Scales that may be tried on the other side of their threshold."""

MAX_DISTANCE = 1e-4
"""The farthest of them, relative to the threshold; float32 programs differ by some 1e-5 at most."""


class ScaleRepair:
    """Decodes the strings of one picture, where they resist with other tables for scales next to a threshold.

    Args:
        compute_scales: gives the scales of an area, float32 `[rows, columns, M]`; called where a string resists.
        scale_table: `[R]`, the scales of the tables.
        tables: of the coder.
        picture: whose time limit holds.
    """

    def __init__(
        self,
        compute_scales: Callable[[Area], np.ndarray],
        scale_table: Sequence[float],
        tables: coder.CdfTables,
        picture: Picture,
    ):
        self._compute_scales = compute_scales
        self._scale_table = scale_table
        self._tables = tables
        self._picture = picture

    def decode(self, string: CodedString, indexes: np.ndarray, area: Area) -> np.ndarray:
        """Decodes a string that does not decode as it is.

        Args:
            string: of the latents in `area`.
            indexes: uint8 `[M, rows, columns]` of the tables there.
            area: rows and columns.

        Returns:
            The symbols, int32 `[M, rows, columns]`.

        Raises:
            StreamError: it does not decode, whatever side the nearest scales take, or not in time.
        """
        doubts = find_doubts(self._compute_scales(area).transpose(2, 0, 1), indexes, self._scale_table)
        decode_repaired = coder.decode_repaired if string.format == StreamFormat.RANS64 else coder.decode_lanes_repaired
        began = time.perf_counter()
        try:
            found = decode_repaired(string.data, indexes, self._tables, *doubts, max_seconds=self._picture.seconds)
        finally:
            self._picture.seconds = max(0.0, self._picture.seconds - (time.perf_counter() - began))
        _log(len(found.flipped), indexes.size, found.tries)
        return found.symbols


def decode_latents(
    kernel: coder.ContextModel,
    strings: Sequence[bytes],
    hypers: Sequence[np.ndarray],
    tables: coder.CdfTables,
    picture: Picture,
) -> list[np.ndarray]:
    """Decodes strings of one autoregressive picture, of which some do not decode as they are.

    Args:
        kernel: the model.
        strings: of the chunks of the picture.
        hypers: their side information.
        tables: of the coder.
        picture: order and threads, and the time limit, of which the seconds that this takes are taken off.

    Returns:
        y_hat `[h, w, M]` of each.

    Raises:
        StreamError: one does not decode, whatever side the nearest scales take, or not in time.
    """
    latents = []
    for data, hyper in zip(strings, hypers, strict=True):
        began = time.perf_counter()
        try:
            limit = picture.seconds_autoregressive
            how: Any = {"order": picture.order.name.lower(), "threads": picture.threads}
            found = kernel.decode_repaired(data, hyper, tables, max_seconds=limit, **how)
        finally:
            left = picture.seconds_autoregressive - (time.perf_counter() - began)
            picture.seconds_autoregressive = max(0.0, left)
        if found.tries:
            _log(len(found.flipped), found.y_hat.size, found.tries)
        latents.append(found.y_hat)
    return latents


def _log(flipped: int, scales: int, tries: int) -> None:
    _LOGGER.info(
        "a string decodes with %d of its %d scales on the other side of a threshold, found after %d tries",
        flipped,
        scales,
        tries,
    )


def find_doubts(
    scales: np.ndarray, indexes: np.ndarray, scale_table: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scales that are nearest to a threshold between two tables.

    Args:
        scales: float32, any shape.
        indexes: uint8 of the same shape: the tables that were used for them.
        scale_table: `[R]`, the scales of the tables.

    Returns:
        Positions in the flattened scales, indexes of the tables on the other side, and relative distances to the
        threshold, ascending: at most `MAX_CANDIDATES` of each, none beyond `MAX_DISTANCE`.
    """
    scales, indexes = scales.ravel(), indexes.ravel().astype(np.int32)
    # Table k reaches from edge k to edge k + 1, the scale of the table. All scales below the bound count as the bound.
    edges = np.full(len(scale_table) + 1, np.nan)
    edges[1:-1] = scale_table[:-1]
    edges[edges < np.float32(SCALE_BOUND)] = np.nan
    below, above = (np.abs(scales - edge) / edge for edge in (edges[indexes], edges[indexes + 1]))
    distances = np.fmin(below, above)
    alternatives = np.where(distances == below, indexes - 1, indexes + 1)
    (positions,) = np.nonzero(distances <= MAX_DISTANCE)
    positions = positions[np.argsort(distances[positions], kind="stable")[:MAX_CANDIDATES]]
    return positions, alternatives[positions], distances[positions]
