"""A network run window by window."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxcompress.codec.windows import Area, Size, Window, cover, intersect, scale, span, within


class Signal(Protocol):
    """What can be cut: an array `[h, w, C]`, or what makes its parts when asked."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height and width, and more."""
        ...

    def __getitem__(self, area: Area, /) -> np.ndarray:
        """A part, float32 or integers `[rows, columns, C]`."""
        ...


class WindowSizes(NamedTuple):
    """Windows that a network runs on.

    Attributes:
        sizes: heights and widths, in cells, see `windows`.
        halo: cells along a window's sides whose outputs are not right.
    """

    sizes: tuple[Size, ...]
    halo: int


Settings = Mapping[str, Any]
"""Knobs of a model, by name: what its stages take, see `models.Layout.values`, or the numbers of a file."""

Network = Callable[[np.ndarray, "np.ndarray | None", Settings], Any]
"""From a window `[h, w, C]`, how many of its rows and columns of cells are the signal's (None: all), and settings, to
arrays `[h', w', C']` (a tree of them)."""


class TiledNetwork:
    """Runs a network on signals of any size.

    Args:
        network: see `Network`. What it makes of zeros beyond the signal's end must not matter to the rest.
        windows: what it runs on; None to run it on every signal as a whole.
        inputs: its input's samples for each cell, each way.
        outputs: likewise.
    """

    def __init__(self, network: Network, windows: WindowSizes | None, *, inputs: int = 1, outputs: int = 1):
        self._network = network
        self._windows = windows
        self._inputs = inputs
        self._outputs = outputs

    def __call__(self, signal: Signal, area: Area | None = None, *, settings: Settings | None = None) -> Any:
        """What the network makes of a signal, as arrays `[h', w', C']`.

        Args:
            signal: what to run it on.
            area: of cells, to get the outputs there alone. The windows depend on nothing but this area and the
                signal's size.
            settings: of the model.
        """
        shape = self._cells(signal)
        area = area or _all(shape)
        height, width = ((s.stop - s.start) * self._outputs for s in area)
        places, parts = [], []
        for window in self._cover(shape, area):
            places.append(scale(within(window.area, (area[0].start, area[1].start)), self._outputs))
            parts.append(self._run(signal, window, settings))
        return jax.tree.map(lambda *arrays: _assemble((height, width), places, arrays), *parts)

    def parts(
        self, signal: Signal, area: Area | None = None, *, settings: Settings | None = None
    ) -> Iterator[tuple[Area, Any]]:
        """What the network makes of a signal, part by part, each computed when asked for.

        Args:
            signal: what to run it on.
            area: of cells, to get the parts alone that overlap with it: the same as without.
            settings: of the model.

        Yields:
            Areas of outputs, which do not overlap, and their values.
        """
        for window in self._overlapping(self._cells(signal), area):
            yield scale(window.area, self._outputs), self._run(signal, window, settings)

    def count(self, shape: Size, area: Area | None = None) -> int:
        """How many parts there are, of a signal of `shape` cells."""
        return len(self._overlapping(shape, area))

    def needed(self, shape: Size, area: Area) -> Area:
        """The cells that the parts of a signal of `shape` cells are computed from."""
        return span(_inside(window, shape) for window in self._overlapping(shape, area))

    def _cells(self, signal: Signal) -> Size:
        return signal.shape[0] // self._inputs, signal.shape[1] // self._inputs

    def _cover(self, shape: Size, area: Area) -> Sequence[Window]:
        if self._windows is None:
            return (Window((0, 0), shape, area),)
        return cover(shape, *self._windows, area)

    def _overlapping(self, shape: Size, area: Area | None) -> Sequence[Window]:
        windows = self._cover(shape, _all(shape))
        return windows if area is None else [window for window in windows if intersect(window.area, area)]

    def _run(self, signal: Signal, window: Window, settings: Settings | None) -> Any:
        """The network's outputs in the window's area."""
        part, size = self._cut(signal, window)
        place = scale(within(window.area, window.origin), self._outputs)
        return jax.tree.map(lambda a: np.asarray(a)[place], self._network(part, size, settings or {}))

    def _cut(self, signal: Signal, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """The window's input, zeros where it reaches beyond the signal, and what of it is the signal's."""
        area = _inside(window, self._cells(signal))
        size = np.array([s.stop - s.start for s in area], np.int32)
        part = signal[scale(area, self._inputs)]
        beyond = [(0, (full - int(own)) * self._inputs) for full, own in zip(window.size, size, strict=True)]
        if any(zeros for _, zeros in beyond):
            part = np.pad(part, (*beyond, (0, 0)))
        return part, None if self._windows is None else size


def _assemble(shape: Size, places: Sequence[Area], parts: Sequence[np.ndarray]) -> np.ndarray:
    """The array that parts `[h, w, ...]` make in their places."""
    if len(parts) == 1:
        return parts[0]
    whole = np.empty((*shape, *parts[0].shape[2:]), parts[0].dtype)
    for place, part in zip(places, parts, strict=True):
        whole[place] = part
    return whole


def _all(shape: Size) -> Area:
    return slice(0, shape[0]), slice(0, shape[1])


def _inside(window: Window, shape: Size) -> Area:
    """What of a window is the signal's."""
    ends = zip(window.origin, window.size, shape, strict=True)
    rows, columns = (slice(origin, min(origin + length, end)) for origin, length, end in ends)
    return rows, columns
