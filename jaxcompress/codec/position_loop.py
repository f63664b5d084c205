"""Coding of autoregressive models that the coder's kernel does not know: position by position, in raster order.

Encoder and decoder must compute the same bits, or a scale on the edge of a table sends them apart for good. So both
run `_visit`, which calls one compiled function on inputs of one shape, whatever the size of the picture.
"""

from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from jaxcompress import coder
from jaxcompress.entropy import to_symbols

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From the window `[k, k, M]` of y_hat around a position and its side information to table indexes and means `[M]`."""


class PositionLoop:
    """Codes latents with symbols in the order rows, columns, channels.

    Args:
        step: see `Step`.
        context_size: side k of the window.
        channels: M.
        tables: of the coder.
        progress: show a bar on standard error.
    """

    def __init__(self, step: Step, context_size: int, channels: int, tables: coder.CdfTables, *, progress: bool):
        self._step = step
        self._context_size = context_size
        self._channels = channels
        self._tables = tables
        self._progress = progress

    def encode(self, y: np.ndarray, hyper: np.ndarray) -> bytes:
        """String of a latent `[h, w, M]` with side information `[h, w, ...]`."""
        symbols, indexes = np.empty(y.shape, np.int32), np.empty(y.shape, np.uint8)
        for row, column, found, means, y_hat in self._visit(hyper):
            residual = np.rint(y[row, column] - means)
            symbols[row, column], indexes[row, column] = to_symbols(residual), found
            y_hat[:] = residual + means
        return coder.encode(symbols, indexes, self._tables)

    def decode(self, string: bytes, hyper: np.ndarray) -> np.ndarray:
        """y_hat of a string: the inverse of `encode`.

        Raises:
            StreamError: the string is damaged, or parameters differ from the encoder's.
        """
        decoder = coder.Decoder(string, self._tables)
        decoded = np.empty((*hyper.shape[:2], self._channels), np.float32)
        for row, column, indexes, means, y_hat in self._visit(hyper):
            y_hat[:] = decoder.decode(indexes).astype(np.float32) + means
            decoded[row, column] = y_hat
        decoder.finish()
        return decoded

    def _visit(self, hyper: np.ndarray) -> Iterator[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yields row, column, table indexes, means, and the place to put y_hat in before the next position."""
        height, width = hyper.shape[:2]
        size, margin = self._context_size, self._context_size // 2
        padded = np.zeros((height + 2 * margin, width + 2 * margin, self._channels), np.float32)
        for row in tqdm(range(height), disable=not self._progress, unit="row", leave=False):
            for column in range(width):
                window = padded[row : row + size, column : column + size]
                indexes, means = self._step(window, hyper[row, column])
                yield row, column, np.asarray(indexes), np.asarray(means), padded[row + margin, column + margin]
