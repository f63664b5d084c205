"""Runs of a codec over pictures."""

import dataclasses
import errno
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import jaxcompress
from jaxcompress.codec.picture import write_picture
from jaxcompress.evaluate.codec import Decoded, Encoded, PictureCodec, Quality
from jaxcompress.evaluate.curve import Curve
from jaxcompress.evaluate.find_close import find_close
from jaxcompress.evaluate.measure import DEFAULT_METRICS, check_metrics, measure
from jaxcompress.evaluate.pictures import Source
from jaxcompress.files import file_name, write_file
from jaxcompress.processors import processor_name

# What a row says beside its values.
_LABELS = ("picture", "quality", "point", "target", "width", "height", "source", "file", "decoded")


@dataclasses.dataclass(frozen=True)
class Failure:
    """A picture that could not be coded, decoded or measured.

    Attributes:
        picture: its name.
        quality: it was to be coded with.
        reason: what was the matter.
    """

    picture: str
    quality: Quality
    reason: str


@dataclasses.dataclass(frozen=True)
class Target:
    """A point of a curve that is a number of bits instead of a quality: each picture gets the quality nearest to it.

    Attributes:
        label: of the point, instead of a quality.
        bpp: bits per pixel, of every picture or by its name.
    """

    label: str
    bpp: float | Mapping[str, float]

    def of(self, picture: str) -> float:
        """Bits per pixel for a picture; ValueError if there are none."""
        if isinstance(self.bpp, (int, float)):
            return float(self.bpp)
        if picture not in self.bpp:
            raise ValueError(f"there is no target for it among those of {', '.join(self.bpp)}")
        return self.bpp[picture]


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a run is done.

    Attributes:
        metrics: names of `METRICS`.
        jobs: pictures at a time. More than one make times longer than they are.
        count_header: whether bits per pixel count the header of a learned codec's file; others have but files.
        save: folder to keep the coded files and decoded pictures in; rows tell paths relative to it.
        progress: show a bar on standard error.
        meta: what else to say in the curve.
    """

    metrics: Sequence[str] = DEFAULT_METRICS
    jobs: int = 1
    count_header: bool = True
    save: Path | None = None
    progress: bool = False
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def run(
    codec: PictureCodec,
    pictures: Sequence[Source],
    points: Sequence[Quality | Target] | None = None,
    *,
    settings: Settings = Settings(),
) -> tuple[Curve, list[Failure]]:
    """Codes, decodes and measures pictures at several settings.

    Args:
        codec: the codec.
        pictures: see `find_pictures`.
        points: qualities, or targets; the codec's own `qualities` if not given.
        settings: how.

    Returns:
        The curve, and what failed. A picture that failed at one point is left out of the means of all of them, for
        points of other pictures are on another curve. Nothing but the rows is left if every picture failed.

    Raises:
        MissingExecutableError: the codec needs a program that is not there.
        ValueError: a metric or a quality is unknown.
    """
    wanted = _checked_points(codec, codec.qualities if points is None else points)
    check_metrics(settings.metrics)
    meta = {"versions": {"jaxcompress": jaxcompress.__version__, **codec.versions()}, **codec.facts()}
    rows, failures = _code_all(codec, pictures, wanted, settings)
    names = [source.name for source in pictures]
    complete = [name for name in names if all((name, place) in rows for place in range(len(wanted)))]
    # Targets may lie between qualities: a curve goes from the fewest bits to the most.
    places = sorted(range(len(wanted)), key=lambda place: sum(rows[name, place]["bpp"] for name in complete))
    table = [rows[name, place] for place in places for name in names if (name, place) in rows]
    coded = "file" if settings.count_header else "strings"
    meta |= {
        "processor": processor_name(),
        "subsampling": codec.subsampling,
        "bpp": coded if any("bytes" in row for row in table) else "estimate",
        "metrics": list(settings.metrics),
        "pictures": len(complete),
        "left_out": sorted({failure.picture for failure in failures}),
        "jobs": settings.jobs,
        "date": datetime.now(UTC).date().isoformat(),
        **settings.meta,
    }
    results = _means([[rows[name, place] for name in complete] for place in places])
    labels = tuple(_label(wanted[place]) for place in places)
    return Curve(codec.name, codec.description, results, labels, tuple(table), meta), failures


def _code_all(
    codec: PictureCodec, pictures: Sequence[Source], points: Sequence[Quality | Target], settings: Settings
) -> tuple[dict[tuple[str, int], dict[str, Any]], list[Failure]]:
    """Rows by picture and place of the point, and what failed, in the order of the pictures."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    failures: dict[tuple[int, int], Failure] = {}
    hidden = None if settings.progress else True
    with (
        ThreadPoolExecutor(settings.jobs) as pool,
        tqdm(total=len(pictures) * len(points), desc=codec.name, unit="file", leave=False, disable=hidden) as bar,
    ):
        jobs = {
            pool.submit(_code, codec, source, point, settings): (number, place)
            for number, source in enumerate(pictures)
            for place, point in enumerate(points)
        }
        try:
            for job in as_completed(jobs):
                number, place = jobs[job]
                name = pictures[number].name
                try:
                    rows[name, place] = job.result()
                except (ValueError, OSError, MemoryError, RuntimeError) as error:  # JAX's are of the last kind
                    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                        raise
                    reason = str(error) or type(error).__name__
                    failures[number, place] = Failure(name, _label(points[place]), reason)
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            codec.stop()
            raise
    return rows, [failures[key] for key in sorted(failures)]


def _code(codec: PictureCodec, source: Source, point: Quality | Target, settings: Settings) -> dict[str, Any]:
    """The row of one picture at one point."""
    pixels = source.read()
    height, width = pixels.shape[:2]
    row: dict[str, Any] = {"picture": source.name}
    if isinstance(point, Target):
        found = find_close(codec, pixels, "bpp", point.of(source.name), count_header=settings.count_header)
        quality, encoded = found.quality, found.encoded
        row |= {"point": point.label, "target": point.of(source.name)}
    else:
        quality, encoded = point, codec.encode(pixels, point)
    decoded = encoded.reconstruction or codec.decode(encoded.data, quality, (height, width))
    bits = encoded.bits(count_header=settings.count_header)
    row |= {"quality": quality, "width": width, "height": height}
    if encoded.data:
        row["bytes"] = len(encoded.data)
    row["bpp"] = bits / (height * width)
    if encoded.estimated_bits is not None:
        row["estimated-bpp"] = encoded.estimated_bits / (height * width)
    row |= measure(pixels, decoded.pixels, settings.metrics)
    row |= {"encoding_time": encoded.seconds, "decoding_time": decoded.seconds}
    compile_seconds = encoded.compile_seconds + decoded.compile_seconds
    if compile_seconds:
        row["compile_time"] = compile_seconds
    if settings.save is not None:
        below = Path(file_name(codec.name), file_name(str(_label(point))), source.name)
        row |= {"source": str(source.path.resolve()), **_save(settings.save, below, codec.suffix, encoded, decoded)}
    return row


def _save(folder: Path, below: Path, suffix: str, encoded: Encoded, decoded: Decoded) -> dict[str, str]:
    """Keeps the coded file and the decoded picture, and tells where."""
    (folder / below).parent.mkdir(parents=True, exist_ok=True)
    kept = {"decoded": f"{below.as_posix()}.decoded.png"}
    write_picture(folder / kept["decoded"], decoded.pixels, overwrite=True)
    if encoded.data:
        kept["file"] = below.as_posix() + suffix
        write_file(folder / kept["file"], encoded.data, overwrite=True)
    return kept


def _means(points: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[float]]:
    """Means over pictures of each value that all rows have, by point; of nothing, nothing."""
    rows = [row for point in points for row in point]
    keys = [key for key in (rows[0] if rows else {}) if key not in _LABELS and all(key in row for row in rows)]
    return {key: [float(np.mean([row[key] for row in point])) for point in points] for key in keys}


def _checked_points(codec: PictureCodec, points: Sequence[Quality | Target]) -> list[Quality | Target]:
    """Qualities as the codec takes them, and targets."""
    checked = [point if isinstance(point, Target) else codec.check_quality(point) for point in points]
    labels = [_label(point) for point in checked]
    if not labels or len(set(labels)) != len(labels):
        raise ValueError(f"qualities are {', '.join(map(str, labels)) or 'none'}; expected at least one, each once")
    return checked


def _label(point: Quality | Target) -> Quality:
    return point.label if isinstance(point, Target) else point
