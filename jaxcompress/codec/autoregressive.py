"""Coding of latents whose tables depend on the latents before them, in the coder's C++ kernel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcompress import coder
from jaxcompress.codec import repair
from jaxcompress.codec.chunks import CodedChunk, Coding, Picture
from jaxcompress.codec.coded_string import CodedString, StreamFormat, SymbolOrder
from jaxcompress.codec.errors import BitstreamError


class KernelCoder:
    """Codes chunks of y of a raster prior in the kernel, many at a time.

    Args:
        kernel: of the context and its 1x1 layers, in float or in integers.
        tables: of the coder.
    """

    native_order = SymbolOrder.WAVEFRONT

    def __init__(self, kernel: coder.ContextModel | coder.IntegerContextModel, tables: coder.CdfTables):
        self._kernel = kernel
        self._tables = tables

    def encode(self, ys: Sequence[np.ndarray], knowns: Sequence[Any], how: Coding) -> list[CodedString]:
        """Strings of chunks `[h, w, M]` with side information `[h, w, X]`, each by itself."""
        order = self.native_order if how.native else SymbolOrder.RASTER
        datas = self._kernel.encode_batch(ys, knowns, self._tables, order=_name(order), threads=how.threads)
        return [CodedString(data) for data in datas]

    def decode(self, chunks: Sequence[CodedChunk], picture: Picture) -> list[np.ndarray]:
        """y_hat `[h, w, M]` of each: the inverse of `encode`.

        Raises:
            BitstreamError: a string is in a format that no writer uses here.
            StreamError: one is damaged, or parameters differ from the encoder's, or more scales lie on the other side
                of a threshold than can be found.
        """
        if formats := {chunk.string.format for chunk in chunks} - {StreamFormat.RANS64}:
            raise BitstreamError(
                f"the file has symbol order {picture.order.name} and stream formats {sorted(formats)}, which no "
                f"writer makes with these weights"
            )
        datas, knowns = [bytes(chunk.string.data) for chunk in chunks], [chunk.known for chunk in chunks]
        order = _name(picture.order)
        try:
            return self._kernel.decode_batch(datas, knowns, self._tables, order=order, threads=picture.threads)
        except coder.StreamError:
            if isinstance(self._kernel, coder.IntegerContextModel):
                raise
            return repair.decode_latents(self._kernel, datas, knowns, self._tables, picture)


def _name(order: SymbolOrder) -> Any:
    return order.name.lower()
