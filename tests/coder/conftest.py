"""Tables and a stream such as an image model has."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcompress import coder


@pytest.fixture(scope="session")
def gaussian():
    """64 normal distributions with scales from 0.11 to 256: arrays cdf, lengths, offsets, and the tables."""
    rows, offsets = [], []
    for scale in np.geomspace(0.11, 256, 64):
        reach = math.ceil(6.1 * scale)
        edges = [math.erf((k - 0.5) / scale / math.sqrt(2)) / 2 for k in range(-reach, reach + 2)]
        rows.append(coder.pmf_to_cdf([*np.diff(edges), 1e-9]))
        offsets.append(-reach)
    lengths = np.array([len(row) for row in rows])
    cdf = np.zeros((len(rows), lengths.max()), np.int32)
    for row, values in zip(cdf, rows, strict=True):
        row[: len(values)] = values
    offsets = np.array(offsets)
    tables = coder.CdfTables(cdf, lengths, offsets)
    return SimpleNamespace(cdf=cdf, lengths=lengths, offsets=offsets, tables=tables)


@pytest.fixture(scope="session")
def coded(gaussian):
    """4000 symbols, none of them an escape, with their indexes, tables and stream."""
    rng = np.random.default_rng(7)
    indexes = np.clip(rng.normal(18, 8, 4000), 0, 63).astype(np.int32)
    scales = np.geomspace(0.11, 256, 64)[indexes]
    symbols = np.clip(np.rint(rng.normal(0, scales)), -5 * scales, 5 * scales).astype(np.int32)
    data = coder.encode(symbols, indexes, gaussian.tables)
    return SimpleNamespace(symbols=symbols, indexes=indexes, tables=gaussian.tables, data=data)
