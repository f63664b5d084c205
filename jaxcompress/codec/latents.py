"""Latents to strings and back, for every kind of model."""

import functools
import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec.autoregressive import AutoregressiveCoder
from jaxcompress.codec.coded_string import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.parameters import FloatHyperprior, IntegerHyperprior
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.repair import ScaleRepair, TimeLimit
from jaxcompress.codec.strings import decode_symbols, encode_symbols
from jaxcompress.codec.tiled import WindowSizes
from jaxcompress.codec.windows import Area, Size, intersect, tiles
from jaxcompress.entropy import bottleneck_medians, channel_indexes, to_symbols
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights

_FLOAT_ADVICE = (
    ". If they are whole, decode them with the weights, the program and the kind of processor that wrote them: "
    "elsewhere floating-point arithmetic may give other scales"
)
_DAMAGED = "a string is damaged: its CRC-32 does not match its bytes"
_OTHER_PARAMETERS = (
    "the integer networks give other tables than those the file was written with. Either its writer or this device "
    "does not compute exactly: run `jaxcompress verify` on both, and decode on the CPU (JAX_PLATFORMS=cpu); or a part "
    "of the file is damaged"
)

# Autoregressive chunks that go to the coder at once, for each thread.
_CHUNKS_PER_THREAD = 4


class LatentCoder:
    """Codes the latents of single pictures.

    Args:
        weights: trained weights.
        model: the module they belong to.
        variables: their parameters, on the device, as `model.apply` takes them.
        windows: that h_s runs on.
        entropy: what computes scales and means.
        progress: show bars on standard error.
        isa: instructions that y is coded with, of `coder.instruction_sets`; the fastest if not given.
    """

    def __init__(
        self,
        weights: Weights,
        model: CompressionModel,
        variables: Mapping[str, Any],
        windows: WindowSizes | None,
        entropy: EntropyMode,
        *,
        progress: bool,
        isa: str | None = None,
    ):
        self._has_hyperprior = model.has_hyperprior
        self._channels = weights.m
        self._in_windows = windows is not None
        self._progress = progress
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
            FloatHyperprior(model, variables, self._scale_table, self._medians, windows)
            if integer is None
            else IntegerHyperprior(integer, windows)
        )
        if model.is_autoregressive:
            self._autoregressive = AutoregressiveCoder(
                model, weights.params, tables, integer, progress=progress, isa=isa
            )

    @property
    def native_order(self) -> SymbolOrder:
        """The order of symbols in strings of our own."""
        return self._autoregressive.native_order if self._autoregressive else SymbolOrder.RASTER

    def encode(
        self, y: np.ndarray, z: np.ndarray | None, chunk: Size, *, native: bool, threads: int
    ) -> list[CodedString]:
        """Strings of one picture: z, if there is one, then the chunks of y.

        With `native` in whatever format and order suits us best, else as CompressAI does.
        """
        areas = tiles(y.shape, chunk)
        how: Any = {"native": native, "threads": threads}
        if z is None:
            return [self._encode_channels(to_symbols(np.rint(y[area] - self._medians)), **how) for area in areas]
        z_symbols = to_symbols(np.rint(z - self._medians))
        strings = [self._encode_channels(z_symbols, **how)]
        with progress_bar("coding", len(areas), show=self._progress) as bar:
            parameters = self._parameters(z_symbols, areas)
            for group in _groups(areas, threads):
                hypers = list(itertools.islice(parameters, len(group)))
                ys = [y[area] for area in group]
                coded = (self._encode_autoregressive if self._autoregressive else self._encode_parallel)(
                    ys, hypers, **how
                )
                for string, hyper in zip(coded, hypers, strict=True):
                    checksum = zlib.crc32(string.data, self._hyperprior.checksum(hyper))
                    strings.append(string._replace(checksum=checksum))
                bar.update(len(group))
        return strings

    def decode(
        self,
        strings: Sequence[CodedString],
        shape: Size,
        chunk: Size,
        *,
        order: SymbolOrder,
        threads: int,
        area: Area | None = None,
    ) -> np.ndarray:
        """y_hat `[h, w, M]` of one picture: the inverse of `encode`.

        Args:
            strings: what it returned. Their checksums are compared where they have one.
            shape: height and width of y.
            chunk: as there.
            order: of the symbols.
            threads: how many may work at most.
            area: decode only chunks that overlap with it; anything is in the others.
        """
        areas = tiles(shape, chunk)
        expected = self._has_hyperprior + len(areas)
        if len(strings) != expected:
            raise BitstreamError(f"there are {len(strings)} strings, where the picture and its chunks make {expected}")
        if order != SymbolOrder.RASTER and not self._autoregressive:
            raise BitstreamError(f"the file has the symbol order {order.name.lower()}, which these weights do not have")
        y_strings = strings[self._has_hyperprior :]
        wanted = [pair for pair in zip(areas, y_strings, strict=True) if area is None or intersect(pair[0], area)]
        y_hat = np.empty((*shape, self._channels), np.float32)
        try:
            if not self._has_hyperprior:
                for place, string in wanted:
                    y_hat[place] = self._decode_channels(string, y_hat[place].shape, threads) + self._medians
                return y_hat
            z_symbols = self.decode_z(strings[0], shape, threads=threads)
            with progress_bar("decoding", len(wanted), show=self._progress) as bar:
                self._decode_y(wanted, z_symbols, y_hat, order, threads, bar.update)
        except coder.StreamError as error:
            raise BitstreamError(f"the strings do not decode ({error}){self._advice}") from error
        return y_hat

    def decode_z(self, string: CodedString, shape: Size, *, threads: int) -> np.ndarray:
        """Symbols of z `[h / 4, w / 4, N]` under latents of `shape` `(h, w)`.

        Raises:
            StreamError: the string is damaged, or of other tables.
        """
        return self._decode_channels(string, (shape[0] // 4, shape[1] // 4, len(self._medians)), threads)

    def _parameters(self, z_symbols: np.ndarray, areas: Sequence[Area]) -> Iterator[Any]:
        """What z tells of each area, computed when its turn comes; or at once, if h_s runs on whole pictures alone."""
        if self._in_windows:
            return (self._hyperprior(z_symbols, area) for area in areas)
        whole = self._hyperprior(z_symbols, (slice(0, 4 * z_symbols.shape[0]), slice(0, 4 * z_symbols.shape[1])))
        return (jax.tree.map(lambda a, area=area: a[area], whole) for area in areas)

    def _decode_y(
        self,
        wanted: Sequence[tuple[Area, CodedString]],
        z_symbols: np.ndarray,
        y_hat: np.ndarray,
        order: SymbolOrder,
        threads: int,
        done: Callable[[int], Any],
    ) -> None:
        """Decodes chunks of y into their places."""
        repair, limit = None, TimeLimit()
        if isinstance(self._hyperprior, FloatHyperprior) and not self._autoregressive:
            compute_scales = functools.partial(self._hyperprior.scales, z_symbols)
            repair = ScaleRepair(compute_scales, self._scale_table, self._gaussian_tables)
        parameters = self._parameters(z_symbols, [area for area, _ in wanted])
        for group in _groups(wanted, threads):
            hypers = list(itertools.islice(parameters, len(group)))
            for (_, string), hyper in zip(group, hypers, strict=True):
                _check(string, self._hyperprior.checksum(hyper))
            if self._autoregressive:
                strings = [string for _, string in group]
                found = self._autoregressive.decode(strings, hypers, order, threads=threads, limit=limit)
            else:
                found = [
                    self._decode_parallel(area, string, hyper, repair, threads)
                    for (area, string), hyper in zip(group, hypers, strict=True)
                ]
            for (area, _), part in zip(group, found, strict=True):
                y_hat[area] = part
            done(len(group))

    def _encode_autoregressive(
        self, ys: Sequence[np.ndarray], hypers: Sequence[np.ndarray], *, native: bool, threads: int
    ) -> list[CodedString]:
        assert self._autoregressive
        order = self.native_order if native else SymbolOrder.RASTER
        return [CodedString(data) for data in self._autoregressive.encode(ys, hypers, order, threads=threads)]

    def _encode_parallel(self, ys: Sequence[np.ndarray], hypers: Sequence[Any], **how: Any) -> list[CodedString]:
        """Chunks whose tables are all known from z."""
        strings = []
        for y, (indexes, means) in zip(ys, hypers, strict=True):
            symbols = to_symbols(np.rint(y if means is None else y - means))
            strings.append(
                encode_symbols(_planes(symbols), _planes(indexes), self._gaussian_tables, isa=self._lanes_isa, **how)
            )
        return strings

    def _decode_parallel(
        self, area: Area, string: CodedString, hyper: Any, repair: ScaleRepair | None, threads: int
    ) -> np.ndarray:
        """y_hat of such a chunk."""
        indexes, means = hyper
        planes = _planes(indexes)
        try:
            symbols = decode_symbols(string, planes, self._gaussian_tables, threads=threads, isa=self._lanes_isa)
        except coder.StreamError:
            if repair is None:
                raise
            symbols = repair.decode(string, planes, area)
        y_hat = symbols.transpose(1, 2, 0)
        return y_hat if means is None else y_hat + means

    def _encode_channels(self, symbols: np.ndarray, *, native: bool, threads: int) -> CodedString:
        """String of `[h, w, C]` symbols under one table for each channel."""
        string = encode_symbols(
            _planes(symbols),
            _planes(channel_indexes(symbols.shape)),
            self._bottleneck_tables,
            native=native,
            threads=threads,
            isa=self._lanes_isa,
        )
        return string._replace(checksum=zlib.crc32(string.data))

    def _decode_channels(self, string: CodedString, shape: tuple[int, ...], threads: int) -> np.ndarray:
        _check(string)
        indexes = _planes(channel_indexes(shape))
        symbols = decode_symbols(string, indexes, self._bottleneck_tables, threads=threads, isa=self._lanes_isa)
        return symbols.transpose(1, 2, 0)


def _groups(chunks: Sequence[Any], threads: int) -> Iterator[Sequence[Any]]:
    """As many chunks as are coded at once, and so are in memory with their parameters."""
    size = _CHUNKS_PER_THREAD * threads
    return (chunks[i : i + size] for i in range(0, len(chunks), size))


def _check(string: CodedString, parameters: int = 0) -> None:
    """Raises BitstreamError unless a string has the checksum that its writer found, after that of its parameters."""
    if string.checksum is not None and string.checksum != zlib.crc32(string.data, parameters):
        raise BitstreamError(_OTHER_PARAMETERS if parameters else _DAMAGED)


def _planes(a: np.ndarray) -> np.ndarray:
    """`[h, w, C]` to `[C, h, w]`, the order of symbols."""
    return a.transpose(2, 0, 1)
