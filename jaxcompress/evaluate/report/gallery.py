"""Pictures to look at: the originals and what each codec made of them at about the same rate, embedded without loss."""

import base64
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxcompress.codec.picture import read_picture
from jaxcompress.evaluate import axes
from jaxcompress.evaluate.entries import Entry
from jaxcompress.metric_table import DISTORTIONS

DEFAULT_COUNT = 3
_WEBP_LARGEST = 16383  # pixels a side
_SHOWN = [DISTORTIONS[key] for key in ("psnr-rgb", "ms-ssim-rgb")]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Pictures for the page.

    Attributes:
        images: data URIs.
        shots: for each picture its name, size, original, and by target rate what codecs made of it, see `_make_shot`.
        notes: what could not be shown, and why.
    """

    images: Sequence[str]
    shots: Sequence[Mapping[str, Any]]
    notes: Sequence[str]

    @property
    def size(self) -> int:
        """Characters of the page that the images take."""
        return sum(map(len, self.images))


class _Problem(ValueError):
    """A picture, or a codec's version of it, cannot be shown."""


def make_gallery(
    entries: Sequence[Entry], *, pictures: Sequence[str] | None = None, bpp: Sequence[float] | None = None
) -> Gallery:
    """Reads saved pictures.

    Args:
        entries: curves; their rows tell where pictures were saved, if they were.
        pictures: names of those to show; the first three that were saved unless given.
        bpp: target rates, for each of which every curve gives its nearest row; unless given, the rate that
            all curves come nearest to.

    Raises:
        ValueError: a picture of `pictures` was not saved, or a target is not positive.
    """
    if bpp is not None and (not bpp or min(bpp) <= 0):
        raise ValueError(f"the target rates are {', '.join(map(str, bpp)) or 'none'}; expected positive numbers")
    saved = _saved_rows(entries)
    for name in pictures or ():
        if name not in saved:
            known = ", ".join(saved) or "none at all"
            raise ValueError(
                f"the picture {name!r} was not saved with any of the curves; {known} was (see bench --save)"
            )
    images = _Images()
    shots: list[dict[str, Any]] = []
    notes: list[str] = []
    for name in dict.fromkeys(pictures) if pictures else saved:
        if not pictures and len(shots) == DEFAULT_COUNT:
            break
        try:
            shots.append(_make_shot(name, saved[name], entries, bpp, images, notes))
        except _Problem as problem:
            if pictures:
                raise ValueError(str(problem)) from problem
            notes.append(str(problem))
    return Gallery(images.uris, shots, notes)


def _saved_rows(entries: Sequence[Entry]) -> dict[str, dict[int, list[Mapping[str, Any]]]]:
    """Rows with saved pictures, by picture and place of the curve, from the fewest bits to the most."""
    found: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for place, entry in enumerate(entries):
        for row in entry.curve.pictures:
            rate = axes.number(row, "bpp")
            if isinstance(row.get("source"), str) and isinstance(row.get("decoded"), str) and rate and rate > 0:
                found.setdefault(str(row.get("picture")), {}).setdefault(place, []).append(row)
    for curves in found.values():
        for rows in curves.values():
            rows.sort(key=lambda row: row["bpp"])
    return found


def _make_shot(
    name: str,
    rows: Mapping[int, Sequence[Mapping[str, Any]]],
    entries: Sequence[Entry],
    bpp: Sequence[float] | None,
    images: "_Images",
    notes: list[str],
) -> dict[str, Any]:
    """A picture: name, size, place of the original in the images, and for each target what codecs made of it."""
    first = next(iter(rows.values()))
    source = Path(first[0]["source"])
    original = _read(source, f"the original of {name}")
    targets = bpp or [_common_rate(list(rows.values()))]
    broken: set[int] = set()
    versions: list[dict[str, Any]] = []
    for target in targets:
        shown = []
        for place in rows:
            row = min(rows[place], key=lambda row: abs(row["bpp"] - target))
            try:
                if place not in broken:
                    shown.append(_make_version(row, place, entries[place], source, original, images))
            except _Problem as problem:
                broken.add(place)
                notes.append(str(problem))
        versions.append({"bpp": target, "shown": shown})
    if len(broken) == len(rows):
        raise _Problem(f"{name}: none of its decoded pictures could be read")
    height, width = original.shape[:2]
    shot = {"name": name, "width": width, "height": height, "original": images.add(source, original)}
    return shot | {"targets": versions}


def _common_rate(rows: Sequence[Sequence[Mapping[str, Any]]]) -> float:
    """The rate of a row that the farthest curve has a row nearest to, by ratio; of several, one in the middle."""
    by_curve = [np.log([row["bpp"] for row in curve]) for curve in rows]
    rates = np.concatenate(by_curve)
    from_middle = np.abs(rates - (rates.min() + rates.max()) / 2)
    farthest = np.max([np.abs(curve - rates[:, None]).min(axis=1) for curve in by_curve], axis=0)
    return [row["bpp"] for curve in rows for row in curve][np.lexsort((from_middle, farthest.round(2)))[0]]


def _make_version(
    row: Mapping[str, Any], place: int, entry: Entry, source: Path, original: np.ndarray, images: "_Images"
) -> dict[str, Any]:
    """What a codec made of a picture: place of the curve, quality, values, place in the images."""
    label = f"{row['picture']} as {entry.curve.name} gave it at quality {row.get('quality')}"
    path = entry.folder / row["decoded"]
    decoded = _read(path, label)
    if decoded.shape != original.shape:
        raise _Problem(f"{label} has {_size(decoded)} pixels, but the original has {_size(original)}")
    other = Path(row["source"])
    if other != source and not np.array_equal(_read(other, f"the original of {label}"), original):
        raise _Problem(f"{label} was made of another original, {other}, than {source}")
    values = {each.column: axes.number(row, each.shown_key) for each in _SHOWN}
    return {
        "curve": place,
        "quality": str(row.get("quality", "")),
        "bpp": row["bpp"],
        "values": [
            [label, f"{value:.2f} dB" if math.isfinite(value) else "lossless"]
            for label, value in values.items()
            if value is not None
        ],
        "image": images.add(path, decoded),
    }


class _Images:
    """Embedded pictures, each once."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self._places: dict[Path, int] = {}

    def add(self, path: Path, pixels: np.ndarray) -> int:
        if path not in self._places:
            self._places[path] = len(self.uris)
            self.uris.append(_data_uri(pixels))
        return self._places[path]


def _read(path: Path, label: str) -> np.ndarray:
    """uint8 `[H, W, 3]`."""
    try:
        pixels = read_picture(path).pixels
    except (OSError, ValueError) as error:
        raise _Problem(f"{label} could not be read: {error}") from error
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def _data_uri(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    if max(pixels.shape) <= _WEBP_LARGEST:
        Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=70, method=4)
        kind = "webp"
    else:
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
