"""What `evaluate` and `bench` share: their arguments, the run, and the files they write."""

import argparse
import contextlib
import csv
import io
import math
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcompress.cli import common
from jaxcompress.metric_table import DISTORTIONS, VALUES

# Part of a target that a picture may miss in silence.
_FAR = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a run."""
    parser.add_argument(
        "paths", metavar="FOLDER_OR_PICTURE", nargs="+", help="pictures, and folders with such at any depth"
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default="results", help="where NAME.json and NAME.csv go (default: results)"
    )
    parser.add_argument("--name", help="of the curve and its files (default: that of the codec)")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--save", action="store_true", help="keep coded files and decoded pictures there too, for `report`"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help=f"of {' '.join(DISTORTIONS)} (default: all but {' '.join(_left_out())})",
    )
    parser.add_argument(
        "--bpp",
        type=float,
        nargs="+",
        metavar="T",
        help="points with so many bits per pixel: for each picture the quality that comes nearest",
    )
    parser.add_argument("--match", metavar="FILE", help="points with the bits of another curve, picture by picture")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="pictures at a time (default: 1)")


def _left_out() -> list[str]:
    return [key for key, value in DISTORTIONS.items() if not value.by_default]


def quality(text: str) -> int | float:
    """A quality; whole numbers stay whole."""
    try:
        return int(text)
    except ValueError:
        return float(text)


class Options(NamedTuple):
    """The arguments of `add_arguments`.

    Attributes:
        paths: pictures and folders.
        folder: where results go.
        name: name of the curve; None for the codec's.
        force: replace existing files.
        save: keep coded files and decoded pictures.
        metrics: what to measure; None for the usual.
        bpp: target rates, if there are any.
        match: file of a curve whose rates are the targets.
        jobs: pictures at a time.
        command: how the user called the command.
    """

    paths: Sequence[str]
    folder: Path
    name: str | None
    force: bool
    save: bool
    metrics: Sequence[str] | None
    bpp: Sequence[float] | None
    match: str | None
    jobs: int
    command: str

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Options":
        """Takes them from a command's arguments, and checks them."""
        if args.jobs < 1:
            raise ValueError(f"--jobs is {args.jobs}; expected at least 1")
        if wrong := [bpp for bpp in args.bpp or () if not 0 < bpp < math.inf]:
            raise ValueError(f"--bpp has {wrong[0]}; expected positive numbers of bits per pixel")
        return cls(
            paths=args.paths,
            folder=Path(args.output),
            name=args.name,
            force=args.force,
            save=args.save,
            metrics=args.metrics,
            bpp=args.bpp,
            match=args.match,
            jobs=args.jobs,
            command=shlex.join(["jaxcompress", *args.words]),
        )


def _points(options: Options, qualities: Sequence[Any] | None) -> list[Any] | None:
    """Qualities and targets; None for what a codec has by default."""
    from jaxcompress.evaluate import Target, load_curve

    wanted: list[Any] = list(qualities or [])
    wanted += [Target(f"{bpp:g} bpp", bpp) for bpp in options.bpp or ()]
    if options.match is not None:
        curve = load_curve(options.match)
        by_point: dict[Any, dict[str, float]] = {}
        for row in curve.pictures:
            by_point.setdefault(row.get("point", row["quality"]), {})[row["picture"]] = row["bpp"]
        if not by_point:
            raise ValueError(f"{options.match} has no rows for single pictures, whose bits could be matched")
        wanted += [Target(f"as {curve.name} {label}", targets) for label, targets in by_point.items()]
    return wanted or None


def run(codecs: Sequence[Any], qualities: Sequence[Any] | None, options: Options, **settings: Any) -> int:
    """Runs codecs over the pictures, writes their curves, prints their means, and tells what failed.

    Returns:
        The exit status: 1 if a picture failed.
    """
    if options.name and len(codecs) > 1:
        raise ValueError(f"--name is for one curve; there are {', '.join(codec.name for codec in codecs)}")
    from jaxcompress.evaluate import DEFAULT_METRICS, Settings, find_pictures
    from jaxcompress.evaluate import run as run_codec
    from jaxcompress.files import file_name, write_file

    folder = options.folder
    pictures = find_pictures(options.paths, without=folder)
    wanted = _points(options, qualities)
    for codec in codecs:
        codec.name = options.name or codec.name
    files = {codec.name: folder / f"{file_name(codec.name)}.json" for codec in codecs}
    _check_folder(folder, list(files.values()), save=options.save, force=options.force)
    how = Settings(
        metrics=options.metrics or DEFAULT_METRICS,
        jobs=options.jobs,
        save=folder if options.save else None,
        progress=sys.stderr.isatty(),
        meta={"command": options.command},
        **settings,
    )
    failed = 0
    for codec in codecs:
        with _ended_by_sigterm():
            curve, failures = run_codec(codec, pictures, wanted, settings=how)
        failed += bool(failures)
        _tell_failures(codec.name, failures)
        if not curve.results:
            common.warn(f"{codec.name}: no picture came through; nothing was written")
            continue
        path = files[codec.name]
        curve.save(path, overwrite=options.force)
        write_file(path.with_suffix(".csv"), _csv(curve.pictures).encode(), overwrite=options.force)
        _print(curve)
        _tell_far_targets(curve)
        print(
            f"{path}, {path.with_suffix('.csv').name}: means over {curve.meta['pictures']} of {len(pictures)} pictures"
        )
    return 1 if failed else 0


def _check_folder(folder: Path, files: Sequence[Path], *, save: bool, force: bool) -> None:
    """Makes the folder, and raises before the work if results could not be written there after it."""
    from jaxcompress.files import check_writable

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass  # it can be written to
    for path in files:
        for file in (path, path.with_suffix(".csv")):
            check_writable(file, overwrite=force)
        if save and path.with_suffix("").exists() and not force:
            raise FileExistsError(
                f"{path.with_suffix('')} holds pictures of another run; give --name or another folder, or --force"
            )


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """While it lasts, SIGTERM ends the process in order, and the programs that it runs."""
    if threading.current_thread() is not threading.main_thread():  # which alone may say so
        yield
        return

    def end(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_failures(codec: str, failures: Sequence[Any]) -> None:
    """A line for each picture and reason, with the qualities."""
    qualities: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        qualities.setdefault((failure.picture, failure.reason), []).append(str(failure.quality))
    for (picture, reason), values in qualities.items():
        common.warn(f"{codec}: {picture} at quality {', '.join(values)}: {reason}")


def _tell_far_targets(curve: Any) -> None:
    far: dict[str, int] = {}
    for row in curve.pictures:
        if "target" in row and abs(row["bpp"] / row["target"] - 1) > _FAR:
            far[row["point"]] = far.get(row["point"], 0) + 1
    for point, count in far.items():
        common.warn(f"note: {curve.name}: {count} pictures came no nearer than {_FAR:.0%} to the point {point}")


def _csv(rows: Sequence[Any]) -> str:
    text = io.StringIO()
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(curve: Any) -> None:
    """The means, a line for each point."""
    shown = [value.key for value in VALUES if value.key in curve.results]
    lines = [["quality", *shown]]
    for place, quality in enumerate(curve.qualities):
        lines.append([str(quality), *(f"{curve.results[key][place]:.4f}" for key in shown)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"{curve.name}: {curve.description}")
    for line in lines:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)))
