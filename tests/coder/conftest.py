"""Tables and a stream such as an image model has, and autoregressive models with random weights."""

import dataclasses
import itertools
import math
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())


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


@dataclasses.dataclass
class ContextWeights:
    """Weights of an autoregressive model as arrays, and pictures for it."""

    context: tuple[np.ndarray, np.ndarray]
    layers: list[tuple[np.ndarray, np.ndarray]]
    slope: float = 0.01

    def model(self, isa=None):
        return coder.ContextModel(*self.context, self.layers, TABLES.scale_table, slope=self.slope, isa=isa)

    def picture(self, height, width, seed=0):
        """Latent and side information."""
        rng = np.random.default_rng(seed)
        channels = self.context[0].shape[2]
        side = self.layers[0][0].shape[0] - self.context[0].shape[3]
        spread = np.abs(self.layers[-1][1][:channels])
        y = rng.normal(0, 1, (height, width, channels)) * spread
        return y.astype(np.float32), rng.normal(0, 1, (height, width, side)).astype(np.float32)


def random_context_weights(channels, *, size=5, context=None, side=7, hidden=(19, 13), seed=0):
    """Weights whose scales and means spread over many tables."""
    rng = np.random.default_rng(seed)
    context = 2 * channels if context is None else context
    depth = size * size // 2 * channels
    kernel = rng.normal(0, 0.3 / np.sqrt(depth), (size, size, channels, context)).astype(np.float32)
    layers = []
    for inputs, outputs in itertools.pairwise((side + context, *hidden, 2 * channels)):
        layers.append([rng.normal(0, 1.4 / np.sqrt(inputs), (inputs, outputs)), rng.normal(0, 0.3, outputs)])
    deviations = np.exp(rng.uniform(np.log(0.1), np.log(20), channels))
    last_kernel, last_bias = layers[-1]
    last_kernel *= np.concatenate([deviations / 2, deviations])
    last_bias[:channels] += deviations
    layers = [(kernel.astype(np.float32), bias.astype(np.float32)) for kernel, bias in layers]
    return ContextWeights((kernel, rng.normal(0, 0.3, context).astype(np.float32)), layers)


@pytest.fixture(scope="session")
def context_weights():
    """A function that makes weights whose scales and means spread over many tables; see its arguments."""
    return random_context_weights


@pytest.fixture(scope="session")
def small_context_model():
    """Weights, a model, and three pictures of different sizes with their streams by order."""
    weights = random_context_weights(10, seed=20)
    model = weights.model()
    pictures = [weights.picture(*shape, seed=seed) for seed, shape in enumerate([(5, 8), (9, 3), (4, 4)])]
    streams = {
        order: [model.encode(*p, TABLES.coder_tables, order=order) for p in pictures]
        for order in ("raster", "wavefront")
    }
    return weights, model, pictures, streams


@pytest.fixture
def assert_other_threads_run() -> Callable[[Callable], None]:
    """Repeats an action until another Python thread has run meanwhile; if none does in 10 s, the test fails."""

    def repeat(action):
        gate, ran = threading.Lock(), threading.Event()

        def wait_and_run():
            with gate:
                ran.set()

        thread, interval = threading.Thread(target=wait_and_run), sys.getswitchinterval()
        with gate:
            thread.start()
            sys.setswitchinterval(1e6)  # from here on a thread runs until it gives the GIL away itself
        try:
            # Now the thread may go on, but the GIL is here, and only the action gives it away.
            assert not ran.is_set()
            deadline = time.monotonic() + 10
            while not ran.is_set() and time.monotonic() < deadline:
                action()
            assert ran.is_set()
        finally:
            sys.setswitchinterval(interval)
            thread.join()

    return repeat
