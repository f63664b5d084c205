"""Coding of latents whose tables depend on the latents before them."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec import repair, stages
from jaxcompress.codec.coded_string import CodedString, StreamFormat, SymbolOrder
from jaxcompress.codec.context import context_model, integer_context_model
from jaxcompress.codec.errors import BitstreamError
from jaxcompress.codec.position_loop import PositionLoop
from jaxcompress.entropy import CodingTables
from jaxcompress.integer import IntegerNetworks
from jaxcompress.models import CompressionModel


class AutoregressiveCoder:
    """Codes latents in the coder's kernel, or position by position if it does not know the model.

    Args:
        model: an autoregressive one.
        params: its parameters.
        tables: of its conditional Gaussians.
        integer: its networks in integers, to code with instead of the float ones; or None.
        progress: show a bar on standard error where it goes position by position.
        isa: of the kernel of integer networks, the fastest if not given.
    """

    def __init__(
        self,
        model: CompressionModel,
        params: Mapping[str, Any],
        tables: CodingTables,
        integer: IntegerNetworks | None,
        *,
        progress: bool,
        isa: str | None = None,
    ):
        scale_table = np.asarray(tables.scale_table)
        self._tables = tables.coder_tables
        self._kernel = integer_context_model(integer, isa=isa) if integer else context_model(model, params, scale_table)
        if self._kernel is None:
            parts = jax.device_put({name: params[name] for name in ("context_prediction", "entropy_parameters")})
            step = functools.partial(stages.position, model, tuple(scale_table.tolist()), {"params": parts})
            self._loop = PositionLoop(step, model.context_size, model.m, self._tables, progress=progress)

    @property
    def native_order(self) -> SymbolOrder:
        """The order that decodes fastest."""
        return SymbolOrder.RASTER if self._kernel is None else SymbolOrder.WAVEFRONT

    def encode(
        self, ys: Sequence[np.ndarray], hypers: Sequence[np.ndarray], order: SymbolOrder, *, threads: int
    ) -> list[bytes]:
        """Strings of latents `[h, w, M]` with side information `[h, w, ...]`, each by itself."""
        if self._kernel is None:
            return [self._loop.encode(y, hyper) for y, hyper in zip(ys, hypers, strict=True)]
        return self._kernel.encode_batch(ys, hypers, self._tables, order=_name(order), threads=threads)

    def decode(
        self,
        strings: Sequence[CodedString],
        hypers: Sequence[np.ndarray],
        order: SymbolOrder,
        *,
        threads: int,
        limit: repair.TimeLimit,
    ) -> list[np.ndarray]:
        """y_hat `[h, w, M]` of each: the inverse of `encode`, with a limit to the time of searches.

        Raises:
            BitstreamError: they are in a format or an order that this model has not.
            StreamError: one is damaged, or parameters differ from the encoder's, or more scales lie on the other side
                of a threshold than can be found.
        """
        formats = {string.format for string in strings} - {StreamFormat.RANS64}
        if formats or (self._kernel is None and order != SymbolOrder.RASTER):
            raise BitstreamError(
                f"the file has symbol order {order.name} and stream formats {sorted(formats)}, which no writer makes "
                f"with these weights"
            )
        datas = [bytes(string.data) for string in strings]
        if self._kernel is None:
            return [self._loop.decode(data, hyper) for data, hyper in zip(datas, hypers, strict=True)]
        try:
            return self._kernel.decode_batch(datas, hypers, self._tables, order=_name(order), threads=threads)
        except coder.StreamError:
            if isinstance(self._kernel, coder.IntegerContextModel):
                raise
            how: Any = {"threads": threads, "limit": limit}
            return repair.decode_latents(self._kernel, datas, hypers, self._tables, _name(order), **how)


def _name(order: SymbolOrder) -> Any:
    return order.name.lower()
