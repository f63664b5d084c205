"""The coding loop of autoregressive models: one position after the other, in raster order.

Encoder and decoder must compute the same bits, or a scale on the edge of a table sends them apart for good. So both
run `_visit`, which calls one compiled function on inputs of one shape, whatever the size of the picture.
"""

from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from jaxcompress import coder

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From the window `[k, k, M]` of y_hat around a position and its side information to table indexes and means `[M]`."""


def encode(
    step: Step,
    context_size: int,
    y: np.ndarray,
    hyper: np.ndarray,
    tables: coder.CdfTables,
    *,
    progress: bool = False,
) -> bytes:
    """Codes a latent.

    Args:
        step: see `Step`.
        context_size: side k of the window.
        y: float32 `[h, w, M]`.
        hyper: float32 `[h, w, ...]`, side information.
        tables: of the coder.
        progress: show a bar on standard error.

    Returns:
        The string: M symbols for each position in turn.
    """
    symbols, indexes = np.empty(y.shape, np.int32), np.empty(y.shape, np.uint8)
    for row, column, found, means, y_hat in _visit(step, context_size, hyper, y.shape, progress):
        residual = np.rint(y[row, column] - means)
        symbols[row, column], indexes[row, column] = to_symbols(residual), found
        y_hat[:] = residual + means
    return coder.encode(symbols, indexes, tables)


def decode(
    step: Step,
    context_size: int,
    string: bytes,
    hyper: np.ndarray,
    channels: int,
    tables: coder.CdfTables,
    *,
    progress: bool = False,
) -> np.ndarray:
    """Decodes a latent: the inverse of `encode`.

    Args:
        step: see `Step`.
        context_size: side k of the window.
        string: what `encode` returned.
        hyper: float32 `[h, w, ...]`, side information.
        channels: M.
        tables: of the coder.
        progress: show a bar on standard error.

    Returns:
        y_hat, float32 `[h, w, M]`.

    Raises:
        StreamError: the string is damaged, or parameters differ from the encoder's.
    """
    decoder = coder.Decoder(string, tables)
    decoded = np.empty((*hyper.shape[:2], channels), np.float32)
    for row, column, indexes, means, y_hat in _visit(step, context_size, hyper, decoded.shape, progress):
        y_hat[:] = decoder.decode(indexes).astype(np.float32) + means
        decoded[row, column] = y_hat
    decoder.finish()
    return decoded


def _visit(
    step: Step, context_size: int, hyper: np.ndarray, shape: tuple[int, ...], progress: bool
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
    """Yields row, column, table indexes, means, and the place to put y_hat in before the next position."""
    height, width, channels = shape
    margin = context_size // 2
    padded = np.zeros((height + 2 * margin, width + 2 * margin, channels), np.float32)
    for row in tqdm(range(height), disable=not progress, unit="row", leave=False):
        for column in range(width):
            window = padded[row : row + context_size, column : column + context_size]
            indexes, means = step(window, hyper[row, column])
            yield row, column, np.asarray(indexes), np.asarray(means), padded[row + margin, column + margin]


def to_symbols(residual: np.ndarray) -> np.ndarray:
    """Rounded residuals as int32.

    Raises:
        ValueError: one is not finite, or beyond what the coder can escape (about 2**27).
    """
    if not (np.abs(residual) < 2**27).all():  # NaN fails the comparison too
        worst = residual.flat[np.argmax(~(np.abs(residual) < 2**27))]
        raise ValueError(
            f"a latent is {worst}, beyond the +-2**27 that can be coded: the input or the weights are not sound"
        )
    return residual.astype(np.int32)
