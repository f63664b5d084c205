"""Latents to strings and back, for every kind of model."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxcompress import coder
from jaxcompress.codec import stages
from jaxcompress.codec.autoregressive import AutoregressiveCoder
from jaxcompress.codec.container import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.parameters import FloatHyperprior, IntegerHyperprior
from jaxcompress.codec.repair import ScaleRepair
from jaxcompress.codec.strings import decode_symbols, encode_symbols, to_symbols
from jaxcompress.codec.variables import Variables
from jaxcompress.entropy import bottleneck_medians
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights

Area = tuple[slice, slice]

_FLOAT_ADVICE = (
    ". If they are whole, decode them with the weights, the program and the kind of processor that wrote them: "
    "elsewhere floating-point arithmetic may give other scales"
)
_OTHER_PARAMETERS = (
    "the integer networks give other tables than those the file was written with. Either its writer or this device "
    "does not compute exactly: run `jaxcompress verify` on both, and decode on the CPU (JAX_PLATFORMS=cpu)"
)


class LatentCoder:
    """Runs the stages of a model on single pictures, and codes what lies between them.

    Args:
        weights: trained weights.
        model: the module they belong to.
        variables: of its stages.
        entropy: what computes scales and means.
        progress: show a bar on standard error while a model is coded position by position in Python.
        isa: instructions that y is coded with, of `coder.instruction_sets`; the fastest if not given.
    """

    def __init__(
        self,
        weights: Weights,
        model: CompressionModel,
        variables: Variables,
        entropy: EntropyMode,
        *,
        progress: bool,
        isa: str | None = None,
    ):
        self._model = model
        self._channels = weights.m
        self._variables = variables
        self._medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]))
        self._bottleneck_tables = weights.tables["entropy_bottleneck"].coder_tables
        self._autoregressive = None
        self._lanes_isa = None if model.is_autoregressive else isa
        self._advice = ""  # where strings do not decode
        if not model.has_hyperprior:
            return
        tables = weights.tables["gaussian_conditional"]
        self._gaussian_tables = tables.coder_tables
        self._scale_table = tuple(np.asarray(tables.scale_table).tolist())
        self._advice = _FLOAT_ADVICE if entropy == EntropyMode.FLOAT else ""
        integer = weights.require_integer() if entropy == EntropyMode.INTEGER else None
        self._hyperprior: FloatHyperprior | IntegerHyperprior = (
            FloatHyperprior(model, variables.plain, self._scale_table, self._medians)
            if integer is None
            else IntegerHyperprior(integer)
        )
        if model.is_autoregressive:
            self._autoregressive = AutoregressiveCoder(
                model, weights.params, tables, integer, progress=progress, isa=isa
            )

    @property
    def native_order(self) -> SymbolOrder:
        """The order of symbols in strings of our own."""
        return self._autoregressive.native_order if self._autoregressive else SymbolOrder.RASTER

    def analyse(self, x: np.ndarray, *, native: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents y `[h, w, M]` and z (None if there is none) of one padded picture `[H, W, 3]`.

        With `native` in whatever form is fastest, else summed as CompressAI does: its files show the difference.
        """
        variables = self._variables.analysis if native else self._variables.plain
        y, z = stages.analyse(self._model, variables, x[None])
        return np.asarray(y[0]), None if z is None else np.asarray(z[0])

    def encode(
        self, y: np.ndarray, z: np.ndarray | None, chunk: tuple[int, int], *, native: bool, threads: int
    ) -> tuple[list[CodedString], int]:
        """Strings of one picture (z, if there is one, then the chunks of y), and the checksum of their parameters.

        With `native` in whatever format and order suits us best, else as CompressAI does.
        """
        areas = list(chunk_areas(y.shape, chunk))
        how: Any = {"native": native, "threads": threads}
        if z is None:
            symbols = to_symbols(np.rint(y - self._medians))
            return [self._encode_channels(symbols[area], **how) for area in areas], 0
        z_symbols = to_symbols(np.rint(z - self._medians))
        z_string = self._encode_channels(z_symbols, **how)
        hyper = self._hyperprior(z_symbols)
        checksum = self._hyperprior.checksum(hyper)
        if self._autoregressive:
            order = self.native_order if native else SymbolOrder.RASTER
            parts = [y[area] for area in areas], [hyper[area] for area in areas]
            return [z_string, *map(CodedString, self._autoregressive.encode(*parts, order, threads=threads))], checksum
        indexes, means = hyper
        symbols = to_symbols(np.rint(y if means is None else y - means))
        y_strings = [
            encode_symbols(
                _planes(symbols[area]), _planes(indexes[area]), self._gaussian_tables, isa=self._lanes_isa, **how
            )
            for area in areas
        ]
        return [z_string, *y_strings], checksum

    def decode(
        self,
        strings: Sequence[CodedString],
        shape: tuple[int, int],
        chunk: tuple[int, int],
        *,
        order: SymbolOrder,
        threads: int,
        checksum: int | None = None,
    ) -> np.ndarray:
        """y_hat `[h, w, M]` of one picture: the inverse of `encode`, whose checksum is compared if given."""
        y_hat = np.empty((*shape, self._channels), np.float32)
        areas = list(chunk_areas(y_hat.shape, chunk))
        expected = self._model.has_hyperprior + len(areas)
        if len(strings) != expected:
            raise BitstreamError(f"there are {len(strings)} strings, where the picture and its chunks make {expected}")
        if order != SymbolOrder.RASTER and not self._autoregressive:
            raise BitstreamError(f"the file has the symbol order {order.name.lower()}, which these weights do not have")
        try:
            if not self._model.has_hyperprior:
                for area, string in zip(areas, strings, strict=True):
                    y_hat[area] = self._decode_channels(string, y_hat[area].shape, threads) + self._medians
                return y_hat
            z_symbols = self.decode_z(strings[0], shape, threads=threads)
            hyper = self._hyperprior(z_symbols)
            if checksum is not None and self._hyperprior.checksum(hyper) != checksum:
                raise BitstreamError(_OTHER_PARAMETERS)
            if self._autoregressive:
                found = self._autoregressive.decode(
                    strings[1:], [hyper[area] for area in areas], order, threads=threads
                )
                for area, part in zip(areas, found, strict=True):
                    y_hat[area] = part
            else:
                self._decode_parallel(strings[1:], areas, z_symbols, hyper, y_hat, threads)
        except coder.StreamError as error:
            raise BitstreamError(f"the strings do not decode ({error}){self._advice}") from error
        return y_hat

    def decode_z(self, string: CodedString, shape: tuple[int, int], *, threads: int) -> np.ndarray:
        """Symbols of z `[h / 4, w / 4, N]` under latents of `shape` `(h, w)`.

        Raises:
            StreamError: the string is damaged, or of other tables.
        """
        return self._decode_channels(string, (shape[0] // 4, shape[1] // 4, len(self._medians)), threads)

    def _decode_parallel(
        self,
        strings: Sequence[CodedString],
        areas: list[Area],
        z_symbols: np.ndarray,
        hyper: tuple[np.ndarray, np.ndarray | None],
        y_hat: np.ndarray,
        threads: int,
    ) -> None:
        """Decodes the chunks of y where all tables are known from z."""
        indexes, means = hyper
        repair = None
        if isinstance(self._hyperprior, FloatHyperprior):
            compute_scales = functools.partial(self._hyperprior.scales, z_symbols)
            repair = ScaleRepair(compute_scales, self._scale_table, self._gaussian_tables)
        for area, string in zip(areas, strings, strict=True):
            planes = _planes(indexes[area])
            try:
                symbols = decode_symbols(string, planes, self._gaussian_tables, threads=threads, isa=self._lanes_isa)
            except coder.StreamError:
                if repair is None:
                    raise
                symbols = repair.decode(string, planes, area)
            y_hat[area] = symbols.transpose(1, 2, 0)
        if means is not None:
            y_hat += means

    def _encode_channels(self, symbols: np.ndarray, *, native: bool, threads: int) -> CodedString:
        """String of `[h, w, C]` symbols under one table for each channel."""
        planes = _planes(symbols)
        return encode_symbols(
            planes,
            _channel_indexes(planes.shape),
            self._bottleneck_tables,
            native=native,
            threads=threads,
            isa=self._lanes_isa,
        )

    def _decode_channels(self, string: CodedString, shape: tuple[int, ...], threads: int) -> np.ndarray:
        height, width, channels = shape
        indexes = _channel_indexes((channels, height, width))
        symbols = decode_symbols(string, indexes, self._bottleneck_tables, threads=threads, isa=self._lanes_isa)
        return symbols.transpose(1, 2, 0)

    def synthesise(self, y_hat: np.ndarray, *, native: bool = True) -> np.ndarray:
        """x_hat `[H, W, 3]` in [0, 1], padding included; `native` as in `analyse`."""
        variables = self._variables.synthesis if native else self._variables.plain
        return np.asarray(stages.synthesise(self._model, variables, y_hat[None])[0])


def chunk_areas(shape: tuple[int, ...], chunk: tuple[int, int]) -> Iterator[Area]:
    """Rectangles of at most `chunk` latents that cover `[h, w, ...]`, in raster order."""
    for top in range(0, shape[0], chunk[0]):
        for left in range(0, shape[1], chunk[1]):
            yield slice(top, min(top + chunk[0], shape[0])), slice(left, min(left + chunk[1], shape[1]))


def _planes(a: np.ndarray) -> np.ndarray:
    """`[h, w, C]` to `[C, h, w]`, the order of symbols."""
    return a.transpose(2, 0, 1)


def _channel_indexes(shape: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[0], dtype=np.int32)[:, None, None], shape)
