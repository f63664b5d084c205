"""Coding of latents whose tables are all known before any symbol is: factorized priors, and hyperpriors in one pass."""

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxcompress import coder
from jaxcompress.codec.chunks import CodedChunk, Coding, Picture
from jaxcompress.codec.coded_string import CodedString, SymbolOrder
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.repair import ScaleRepair
from jaxcompress.codec.strings import decode_symbols, encode_symbols
from jaxcompress.entropy import channel_indexes, to_symbols

DAMAGED = "a string is damaged: its CRC-32 does not match its bytes"


class ChannelCoder:
    """Codes a latent of a factorized prior: one table for each channel.

    Args:
        tables: of the coder.
        medians: float32 `[C]`, that symbols are counted from.
        isa: instructions to code with, of `coder.instruction_sets`; the fastest if not given.
    """

    def __init__(self, tables: coder.CdfTables, medians: np.ndarray, *, isa: str | None = None):
        self.medians = medians
        self._tables = tables
        self._isa = isa

    def symbols(self, values: np.ndarray) -> np.ndarray:
        """Symbols `[h, w, C]` of values of that shape."""
        return to_symbols(np.rint(values - self.medians))

    def encode(self, symbols: np.ndarray, *, native: bool, threads: int) -> CodedString:
        """String of symbols `[h, w, C]`, with its checksum."""
        indexes = planes(channel_indexes(symbols.shape))
        string = encode_symbols(planes(symbols), indexes, self._tables, native=native, threads=threads, isa=self._isa)
        return string._replace(checksum=zlib.crc32(string.data))

    def decode(self, string: CodedString, shape: tuple[int, ...], *, threads: int) -> np.ndarray:
        """Symbols of a string: the inverse of `encode`.

        Raises:
            BitstreamError: its checksum does not match.
            StreamError: it is damaged, or of other tables.
        """
        if string.checksum is not None and string.checksum != zlib.crc32(string.data):
            raise BitstreamError(DAMAGED)
        indexes = planes(channel_indexes(shape))
        return decode_symbols(string, indexes, self._tables, threads=threads, isa=self._isa).transpose(1, 2, 0)


class OnePassCoder:
    """Codes chunks of y whose tables and means z decides.

    Args:
        tables: of the coder.
        scale_table: the scales of the tables.
        scales: gives the scales of y, of symbols of z, an area and the numbers of settings, to repair strings with
            where floating-point arithmetic differs; None where it cannot.
        isa: see `ChannelCoder`.
    """

    native_order = SymbolOrder.RASTER

    def __init__(
        self,
        tables: coder.CdfTables,
        scale_table: Sequence[float],
        scales: Callable[..., np.ndarray] | None,
        *,
        isa: str | None = None,
    ):
        self._tables = tables
        self._scale_table = scale_table
        self._scales = scales
        self._isa = isa

    def encode(self, ys: Sequence[np.ndarray], knowns: Sequence[Any], how: Coding) -> list[CodedString]:
        """Strings of chunks `[h, w, M]` with indexes and means (or None) of that shape."""
        strings = []
        for y, (indexes, means) in zip(ys, knowns, strict=True):
            symbols = planes(to_symbols(np.rint(y if means is None else y - means)))
            strings.append(
                encode_symbols(
                    symbols,
                    planes(indexes),
                    self._tables,
                    native=how.native,
                    threads=how.threads,
                    isa=self._isa,
                )
            )
        return strings

    def decode(self, chunks: Sequence[CodedChunk], picture: Picture) -> list[np.ndarray]:
        """y_hat `[h, w, M]` of each: the inverse of `encode`.

        Raises:
            BitstreamError: the file has an order of symbols that no writer uses here.
            StreamError: a string is damaged, or more scales than can be found lie on the other side of a threshold.
        """
        if picture.order != SymbolOrder.RASTER:
            raise BitstreamError(
                f"the file has the symbol order {picture.order.name.lower()}, which these weights do not have"
            )
        repair = None
        if self._scales is not None:
            compute = functools.partial(self._scales, picture.z_symbols, numbers=picture.numbers)
            repair = ScaleRepair(compute, self._scale_table, self._tables, picture)
        return [self._decode(chunk, repair, picture.threads) for chunk in chunks]

    def _decode(self, chunk: CodedChunk, repair: ScaleRepair | None, threads: int) -> np.ndarray:
        indexes, means = chunk.known
        try:
            symbols = decode_symbols(chunk.string, planes(indexes), self._tables, threads=threads, isa=self._isa)
        except coder.StreamError:
            if repair is None:
                raise
            symbols = repair.decode(chunk.string, planes(indexes), chunk.area)
        y_hat = symbols.transpose(1, 2, 0)
        return y_hat if means is None else y_hat + means


def planes(a: np.ndarray) -> np.ndarray:
    """`[h, w, C]` to `[C, h, w]`, the order of symbols."""
    return a.transpose(2, 0, 1)
