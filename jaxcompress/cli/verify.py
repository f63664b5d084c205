"""`jaxcompress verify`."""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxcompress import zoo
from jaxcompress.cli import common

_SHOWN = 5  # differences of a way


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "verify",
        run,
        help="prove that streams are the same in every way this machine can compute them, and on other machines",
        example="jaxcompress verify photos --weights mine.safetensors\n"
        "  jaxcompress verify photo.png photo.jxc --threads 1 4\n"
        "\n"
        "Pictures are coded, and .jxc files decoded, on every kind of device with each instruction set and so on. The\n"
        "hash in the last line is equal on any two machines that are given the same weights and files: it is of\n"
        "latents drawn from the model, since those of a picture come from floating-point networks and may differ by\n"
        "a rounding, and of the latents in .jxc files.\n"
        "\n"
        "Exit status: 0 all is equal; 1 something differs; 2 bad input, or nothing left to verify.",
    )
    parser.add_argument(
        "paths", metavar="FOLDER_OR_FILE", nargs="+", help="image files, .jxc files, and folders with such at any depth"
    )
    common.add_weights(parser, zoo.DEFAULT)
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        metavar="N",
        default=sorted({1, 2, os.cpu_count() or 1}),
        help="counts of threads to code with (default: 1, 2 and as many as there are processors)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    paths = list(dict.fromkeys(file for path in args.paths for file in _files(path)))
    if not paths:
        raise ValueError(f"there are no pictures and no .jxc files in {', '.join(args.paths)}")
    if min(args.threads) < 1:
        raise ValueError(f"--threads is {min(args.threads)}; expected at least 1")

    from tqdm import tqdm

    from jaxcompress.verification import verify

    weights = common.Choice.of(args).load()
    codec = common.make_codec(weights)
    with tqdm(paths, desc="verifying", unit="file", leave=False, disable=None) as bar:
        report = verify(
            codec,
            ((str(path), path.read_bytes()) for path in bar),
            threads=sorted(set(args.threads)),
            step=lambda source, way: bar.set_postfix_str(f"{Path(source).name}: {way}"),
        )
    if len(report.skipped) == len(paths):
        path, why = next(iter(report.skipped.items()))
        raise ValueError(f"nothing was left to verify: {path}: {why}")
    for path, why in report.skipped.items():
        print(f"{path}: skipped: {why}")
    _print_table(report.rows)
    print(f"hash: {report.hash}")
    return 0 if report.all_equal else 1


def _files(path: str) -> list[Path]:
    """The file, or those of the folder that have a suffix of ours."""
    if not Path(path).is_dir():
        with open(path, "rb"):  # raises before the work if it cannot be read
            return [Path(path)]
    return sorted(_walk(Path(path)))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.name.lower().endswith((*common.IMAGE_SUFFIXES, ".jxc")) and path.is_file() and not hidden:
            yield path


def _print_table(rows: Sequence[Any]) -> None:
    width = max(len(row.way) for row in rows)
    print(f"{'':{width}}  equal  different")
    for row in rows:
        print(f"{row.way:{width}}  {row.equal:5}  {len(row.different):9}")
    for row in filter(lambda row: row.different, rows):
        for difference in row.different[:_SHOWN]:
            print(f"different: {row.way}: {difference.source}: {difference.what}")
        if len(row.different) > _SHOWN:
            print(f"different: {row.way}: and {len(row.different) - _SHOWN} more")
