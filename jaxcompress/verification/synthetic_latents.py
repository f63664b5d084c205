"""Latents drawn from a model itself, by integers alone: the same on every machine, and seldom as tame as a picture's.

Random bits are SHAKE-256 of a seed, which no library or version changes.
"""

import hashlib
from collections.abc import Callable

import numpy as np

from jaxcompress import coder
from jaxcompress.entropy import CodingTables
from jaxcompress.integer import Parameters
from jaxcompress.priors import Prior

# The first latents are drawn without neighbours; these many times again they are drawn given the ones before.
_ROUNDS = 2


def draw_symbols(tables: CodingTables, indexes: np.ndarray, seed: bytes) -> np.ndarray:
    """Symbols as the coder's tables expect them.

    Args:
        tables: any.
        indexes: of the table of each symbol.
        seed: decides them.

    Returns:
        int32 of the shape of the indexes. Escapes lie up to 256 beyond a table's values, on both sides.
    """
    lengths, first = np.asarray(tables.cdf_length, np.int64), np.asarray(tables.offset, np.int64)
    indexes = np.asarray(indexes, np.int64)
    # All rows in one ascending array: row r begins at r * 2^17, and holds 65536 at most.
    inside = np.arange(tables.cdf.shape[1]) < lengths[:, None]
    rows = (np.asarray(tables.cdf, np.int64) + (np.arange(len(lengths)) << 17)[:, None])[inside]
    starts = np.cumsum(lengths) - lengths
    bits = _random(seed + b"symbols", indexes.shape)
    place = np.searchsorted(rows, bits + (indexes << 17), side="right") - 1 - starts[indexes]
    symbols = place + first[indexes]
    values = lengths[indexes] - 2  # but the escape, which is the last
    escaped = place == values
    extra = _random(seed + b"escapes", (int(escaped.sum()),))
    beyond = 1 + (extra >> 8)
    above, below = first[indexes] + values - 1, first[indexes]
    symbols[escaped] = np.where(extra & 1, above[escaped] + beyond, below[escaped] - beyond)
    return symbols.astype(np.int32)


def draw_z(tables: CodingTables, shape: tuple[int, ...], seed: bytes) -> np.ndarray:
    """Symbols `[h, w, N]` of a factorized prior, int32."""
    return draw_symbols(tables, np.broadcast_to(np.arange(shape[-1]), shape), seed + b"z")


def draw_y(tables: CodingTables, parameters: Parameters, seed: bytes) -> np.ndarray:
    """Latents `[h, w, M]`, float32 in multiples of 1/64, of the tables and means of each."""
    symbols = draw_symbols(tables, parameters.indexes, seed + b"y").astype(np.int64)
    means = 0 if parameters.means is None else parameters.means
    return ((64 * symbols + means) / 64).astype(np.float32)


def draw_autoregressive(
    tables: CodingTables, kernel: coder.IntegerContextModel, side: np.ndarray, channels: int, seed: bytes
) -> np.ndarray:
    """Likewise where the parameters depend on the latents before: drawn again and again, given the ones of last time.

    Args:
        tables: of y.
        kernel: of the model.
        side: side information, int32 `[h, w, X]`.
        channels: of y.
        seed: decides them.
    """
    y = np.zeros((*side.shape[:2], channels), np.float32)
    for i in range(1 + _ROUNDS):
        y = draw_y(tables, Parameters(*kernel.predict(y, side)), seed + bytes([i]))
    return y


def draw_in_passes(
    tables: CodingTables,
    prior: Prior,
    parameters: Callable[[np.ndarray, int], Parameters],
    shape: tuple[int, int, int],
    seed: bytes,
) -> np.ndarray:
    """Latents `[h, w, M]` of a prior in several passes, each drawn given those before.

    Args:
        tables: of y.
        prior: of y.
        parameters: of y_hat so far and the number of a pass.
        shape: of y.
        seed: decides them.
    """
    y_hat = np.zeros(shape, np.float32)
    for number, selection in enumerate(prior.passes(shape)):
        drawn = draw_y(tables, parameters(y_hat, number), seed + bytes([number]))
        y_hat[selection] = drawn[selection]
    return y_hat


def _random(seed: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of 16 bits, int64."""
    count = int(np.prod(shape))
    return np.frombuffer(hashlib.shake_256(seed).digest(2 * count), "<u2").astype(np.int64).reshape(shape)
