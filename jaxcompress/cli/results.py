"""What `evaluate` and `bench` share: their arguments, the run, and the files they write."""

import argparse
import csv
import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcompress.cli import common

_SHOWN = (
    "bpp",
    "estimated-bpp",
    "psnr-rgb",
    "ms-ssim-rgb",
    "ssim-rgb",
    "psnr-y",
    "psnr-yuv",
    "encoding_time",
    "decoding_time",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of a run."""
    parser.add_argument(
        "paths", metavar="FOLDER_OR_PICTURE", nargs="+", help="pictures, and folders with such at any depth"
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default="results", help="where NAME.json and NAME.csv go (default: results)"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--save", action="store_true", help="keep coded files and decoded pictures there too, for `report`"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help="of psnr-rgb ms-ssim-rgb ssim-rgb psnr-y psnr-yuv (default: all but ssim-rgb)",
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


def points(args: argparse.Namespace, qualities: Sequence[Any] | None) -> list[Any] | None:
    """Qualities and targets; None for what a codec has by default."""
    from jaxcompress.evaluate import Target, load_curve

    wanted: list[Any] = list(qualities or [])
    if args.bpp is not None:
        if min(args.bpp) <= 0:
            raise ValueError(f"--bpp has {min(args.bpp)}; expected positive numbers of bits per pixel")
        wanted += [Target(f"{bpp:g} bpp", bpp) for bpp in args.bpp]
    if args.match is not None:
        curve = load_curve(args.match)
        by_point: dict[Any, dict[str, float]] = {}
        for row in curve.pictures:
            by_point.setdefault(row.get("point", row["quality"]), {})[row["picture"]] = row["bpp"]
        if not by_point:
            raise ValueError(f"{args.match} has no rows for single pictures, whose bits could be matched")
        wanted += [Target(f"as {curve.name} {label}", targets) for label, targets in by_point.items()]
    return wanted or None


def run(args: argparse.Namespace, codecs: Sequence[Any], qualities: Sequence[Any] | None, **settings: Any) -> int:
    """Runs codecs over the pictures, writes their curves, prints their means, and tells what failed.

    Returns:
        The exit status: 1 if a picture failed.
    """
    if args.jobs < 1:
        raise ValueError(f"--jobs is {args.jobs}; expected at least 1")
    from jaxcompress.evaluate import DEFAULT_METRICS, Settings, find_pictures
    from jaxcompress.evaluate import run as run_codec
    from jaxcompress.files import check_writable, file_name, write_file

    pictures = find_pictures(args.paths)
    wanted = points(args, qualities)
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    files = {codec.name: folder / f"{file_name(codec.name)}.json" for codec in codecs}
    for path in files.values():
        check_writable(path, overwrite=args.force)
    how = Settings(
        metrics=args.metrics or DEFAULT_METRICS,
        jobs=args.jobs,
        save=folder if args.save else None,
        progress=sys.stderr.isatty(),
        meta={"command": shlex.join(["jaxcompress", *sys.argv[1:]])},
        **settings,
    )
    failed = False
    for codec in codecs:
        curve, failures = run_codec(codec, pictures, wanted, settings=how)
        for failure in failures:
            common.warn(f"{codec.name}: {failure.picture} at quality {failure.quality}: {failure.reason}")
        failed |= bool(failures)
        if not curve.results:
            raise ValueError(f"{codec.name}: no picture came through; nothing was written")
        path = files[codec.name]
        write_file(path.with_suffix(".csv"), _csv(curve.pictures).encode(), overwrite=args.force)
        curve.save(path, overwrite=args.force)
        _print(curve)
        print(
            f"{path}, {path.with_suffix('.csv').name}: means over {curve.meta['pictures']} of {len(pictures)} pictures"
        )
    return 1 if failed else 0


def _csv(rows: Sequence[Any]) -> str:
    text = io.StringIO()
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print(curve: Any) -> None:
    """The means, a line for each point."""
    shown = [key for key in _SHOWN if key in curve.results]
    lines = [["quality", *shown]]
    for place, quality in enumerate(curve.qualities):
        lines.append([str(quality), *(f"{curve.results[key][place]:.4f}" for key in shown)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"{curve.name}: {curve.description}")
    for line in lines:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)))
