"""The loop over the passes of a prior: each pass is coded given what the passes before it decoded.

A chunk of y becomes one string, whatever the number of passes: symbols in the order of the passes, within a pass
channels, rows, columns. One string a pass would cost some 20 bytes each, 1 % of a small picture's file.

Encoder and decoder must compute the same bits, or a scale on the edge of a table sends them apart for good. So both
run `visit`, which calls the same compiled programs on the same windows.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec import stages
from jaxcompress.codec.chunks import CodedChunk, Coding, Picture
from jaxcompress.codec.coded_string import CodedString, StreamFormat, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.side_information import as_floats
from jaxcompress.codec.tiled import Settings, TiledNetwork, WindowSizes
from jaxcompress.entropy import to_symbols
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.integer.setting_tables import LATENT_LIMIT
from jaxcompress.models import CompressionModel
from jaxcompress.priors import Prior, Raster, Selection, checked_passes

Parameters = Callable[[Any, np.ndarray, int, Any, Settings], tuple[np.ndarray, "np.ndarray | None"]]
"""From side information `[h, w, X]`, y_hat `[h, w, M]` so far, the number of a pass, its selection, and the numbers of
the model's settings, to table indexes and means (or None) of the selected symbols, in the order they are coded."""


class PassCoder:
    """Codes chunks of y pass by pass.

    Args:
        prior: of y.
        parameters: see `Parameters`.
        tables: of the coder.
        channels: of y.
        progress: show a bar on standard error.
    """

    native_order = SymbolOrder.RASTER

    def __init__(self, prior: Prior, parameters: Parameters, tables: coder.CdfTables, channels: int, *, progress: bool):
        self._prior = prior
        self._parameters = parameters
        self._tables = tables
        self._channels = channels
        self._progress = progress

    def encode(self, ys: Sequence[np.ndarray], knowns: Sequence[Any], how: Coding) -> list[CodedString]:
        """Strings of chunks `[h, w, M]` with side information `[h, w, X]`, each by itself."""
        return [CodedString(self._encode(y, known, how.numbers)) for y, known in zip(ys, knowns, strict=True)]

    def decode(self, chunks: Sequence[CodedChunk], picture: Picture) -> list[np.ndarray]:
        """y_hat `[h, w, M]` of each: the inverse of `encode`.

        Raises:
            BitstreamError: a string is in a format or an order that no writer uses here.
            StreamError: a string is damaged, or parameters differ from the encoder's.
        """
        formats = {chunk.string.format for chunk in chunks}
        if picture.order != SymbolOrder.RASTER or formats != {StreamFormat.RANS64}:
            raise BitstreamError(
                f"the file has symbol order {picture.order.name} and stream formats "
                f"{sorted(each.name for each in formats)}, which no writer makes with these weights"
            )
        return [self._decode(bytes(chunk.string.data), chunk.known, picture.numbers) for chunk in chunks]

    def _encode(self, y: np.ndarray, known: Any, numbers: Settings) -> bytes:
        symbols, indexes = [], []
        for selection, found, means, y_hat in self._visit(known, numbers):
            residual = np.rint(_select(y, selection) - means)
            symbols.append(to_symbols(residual).ravel())
            indexes.append(found.ravel())
            _put(y_hat, selection, residual + means)
        return coder.encode(np.concatenate(symbols), np.concatenate(indexes), self._tables)

    def _decode(self, data: bytes, known: Any, numbers: Settings) -> np.ndarray:
        decoder, decoded = coder.Decoder(data, self._tables), np.zeros(0)
        for selection, found, means, y_hat in self._visit(known, numbers):
            _put(y_hat, selection, decoder.decode(found).astype(np.float32) + means)
            decoded = y_hat
        decoder.finish()
        return decoded

    def _visit(self, known: Any, numbers: Settings) -> Iterator[tuple[Any, np.ndarray, Any, np.ndarray]]:
        """Yields the selection of each pass, its indexes and means, and the y_hat to fill in before the next."""
        y_hat = np.zeros((*known.shape[:2], self._channels), np.float32)
        passes = checked_passes(self._prior, y_hat.shape)
        with progress_bar("passes", len(passes), show=self._progress) as bar:
            for number, selection in enumerate(passes):
                indexes, means = self._parameters(known, y_hat, number, selection, numbers)
                yield selection, indexes, 0 if means is None else means, y_hat
                bar.update()


def float_parameters(
    model: CompressionModel, variables: Any, scale_table: tuple[float, ...], windows: WindowSizes | None
) -> Parameters:
    """Parameters by the floating-point networks.

    Args:
        model: the module.
        variables: its parameters, on the device.
        scale_table: the scales of the tables.
        windows: that the networks of a pass run on.
    """
    prior, layout = model.layout.last.prior, model.layout
    if isinstance(prior, Raster):
        return _position_parameters(model, variables, scale_table, prior)

    def parameters(known: Any, y_hat: np.ndarray, number: int, selection: Selection, numbers: Settings) -> Any:
        def network(both: np.ndarray, size: np.ndarray | None, settings: Settings) -> Any:
            found = stages.pass_parameters(model, scale_table, number, variables, both[None], size, settings)
            return [None if part is None else np.asarray(part)[0] for part in found]

        both = np.concatenate([known, y_hat], -1)
        indexes, means = TiledNetwork(network, windows)(both, settings=layout.values(dict(numbers)))
        return _select(indexes, selection), None if means is None else _select(means, selection)

    return parameters


def integer_parameters(evaluator: IntegerEvaluator, windows: WindowSizes | None) -> Parameters:
    """Parameters by integer networks, the same on every device.

    Args:
        evaluator: of the networks.
        windows: that the networks of a pass run on.
    """

    def parameters(known: Any, y_hat: np.ndarray, number: int, selection: Selection, numbers: Settings) -> Any:
        side_channels = known.shape[-1]

        def network(both: np.ndarray, size: np.ndarray | None, numbers: Settings) -> Any:
            side, latents = both[..., :side_channels], both[..., side_channels:].astype(np.float32) / np.float32(64)
            return evaluator.parameters(side, latents, number, size, **numbers)

        # In 64ths, y_hat is whole numbers, as side information is. Networks see none beyond the limit, which a damaged
        # string may hold, and which int32 might not.
        latents = np.rint(np.clip(y_hat * 64, -LATENT_LIMIT, LATENT_LIMIT)).astype(np.int32)
        both = np.concatenate([known, latents], -1)
        found = TiledNetwork(network, windows)(both, settings=numbers)
        return as_floats(jax.tree.map(lambda a: _select(a, selection), found))

    return parameters


def _position_parameters(
    model: CompressionModel, variables: Any, scale_table: tuple[float, ...], prior: Raster
) -> Parameters:
    """Parameters of single positions, each from the window around it: one program for all."""
    size, margin = prior.context_size, prior.context_size // 2

    def parameters(known: Any, y_hat: np.ndarray, number: int, selection: Any, numbers: Settings) -> Any:
        row, column = selection
        window = np.zeros((size, size, y_hat.shape[-1]), np.float32)
        rows, columns = (slice(max(0, at - margin), at + margin + 1) for at in (row, column))
        part = y_hat[rows, columns]
        top, left = rows.start - row + margin, columns.start - column + margin
        window[top : top + part.shape[0], left : left + part.shape[1]] = part
        indexes, means = stages.position(model, scale_table, variables, window, known[row, column])
        return np.asarray(indexes), np.asarray(means)

    return parameters


def _select(a: np.ndarray, selection: Any) -> np.ndarray:
    """The selected values of `[h, w, C]`, in the order channels, rows, columns."""
    if isinstance(selection, tuple):
        return a[selection]
    planes = a.transpose(2, 0, 1)
    return planes if selection is ... else planes[selection.transpose(2, 0, 1)]


def _put(a: np.ndarray, selection: Any, values: np.ndarray) -> None:
    """The inverse of `_select`."""
    if isinstance(selection, tuple):
        a[selection] = values
    elif selection is ...:
        a[...] = values.transpose(1, 2, 0)
    else:
        a.transpose(2, 0, 1)[selection.transpose(2, 0, 1)] = values
