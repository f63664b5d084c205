"""The integer autoregressive model a second time, in NumPy, and pictures for it."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcompress import coder

ORDERS = ("raster", "wavefront")


def half(shift):
    return (1 << shift) >> 1


def rounded(values, shifts):
    return (values + half(shifts)) >> shifts


@dataclasses.dataclass
class Weights:
    """A model as arrays, with its picture-by-picture reference in int64."""

    context_kernel: np.ndarray
    latent_shifts: np.ndarray
    hidden_shifts: list[np.ndarray]
    layers: list[tuple[np.ndarray, np.ndarray]]
    output_shifts: np.ndarray
    thresholds: np.ndarray

    def model(self, isa=None):
        return coder.IntegerContextModel(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, isa=isa)

    @property
    def channels(self):
        return len(self.latent_shifts)

    def predict(self, window, side):
        """Indexes and means at one position, given `[k, k, M]` in 64ths."""
        size = self.context_kernel.shape[0]
        taps = size * size // 2
        shifts = self.latent_shifts.astype(np.int64)
        seen = np.clip(rounded(window.reshape(-1, self.channels)[:taps], shifts), -128, 127)
        kernel = self.context_kernel.astype(np.int64).reshape(size * size, self.channels, -1)[:taps]
        sums = side.astype(np.int64) + np.einsum("ti,tio->o", seen, kernel)
        for shifts, (kernel, bias) in zip(self.hidden_shifts, self.layers, strict=True):
            leaky = np.where(sums >= 0, sums, (sums >> 7) + (sums >> 9) + (sums >> 12))
            hidden = np.clip(rounded(leaky, shifts.astype(np.int64)), -8, 247)
            sums = bias + hidden @ kernel.astype(np.int64)
        assert np.abs(sums).max() <= 2**30
        shifts = self.output_shifts.astype(np.int64)
        values = np.where(shifts >= 0, rounded(sums, np.maximum(shifts, 0)), sums << np.maximum(-shifts, 0))
        assert np.abs(values).max() < 2**31
        scales, means = np.split(values, 2)
        return (scales[:, None] > self.thresholds).sum(1), np.clip(means, -(2**21), 2**21)

    def reference(self, y, side):
        """Symbols, indexes, y_hat and means, `[h, w, M]` each."""
        size = self.context_kernel.shape[0]
        reach = size // 2
        padded = np.zeros((y.shape[0] + 2 * reach, y.shape[1] + 2 * reach, y.shape[2]), np.int64)
        symbols, indexes, means = (np.zeros(y.shape, np.int32) for _ in range(3))
        for row, column in np.ndindex(y.shape[:2]):
            window = padded[row : row + size, column : column + size]
            indexes[row, column], means[row, column] = self.predict(window, side[row, column])
            residual = y[row, column] - means[row, column].astype(np.float32) / np.float32(64)
            symbols[row, column] = np.rint(residual)
            window[reach, reach] = 64 * symbols[row, column] + means[row, column]
        y_int = padded[reach : reach + y.shape[0], reach : reach + y.shape[1]]
        return symbols, indexes, (y_int / 64).astype(np.float32), means


def random_weights(channels, *, size=5, context=None, hidden=(19, 13), tables=64, seed=0):
    """Weights whose activations spread over their range, and whose scales spread over the tables."""
    rng = np.random.default_rng(seed)
    sizes = [2 * channels if not hidden and context is None else context or 2 * channels, *hidden]
    if hidden or context is not None:
        sizes.append(2 * channels)
    kernel = rng.integers(-128, 128, (size, size, channels, sizes[0]), np.int8)
    layers = [
        (rng.integers(-128, 128, shape, np.int8), rng.integers(-9000, 9000, shape[1], np.int32))
        for shape in itertools.pairwise(sizes)
    ]
    depths = [channels * (size * size // 2), *sizes[1:-1]]
    hidden_shifts = [
        np.clip(rng.integers(-2, 2, count) + 7 + int(np.log2(depth) / 2), 0, 30).astype(np.uint8)
        for count, depth in zip(sizes, depths, strict=False)
    ][: len(layers)]
    deviation = 74 * 60 * np.sqrt(sizes[-2] if layers else channels * (size * size // 2))
    shift = int(np.log2(deviation / 1500))
    output_shifts = np.clip(rng.integers(-1, 2, 2 * channels) + shift, -16, 30).astype(np.int8)
    if layers:
        layers[-1][1][:channels] += 2000 << shift
    thresholds = np.unique(np.geomspace(60, 9000, tables - 1).astype(np.int32))
    return Weights(kernel, rng.integers(3, 7, channels, np.uint8), hidden_shifts, layers, output_shifts, thresholds)


def random_picture(weights, height, width, seed=0, spread=6.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(0, spread, (height, width, weights.channels)).astype(np.float32)
    side = rng.integers(-20000, 20000, (height, width, weights.context_kernel.shape[3]), np.int32)
    return y, side


@pytest.fixture(scope="session")
def second():
    """The second implementation and what makes random cases of it."""
    return SimpleNamespace(Weights=Weights, random_weights=random_weights, random_picture=random_picture)


@pytest.fixture(scope="session")
def tables_of(gaussian):
    """A function from weights to tables that have enough rows."""

    def tables(weights):
        rows = np.arange(len(weights.thresholds) + 1) % 64
        return coder.CdfTables(gaussian.cdf[rows], gaussian.lengths[rows], gaussian.offsets[rows])

    return tables


@pytest.fixture(scope="session")
def small(tables_of):
    """Weights, a model, its tables, and three pictures of different sizes with their streams by order."""
    weights = random_weights(10, seed=20)
    model, tables = weights.model(), tables_of(weights)
    pictures = [random_picture(weights, *shape, seed=seed) for seed, shape in enumerate([(5, 8), (9, 3), (4, 4)])]
    streams = {order: [model.encode(*p, tables, order=order) for p in pictures] for order in ORDERS}
    return weights, model, tables, pictures, streams
