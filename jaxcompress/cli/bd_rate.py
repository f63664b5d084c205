"""`jaxcompress bd-rate`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcompress.cli import common
from jaxcompress.metric_table import DISTORTIONS

_KEYS = {name: value.key for value in DISTORTIONS.values() for name in (value.key, value.short) if name}


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "bd-rate",
        run,
        help="compare rate-distortion curves: percent of bits that codecs need beyond an anchor's for the same quality",
        example="jaxcompress bd-rate mine.json --anchor vtm --metric psnr-rgb ms-ssim\n"
        "  jaxcompress bd-rate --anchor old.json new.json --with bpg mbt2018-mean-mse\n"
        "  jaxcompress bd-rate results/*.json --anchor JPEG\n"
        "\n"
        "FILE is what `jaxcompress evaluate`, `jaxcompress bench` or CompressAI wrote, NAME a published curve on\n"
        "Kodak: vtm, hm, bpg, av1, jpeg, jpeg2000, webp, or such as mbt2018-mean-mse and cheng2020-anchor-ms-ssim; an\n"
        "unknown name is answered with the list.\n"
        "\n"
        "Exit status: 0 done; 1 a curve could not be compared; 2 bad input.",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="curves to compare, JSON")
    parser.add_argument(
        "--anchor",
        metavar="NAME|FILE",
        required=True,
        help="the curve to compare with: one of the files, by path or by name, another file, or a published curve",
    )
    parser.add_argument("--with", metavar="NAME", nargs="+", default=[], dest="names", help="published curves as well")
    parser.add_argument(
        "--metric",
        metavar="METRIC",
        nargs="+",
        choices=_KEYS,
        default=["psnr-rgb"],
        help=f"{', '.join(DISTORTIONS)}; in decibels (default: psnr-rgb)",
    )
    parser.add_argument(
        "--method", choices=("akima", "pchip", "cubic"), default="akima", help="interpolation (default: akima)"
    )


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    from jaxcompress.evaluate import bd_table

    anchor, curves = _load(args.anchor, args.files, args.names)
    if not curves:
        raise ValueError("there is nothing to compare with the anchor; give files, or names with --with")
    metrics = list(dict.fromkeys(_KEYS[metric] for metric in args.metric))
    rows = bd_table.bd_table(anchor, curves, metrics=metrics, method=args.method)
    print(bd_table.render(anchor, rows))
    return 1 if any(row.result is None for row in rows) else 0


def _load(anchor: str, files: Sequence[str], names: Sequence[str]) -> tuple[Any, list[Any]]:
    """The anchor and the other curves. It may be one of the files, by its path or by the name of its curve."""
    from jaxcompress.evaluate import load_curve, published
    from jaxcompress.evaluate.entries import load_entries

    files = list(dict.fromkeys(files))
    if anchor in published.names():
        names = [anchor, *(name for name in names if name != anchor)]
        place = len(files)
    else:
        known = [(Path(file).resolve(), load_curve(file).name, Path(file).stem) for file in files]
        places = [place for place, names_of_it in enumerate(known) if anchor in names_of_it[1:]]
        if Path(anchor).resolve() in (path for path, *_ in known):
            place = [path for path, *_ in known].index(Path(anchor).resolve())
        elif len(places) > 1:
            files_of_it = ", ".join(files[place] for place in places)
            raise ValueError(f"--anchor {anchor} may be any of {files_of_it}; give the name of the file")
        elif places:
            (place,) = places
        elif anchor.endswith(".json") or Path(anchor).exists():
            files, place = [anchor, *files], 0
        else:
            others = ", ".join([*(name for _, name, _ in known), *published.names()])
            raise ValueError(f"there is no curve {anchor!r} to be the anchor; expected a file, or one of {others}")
    entries = load_entries(files, published=names)
    return entries.pop(place).curve, [entry.curve for entry in entries]
