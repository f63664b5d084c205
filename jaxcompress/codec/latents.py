"""Latents to strings and back, for every kind of model."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec import autoregressive, stages
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.repair import ScaleRepair
from jaxcompress.entropy import bottleneck_medians
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights


class LatentCoder:
    """Runs the stages of a model on single pictures, and codes what lies between them.

    Args:
        weights: trained weights.
        model: the module they belong to.
        progress: show a bar on standard error while an autoregressive model codes.
    """

    def __init__(self, weights: Weights, model: CompressionModel, *, progress: bool):
        self._model = model
        self._progress = progress
        self._channels = weights.m
        self._params = jax.device_put(dict(weights.params))
        self._medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]))
        self._bottleneck_tables = weights.tables["entropy_bottleneck"].coder_tables
        if model.has_hyperprior:
            tables = weights.tables["gaussian_conditional"]
            self._gaussian_tables = tables.coder_tables
            self._scale_table = tuple(np.asarray(tables.scale_table).tolist())

    def analyse(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents y `[h, w, M]` and z (None if there is none) of one padded picture `[H, W, 3]`."""
        y, z = stages.analyse(self._model, self._params, x[None])
        return np.asarray(y[0]), None if z is None else np.asarray(z[0])

    def encode(self, y: np.ndarray, z: np.ndarray | None, chunk: tuple[int, int]) -> list[bytes]:
        """Strings of one picture: z, if there is one, then the chunks of y."""
        if z is None:
            symbols = autoregressive.to_symbols(np.rint(y - self._medians))
            return [self._encode_channels(symbols[area]) for area in _chunks(y.shape, chunk)]
        z_symbols = autoregressive.to_symbols(np.rint(z - self._medians))
        z_string = self._encode_channels(z_symbols)
        hyper = self._hyper(z_symbols)
        return [z_string, *(self._encode_gaussian(y, hyper, area) for area in _chunks(y.shape, chunk))]

    def decode(self, strings: Sequence[bytes], shape: tuple[int, int], chunk: tuple[int, int]) -> np.ndarray:
        """y_hat `[h, w, M]` of one picture: the inverse of `encode`."""
        expected = self._model.has_hyperprior + -(-shape[0] // chunk[0]) * -(-shape[1] // chunk[1])
        if len(strings) != expected:
            raise BitstreamError(f"there are {len(strings)} strings, where the picture and its chunks make {expected}")
        y_hat = np.empty((*shape, self._channels), np.float32)
        areas = list(_chunks(y_hat.shape, chunk))
        try:
            if not self._model.has_hyperprior:
                for area, string in zip(areas, strings, strict=True):
                    y_hat[area] = self._decode_channels(string, y_hat[area].shape) + self._medians
            else:
                z_shape = shape[0] // 4, shape[1] // 4, len(self._medians)
                z_symbols = self._decode_channels(strings[0], z_shape)
                hyper = self._hyper(z_symbols)
                repair = ScaleRepair(lambda: self._scales(z_symbols), self._scale_table, self._gaussian_tables)
                for area, string in zip(areas, strings[1:], strict=True):
                    y_hat[area] = self._decode_gaussian(string, hyper, area, repair)
        except coder.StreamError as error:
            raise BitstreamError(
                f"the strings do not decode ({error}). If they are whole, decode them with the weights, the program "
                f"and the kind of processor that wrote them: elsewhere floating-point arithmetic may give other scales"
            ) from error
        return y_hat

    def _encode_channels(self, symbols: np.ndarray) -> bytes:
        """String of `[h, w, C]` symbols under one table for each channel."""
        planes = symbols.transpose(2, 0, 1)
        return coder.encode(planes, _channel_indexes(planes.shape), self._bottleneck_tables)

    def _decode_channels(self, string: bytes, shape: tuple[int, ...]) -> np.ndarray:
        height, width, channels = shape
        indexes = _channel_indexes((channels, height, width))
        return coder.decode(string, indexes, self._bottleneck_tables).transpose(1, 2, 0)

    def _hyper(self, z_symbols: np.ndarray) -> Any:
        """Side information of y: for autoregressive models `[h, w, 2 M]`, else table indexes and means (or None).

        Encoder and decoder both come here with a single picture, so that both run the same compiled program.
        """
        hyper = stages.side_information(self._model, self._scale_table, self._params, self._z_hat(z_symbols))
        return jax.tree.map(lambda a: np.asarray(a[0]), hyper)

    def _scales(self, z_symbols: np.ndarray) -> np.ndarray:
        """Scales of y, `[h, w, M]`: what the indexes of `_hyper` come from."""
        return np.asarray(stages.scales(self._model, self._params, self._z_hat(z_symbols))[0])

    def _z_hat(self, z_symbols: np.ndarray) -> np.ndarray:
        return (z_symbols.astype(np.float32) + self._medians)[None]

    def _encode_gaussian(self, y: np.ndarray, hyper: Any, area: tuple[slice, slice]) -> bytes:
        if self._model.is_autoregressive:
            return self._in_raster_order(autoregressive.encode, y[area], hyper[area])
        indexes, means = hyper
        residual = y[area] if means is None else y[area] - means[area]
        symbols = autoregressive.to_symbols(np.rint(residual))
        return coder.encode(symbols.transpose(2, 0, 1), indexes[area].transpose(2, 0, 1), self._gaussian_tables)

    def _decode_gaussian(self, string: bytes, hyper: Any, area: tuple[slice, slice], repair: ScaleRepair) -> np.ndarray:
        if self._model.is_autoregressive:
            return self._in_raster_order(autoregressive.decode, string, hyper[area], self._channels)
        indexes, means = hyper
        residual = repair.decode(string, indexes, area).astype(np.float32)
        return residual if means is None else residual + means[area]

    def _in_raster_order(self, code: Callable, *what: Any) -> Any:
        """Runs one direction of the autoregressive loop."""
        params = {name: self._params[name] for name in ("context_prediction", "entropy_parameters")}
        step = functools.partial(stages.position, self._model, self._scale_table, params)
        return code(step, self._model.context_size, *what, self._gaussian_tables, progress=self._progress)

    def synthesise(self, y_hat: np.ndarray) -> np.ndarray:
        """x_hat `[H, W, 3]` in [0, 1], padding included."""
        return np.asarray(stages.synthesise(self._model, self._params, y_hat[None])[0])


def _chunks(shape: tuple[int, ...], chunk: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rectangles of at most `chunk` latents that cover `[h, w, ...]`, in raster order."""
    for top in range(0, shape[0], chunk[0]):
        for left in range(0, shape[1], chunk[1]):
            yield slice(top, min(top + chunk[0], shape[0])), slice(left, min(left + chunk[1], shape[1]))


def _channel_indexes(shape: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[0], dtype=np.int32)[:, None, None], shape)
