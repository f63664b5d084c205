"""Curves that are shown together: of files, and published ones."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jaxcompress.evaluate.curve import Curve, load_curve


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """A curve to be shown.

    Attributes:
        curve: the curve.
        folder: what the paths of decoded pictures in its rows are relative to.
        reference: whether it is there to compare others with; its line is dashed.
        short: another name it goes by: that of the file without suffix, or of the published curve.
    """

    curve: Curve
    folder: Path = Path()
    reference: bool = False
    short: str = ""


def load_entries(paths: Sequence[str | Path], *, published: Sequence[str] = ()) -> list[Entry]:
    """Reads curves. Where several have the same name, the names of their files are added.

    Args:
        paths: files of curves.
        published: names of `jaxcompress.evaluate.published`.

    Raises:
        ValueError: a file holds no curve, or there is no such published one.
    """
    entries = [Entry(load_curve(path), Path(path).parent, short=Path(path).stem) for path in paths]
    hints = [str(path) for path in paths] + ["published"] * len(published)
    if published:
        from jaxcompress.evaluate.published import load

        entries += [Entry(load(name), reference=True, short=name) for name in published]
    uses = Counter(entry.curve.name for entry in entries)
    names: list[str] = []
    for entry, hint in zip(entries, hints, strict=True):
        name = entry.curve.name if uses[entry.curve.name] == 1 else f"{entry.curve.name} ({hint})"
        if name in names:
            name = next(f"{name} #{count}" for count in itertools.count(2) if f"{name} #{count}" not in names)
        names.append(name)
    return [
        dataclasses.replace(entry, curve=dataclasses.replace(entry.curve, name=name))
        for entry, name in zip(entries, names, strict=True)
    ]
