"""What goes between the codec and the coders of chunks of y."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxcompress.codec.coded_string import CodedString, SymbolOrder
from jaxcompress.codec.windows import Area

MAX_SECONDS = 1.0
"""Time that searches for scales may take in all one-pass strings of a picture."""

MAX_SECONDS_AUTOREGRESSIVE = 10.0
"""Time limit for autoregressive pictures, including the first decoding attempt of each string."""


class CodedChunk(NamedTuple):
    """A string of y and what is known before it is decoded.

    Attributes:
        area: latents that it holds.
        string: bytes and their format.
        known: side information of the area, see `SideInformation`.
    """

    area: Area
    string: CodedString
    known: Any


class Coding(NamedTuple):
    """How chunks are coded.

    Attributes:
        native: any format and order will do, not only CompressAI's.
        threads: number of threads that may work at most.
        numbers: numbers of the model's settings.
    """

    native: bool
    threads: int
    numbers: Mapping[str, int]


class Picture:
    """What the chunks of one picture have in common while they are decoded.

    Args:
        z_symbols: symbols of z, int32 `[h', w', N]`.
        order: order of the symbols of y.
        threads: number of threads that may work at most.
        numbers: numbers of the model's settings.

    Attributes:
        seconds: time left for searches in one-pass strings.
        seconds_autoregressive: time left for searches in autoregressive ones.
    """

    def __init__(self, z_symbols: np.ndarray, order: SymbolOrder, threads: int, numbers: Mapping[str, int]):
        self.z_symbols = z_symbols
        self.order = order
        self.threads = threads
        self.numbers = numbers
        self.seconds = MAX_SECONDS
        self.seconds_autoregressive = MAX_SECONDS_AUTOREGRESSIVE


class ChunkCoder(Protocol):
    """Codes chunks of y, each by itself."""

    @property
    def native_order(self) -> SymbolOrder:
        """The order of symbols that decodes fastest."""
        ...

    def encode(self, ys: Sequence[np.ndarray], knowns: Sequence[Any], how: Coding) -> list[CodedString]:
        """Strings of chunks `[h, w, M]`; see `SideInformation` for what is known of each."""
        ...

    def decode(self, chunks: Sequence[CodedChunk], picture: Picture) -> list[np.ndarray]:
        """y_hat `[h, w, M]` of each: the inverse of `encode`.

        Raises:
            BitstreamError: a string has a format or an order that no writer uses here.
            StreamError: a string is damaged, or parameters differ from the encoder's.
        """
        ...
