"""Many pictures at once: on all processors and all devices, in order, with few of them in memory."""

import collections
import contextlib
import itertools
import queue
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import jax

from jaxcompress.codec.devices import chosen_device
from jaxcompress.processors import PROCESSORS

_T = TypeVar("_T")
_R = TypeVar("_R")


def ordered_map(
    function: Callable[[_T], _R], items: Iterable[_T], *, jobs: int = PROCESSORS, window: int | None = None
) -> Iterator[_R]:
    """Calls a function for each item, several at a time, and yields the results in the order of the items.

    Items are taken as there is room for them, in the thread that asks for results, while other threads work. Each call
    runs with one of this process's devices as JAX's default: the next that is free. If the caller has set
    `jax.default_device`, all run there.

    Args:
        function: may be called by several threads at once.
        items: any iterable; a generator may read files.
        jobs: calls at a time.
        window: items taken whose results have not been asked for yet, at most; twice `jobs` if not given.

    Yields:
        The results.

    Raises:
        ValueError: `jobs` or `window` is below 1.
        Exception: whatever a call raised, when it is its turn. Calls that have not begun are then given up and the
            others waited for, as when the caller asks for no more; after KeyboardInterrupt nothing is waited for.
    """
    window = 2 * jobs if window is None else window
    if jobs < 1 or window < 1:
        raise ValueError(f"jobs is {jobs} and window {window}; expected at least 1")
    return _ordered_map(_on_devices(function, jobs), items, jobs, window)


def _ordered_map(function: Callable[[_T], _R], items: Iterable[_T], jobs: int, window: int) -> Iterator[_R]:
    waiting: collections.deque[Future[_R]] = collections.deque()
    pool, wait = ThreadPoolExecutor(jobs), True
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            while waiting and (len(waiting) >= window or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except KeyboardInterrupt:
        wait = False
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


def _on_devices(function: Callable[[_T], _R], jobs: int) -> Callable[[_T], _R]:
    """The function, each call on the next free device."""
    devices = _devices()
    if devices == [None]:
        return function
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for device in itertools.islice(itertools.cycle(devices[:jobs]), jobs):
        free.put(device)

    def call(item: _T) -> _R:
        device = free.get()
        try:
            with contextlib.nullcontext() if device is None else jax.default_device(device):
                return function(item)
        finally:
            free.put(device)

    return call


def _devices() -> list[Any]:
    """Devices to work on; None stands for JAX's default, whose programs are those of calls outside of here."""
    chosen = chosen_device()  # of the calling thread, which others do not inherit
    return [chosen] if chosen is not None else [None, *jax.local_devices()[1:]]
