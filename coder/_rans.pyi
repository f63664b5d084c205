"""The C++ extension. Arrays of the dtypes given here that are C-contiguous are taken as they are.

Where ArrayLike is written, others are converted by `_arrays`; elsewhere they are a TypeError.
"""

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

class StreamError(ValueError): ...

class CdfTables:
    def __init__(self, cdf: NDArray[np.int32], lengths: NDArray[np.int32], offsets: NDArray[np.int32]) -> None: ...
    def __len__(self) -> int: ...

class Encoder:
    def __init__(self, tables: CdfTables) -> None: ...
    def encode(self, symbols: ArrayLike, indexes: ArrayLike) -> None: ...
    def finish(self) -> bytes: ...

class ContextModel:
    def __init__(
        self,
        context_kernel: NDArray[np.float32],
        context_bias: NDArray[np.float32],
        layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
        scale_table: NDArray[np.float32],
        slope: float,
        isa: str | None,
    ) -> None: ...
    def encode(
        self,
        latents: list[NDArray[np.float32]],
        hypers: list[NDArray[np.float32]],
        tables: CdfTables,
        order: str,
        threads: SupportsIndex,
    ) -> list[bytes]: ...
    def decode(
        self,
        streams: list[bytes],
        hypers: list[NDArray[np.float32]],
        tables: CdfTables,
        order: str,
        threads: SupportsIndex,
    ) -> list[NDArray[np.float32]]: ...
    def decode_repaired(
        self,
        stream: bytes,
        hyper: NDArray[np.float32],
        tables: CdfTables,
        order: str,
        threads: SupportsIndex,
        max_tries: SupportsIndex,
        max_seconds: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], int]: ...
    def predict(
        self, latent: NDArray[np.float32], hyper: NDArray[np.float32], threads: SupportsIndex
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

class IntegerContextModel:
    def __init__(
        self,
        context_kernel: NDArray[np.int8],
        latent_shifts: NDArray[np.uint8],
        hidden_shifts: list[NDArray[np.uint8]],
        layers: list[tuple[NDArray[np.int8], NDArray[np.int32]]],
        output_shifts: NDArray[np.int8],
        thresholds: NDArray[np.int32],
        isa: str | None,
    ) -> None: ...
    def encode(
        self,
        latents: list[NDArray[np.float32]],
        sides: list[NDArray[np.int32]],
        tables: CdfTables,
        order: str,
        threads: SupportsIndex,
    ) -> list[bytes]: ...
    def decode(
        self,
        streams: list[bytes],
        sides: list[NDArray[np.int32]],
        tables: CdfTables,
        order: str,
        threads: SupportsIndex,
    ) -> list[NDArray[np.float32]]: ...
    def predict(
        self, latent: NDArray[np.float32], side: NDArray[np.int32], threads: SupportsIndex
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]: ...

class Decoder:
    def __init__(self, data: bytes, tables: CdfTables) -> None: ...
    def decode(self, indexes: ArrayLike) -> NDArray[np.int32]: ...
    def finish(self) -> None: ...

def encode(symbols: ArrayLike, indexes: ArrayLike, tables: CdfTables) -> bytes: ...
def encode_batch(
    symbols: list[NDArray[np.int32]], indexes: list[NDArray], tables: CdfTables, threads: int
) -> list[bytes]: ...
def decode_batch(
    streams: list[bytes], indexes: list[NDArray], tables: CdfTables, threads: int
) -> list[NDArray[np.int32]]: ...
def instruction_sets(kernel: str) -> list[str]: ...
def pmf_to_cdf(pmf: NDArray[np.float32], precision: SupportsIndex) -> NDArray[np.int32]: ...
def decode_repaired(
    data: bytes,
    indexes: NDArray[np.uint8] | NDArray[np.int32],
    tables: CdfTables,
    positions: NDArray[np.int32],
    alternatives: NDArray[np.int32],
    distances: NDArray[np.float64],
    max_tries: SupportsIndex,
    max_seconds: float,
) -> tuple[NDArray[np.int32], NDArray[np.int64], int]: ...

class LaneTables:
    def __init__(self, tables: CdfTables) -> None: ...

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
