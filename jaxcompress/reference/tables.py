"""Coding tables: which part of the range of 2^16 a symbol has."""

import bisect
import itertools
from collections.abc import Mapping

import numpy as np

LARGEST_NIBBLES = 7
"""Of what an escape carries."""


class Row:
    """The table of a symbol.

    Attributes:
        cumulative: c[0] = 0 to c[n] = 65536 of n symbols, of which the last is the escape.
        offset: the value of the first symbol.
    """

    def __init__(self, cumulative: list[int], offset: int):
        steps = all(low < high for low, high in itertools.pairwise(cumulative))
        if len(cumulative) < 2 or cumulative[0] != 0 or cumulative[-1] != 2**16 or not steps:
            raise ValueError(f"a coding table does not rise from 0 to 65536: {cumulative[:4]}...")
        self.cumulative, self.offset = cumulative, offset

    @property
    def escape(self) -> int:
        """The number of the escape among the symbols."""
        return len(self.cumulative) - 2

    def find(self, c: int) -> tuple[int, int, int]:
        """The number of the symbol in whose interval c lies, and the start and width of that."""
        number = bisect.bisect_right(self.cumulative, c) - 1
        start = self.cumulative[number]
        return number, start, self.cumulative[number + 1] - start

    def escaped_value(self, raw: int) -> int:
        """The value that an escape with this raw value stands for."""
        return self.offset + (-(raw + 1) // 2 if raw % 2 else self.escape + raw // 2)


def read_rows(arrays: Mapping[str, np.ndarray], part: str) -> list[Row]:
    """The tables "entropy_bottleneck" (one for each channel) or "gaussian_conditional" (one for each scale)."""
    cdf, lengths, offsets = (arrays[f"tables/{part}/{name}"] for name in ("cdf", "cdf_length", "offset"))
    return [
        Row(row[:length], offset)
        for row, length, offset in zip(cdf.tolist(), lengths.tolist(), offsets.tolist(), strict=True)
    ]
