"""The GIL is released, and objects are safe to share."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcompress import coder

TABLES = coder.CdfTables([[0, 20000, 60000, 65536]], [4], [-1])


@pytest.fixture
def no_thread_switches():
    """From here on a thread runs until it gives the GIL away itself."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("name", ["encode", "decode", "encode_batch", "decode_batch", "Encoder"])
def test_other_threads_run_while_coding(name, no_thread_switches):
    symbols = np.zeros(1_000_000, np.int32)
    indexes = np.zeros(1_000_000, np.uint8)
    data = coder.encode(symbols, indexes, TABLES)
    gate, ran = threading.Lock(), threading.Event()

    def wait_and_run():
        with gate:
            ran.set()

    with gate:
        thread = threading.Thread(target=wait_and_run)
        thread.start()
    # Now the thread may go on, but the GIL is here, and only the coder gives it away below.
    assert not ran.is_set()
    deadline = time.monotonic() + 10
    while not ran.is_set() and time.monotonic() < deadline:
        if name == "encode":
            coder.encode(symbols, indexes, TABLES)
        elif name == "encode_batch":
            coder.encode_batch([symbols], [indexes], TABLES, threads=1)
        elif name == "decode_batch":
            coder.decode_batch([data], [indexes], TABLES, threads=1)
        elif name == "Encoder":
            coder.Encoder(TABLES).encode(symbols, indexes)
        else:
            coder.Decoder(data, TABLES).decode(indexes)
    assert ran.is_set()
    thread.join()


def test_tables_serve_several_threads(coded):
    def round_trip(_):
        data = coder.encode(coded.symbols, coded.indexes, coded.tables)
        return data, coder.decode(data, coded.indexes, coded.tables).tolist()

    with ThreadPoolExecutor(4) as pool:
        for data, symbols in pool.map(round_trip, range(100)):
            assert data == coded.data
            assert symbols == coded.symbols.tolist()


@pytest.mark.parametrize("size", [100, 50_000])
def test_an_encoder_serves_several_threads(size):
    # All groups are the same, so they may come in any order.
    symbols = np.random.default_rng(2).integers(-1, 1, size, np.int32)
    indexes = np.zeros(size, np.uint8)
    encoder = coder.Encoder(TABLES)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: encoder.encode(symbols, indexes), range(60)))
    assert encoder.finish() == coder.encode(np.tile(symbols, 60), np.tile(indexes, 60), TABLES)


def test_a_decoder_serves_several_threads():
    # All groups have the same indexes, so they may come in any order. Long ones, so that calls overlap.
    symbols = np.random.default_rng(2).integers(-1, 1, (60, 50_000), np.int32)
    indexes = np.zeros(50_000, np.uint8)
    decoder = coder.Decoder(coder.encode(symbols, np.zeros_like(symbols), TABLES), TABLES)
    with ThreadPoolExecutor(4) as pool:
        groups = list(pool.map(decoder.decode, [indexes] * 60))
    decoder.finish()
    assert sorted(group.tobytes() for group in groups) == sorted(group.tobytes() for group in symbols)
