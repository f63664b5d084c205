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


@pytest.mark.parametrize("name", ["encode", "decode"])
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
        decoder = coder.Decoder(data, TABLES)
        if name == "encode":
            coder.encode(symbols, indexes, TABLES)
        else:
            decoder.decode(indexes)
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


def test_a_decoder_serves_several_threads():
    # All groups have the same indexes, so they may come in any order. Long ones, so that calls overlap.
    symbols = np.random.default_rng(2).integers(-1, 1, (60, 50_000), np.int32)
    indexes = np.zeros(50_000, np.uint8)
    decoder = coder.Decoder(coder.encode(symbols, np.zeros_like(symbols), TABLES), TABLES)
    with ThreadPoolExecutor(4) as pool:
        groups = list(pool.map(decoder.decode, [indexes] * 60))
    decoder.finish()
    assert sorted(group.tobytes() for group in groups) == sorted(group.tobytes() for group in symbols)
