"""The C++ extension. Arrays are C-contiguous and of the dtypes given here, or it raises TypeError."""

from typing import SupportsIndex

import numpy as np
from numpy.typing import NDArray

class StreamError(ValueError): ...

class CdfTables:
    def __init__(self, cdf: NDArray[np.int32], lengths: NDArray[np.int32], offsets: NDArray[np.int32]) -> None: ...
    def __len__(self) -> int: ...

class Decoder:
    def __init__(self, data: bytes, tables: CdfTables) -> None: ...
    def decode(self, indexes: NDArray[np.uint8] | NDArray[np.int32]) -> NDArray[np.int32]: ...
    def finish(self) -> None: ...

def encode(symbols: NDArray[np.int32], indexes: NDArray[np.uint8] | NDArray[np.int32], tables: CdfTables) -> bytes: ...
def pmf_to_cdf(pmf: NDArray[np.float32], precision: SupportsIndex) -> NDArray[np.int32]: ...

class LaneTables:
    def __init__(self, tables: CdfTables) -> None: ...

def lane_isas() -> list[str]: ...
def encode_lanes(
    symbols: NDArray[np.int32],
    indexes: NDArray[np.uint8] | NDArray[np.int32],
    tables: LaneTables,
    *,
    lanes: int,
    parts: int | None,
    threads: int,
    isa: str | None,
) -> bytes: ...
def decode_lanes(
    data: bytes,
    indexes: NDArray[np.uint8] | NDArray[np.int32],
    tables: LaneTables,
    *,
    threads: int,
    isa: str | None,
) -> NDArray[np.int32]: ...
