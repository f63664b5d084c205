"""The endless stream of training batches, with Grain."""

import functools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from jaxcompress.train.data.crops import random_crop
from jaxcompress.train.data.optional import require

# So many pictures are endless, and yet Grain can count them: the length of its own endless streams overflows in batches
# of one.
_ENDLESS = 2**48


class Source(Protocol):
    """Pictures by number, such as `Pictures`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> np.ndarray: ...

    def fingerprint(self) -> str:
        """A hash that tells these pictures from others."""


class Batches(Iterator[np.ndarray]):
    """Batches of one process, each uint8 `[batch_size // process_count, crop, crop, 3]`; made by `training_batches`.

    Attributes:
        source: pictures that they are cropped from.
    """

    def __init__(self, iterator: Any, data: dict[str, Any], source: Source):
        self._iterator = iterator
        self._data = data
        self.source = source

    def __next__(self) -> np.ndarray:
        """The next batch."""
        return next(self._iterator)

    def state(self) -> dict[str, Any]:
        """Where the stream is, the same in every process.

        Returns:
            The number of the next batch, and what the stream is made of; can be written as JSON.
        """
        return {"next_batch": self._iterator.get_state()["next_index"], "data": dict(self._data)}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes to where a stream of the same data was, with any number of processes and threads.

        Args:
            state: what its `state` returned.

        Raises:
            ValueError: that stream was made of other data or with other options.
        """
        then = state["data"]
        changed = [
            f"{name} was {then.get(name)!r}, is {now!r}" for name, now in self._data.items() if then.get(name) != now
        ]
        if changed:
            raise ValueError(
                f"the state is of other training data: {'; '.join(changed)} (names are those of "
                f"the pictures, without those held out); give the data and options it was saved with, or start the "
                f"stream anew"
            )
        self._iterator.set_state({"next_index": state["next_batch"]})

    def close(self) -> None:
        """Stops the threads that read ahead."""
        self._iterator.close()


def training_batches(
    source: Source,
    *,
    batch_size: int,
    crop: int,
    flip: bool = True,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
    threads: int = 16,
    start: int = 0,
) -> Batches:
    """Random crops of pictures, without end, in another order in every epoch.

    The batches of all processes, one behind the other, are the batch that a single process would get.

    Args:
        source: pictures.
        batch_size: crops in a batch of all processes together.
        crop: side of the crops, in pixels.
        flip: mirror half of the crops left to right.
        seed: 0 to 2**32 - 1; decides the order, the crops and the flips.
        process_index: number of this process, 0 to `process_count - 1`.
        process_count: number of processes; `batch_size` is a multiple of it.
        threads: how many read and decode, each a batch; so many batches are kept ready. 0 reads when asked.
        start: number of the first batch.

    Returns:
        An iterator over this process's part of the batches.

    Raises:
        ImportError: Grain is not installed.
        ValueError: an argument is out of its range.
    """
    _check(source, batch_size, crop, seed, process_index, process_count, threads, start)
    grain = require("grain")
    # Grain's random numbers depend on the seed and on a picture's place in the endless stream, and the slice takes
    # every `process_count`-th small batch of that stream: so no process sees what another does.
    crops = (
        grain.MapDataset.source(source)
        .seed(seed)
        .shuffle()
        .repeat(_ENDLESS // len(source))
        .random_map(functools.partial(random_crop, crop=crop, flip=flip))
        .batch(batch_size // process_count)
    )
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads)
    iterator = iter(crops[process_index::process_count].to_iter_dataset(options))
    iterator.set_state({"next_index": start})
    data = {"pictures": len(source), "names": source.fingerprint()}
    return Batches(iterator, data | {"batch_size": batch_size, "crop": crop, "flip": flip, "seed": seed}, source)


def _check(
    source: Source,
    batch_size: int,
    crop: int,
    seed: int,
    process_index: int,
    process_count: int,
    threads: int,
    start: int,
) -> None:
    if not len(source):
        raise ValueError("the source holds no pictures; expected at least 1")
    if crop < 1:
        raise ValueError(f"crop is {crop}; expected at least 1 pixel")
    if process_count < 1 or not 0 <= process_index < process_count:
        raise ValueError(f"process_index is {process_index} of process_count {process_count}; expected 0 to one below")
    if batch_size < 1 or batch_size % process_count:
        raise ValueError(
            f"batch_size is {batch_size}, of all {process_count} processes; expected a multiple of {process_count}"
        )
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}; expected 0 to 2**32 - 1")
    if threads < 0 or start < 0:
        raise ValueError(f"threads is {threads} and start is {start}; expected at least 0 of each")
