"""Windows of a few fixed sizes over a signal of any size, so that a handful of compiled programs serves all pictures.

All lengths are in cells: the coarsest grid that a network's input and output both divide into, which is a latent for
g_a and g_s, and a hyper-latent for h_a and h_s. A network's output depends on its input up to `halo` cells away, so a
window gives right outputs everywhere but in a margin that wide along its sides; a side that lies on the signal's own
edge has none.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Area = tuple[slice, slice]
"""Rows and columns, with start and stop."""

Size = tuple[int, int]
"""Height and width."""

# What it costs to run one more window, in cells of computing.
_OVERHEAD = 4

# Longer sides than this many of the longest windows begin with those; only the rest is worth a search.
_SEARCHED = 4


class Window(NamedTuple):
    """One run of a network.

    Attributes:
        origin: row and column of its first cell; never outside the signal.
        size: height and width; it may reach beyond the signal's end.
        area: the part of the signal that its outputs are taken for.
    """

    origin: Size
    size: Size
    area: Area


def cover(shape: Size, sizes: tuple[Size, ...], halo: int, area: Area) -> list[Window]:
    """Windows whose areas part an area of a signal among them, at the least cost that bands of rows allow.

    Args:
        shape: height and width of the signal.
        sizes: of the windows that there are; the longest sides longer than `2 * halo`.
        halo: see the module.
        area: what is needed of the signal.

    Returns:
        The windows, band after band.
    """
    heights = {
        height: {width: tall * width for tall, width in sorted(sizes, reverse=True) if tall >= height}
        for height, _ in sizes
    }
    columns = {height: _divide(area[1], shape[1], costs, halo) for height, costs in heights.items()}
    band_costs = {
        height: sum(heights[height][width] + _OVERHEAD for _, _, width in parts) for height, parts in columns.items()
    }
    windows = []
    for top, bottom, height in _divide(area[0], shape[0], band_costs, halo):
        for left, right, width in columns[height]:
            size = min((s for s in sizes if s[0] >= height and s[1] == width), key=lambda s: s[0])
            origin = _origin(top, size[0], shape[0], halo), _origin(left, width, shape[1], halo)
            windows.append(Window(origin, size, (slice(top, bottom), slice(left, right))))
    return windows


def _divide(line: slice, total: int, costs: Mapping[int, float], halo: int) -> list[tuple[int, int, int]]:
    """Parts (start, stop, length of window) of a line among `total` cells, at the least cost."""
    parts, begin, longest = [], line.start, max(costs)
    while line.stop - begin > _SEARCHED * longest:
        parts.append((begin, _reach(begin, longest, total, halo), longest))
        begin = parts[-1][1]
    # What it costs to come to each place, and the last step there; a step leads as far as its window can see.
    best: dict[int, tuple[float, int, int]] = {begin: (0, begin, 0)}
    for start in range(begin, line.stop):
        if start in best:
            for length, cost in costs.items():
                stop = min(_reach(start, length, total, halo), line.stop)
                cost += best[start][0] + _OVERHEAD
                if stop > start and (stop not in best or cost < best[stop][0]):
                    best[stop] = cost, start, length
    rest, stop = [], line.stop
    while stop > begin:
        _, start, length = best[stop]
        rest.append((start, stop, length))
        stop = start
    return parts + rest[::-1]


def _reach(start: int, length: int, total: int, halo: int) -> int:
    """How far a window's right outputs go that begin at `start`."""
    end = max(0, start - halo) + length
    return total if end >= total else end - halo


def _origin(start: int, length: int, total: int, halo: int) -> int:
    """Where the window begins: moved back rather than beyond the signal's end."""
    return max(0, min(start - halo, total - length))


def intersect(a: Area, b: Area) -> Area | None:
    """What two areas share, or None."""
    shared = tuple(slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return (shared[0], shared[1]) if all(s.start < s.stop for s in shared) else None


def span(areas: Iterable[Area]) -> Area:
    """The least rectangle around areas."""
    rows, columns = zip(*areas, strict=True)
    return _around(rows), _around(columns)


def _around(slices: tuple[slice, ...]) -> slice:
    return slice(min(s.start for s in slices), max(s.stop for s in slices))


def scale(area: Area, factor: int) -> Area:
    """The same area on a grid `factor` times as fine."""
    rows, columns = (slice(s.start * factor, s.stop * factor) for s in area)
    return rows, columns


def coarsen(area: Area, factor: int) -> Area:
    """The least area of cells `factor` times as wide that holds this one."""
    rows, columns = (slice(s.start // factor, -(-s.stop // factor)) for s in area)
    return rows, columns


def within(area: Area, origin: Size) -> Area:
    """The same area counted from `origin`."""
    rows, columns = (slice(s.start - o, s.stop - o) for s, o in zip(area, origin, strict=True))
    return rows, columns


def tiles(shape: tuple[int, ...], size: Size) -> list[Area]:
    """Rectangles of at most `size` that cover `[h, w, ...]`, in raster order."""
    return [
        (slice(top, min(top + size[0], shape[0])), slice(left, min(left + size[1], shape[1])))
        for top in range(0, shape[0], size[0])
        for left in range(0, shape[1], size[1])
    ]
