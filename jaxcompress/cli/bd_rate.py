"""`jaxcompress bd-rate`."""

import argparse
from pathlib import Path
from typing import Any

from jaxcompress.cli import common

_METRICS = ("psnr-rgb", "psnr-y", "psnr-yuv", "ssim-rgb", "ms-ssim-rgb")
_SHORT = {"psnr": "psnr-rgb", "ssim": "ssim-rgb", "ms-ssim": "ms-ssim-rgb"}


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
        "--anchor", metavar="NAME|FILE", required=True, help="the curve to compare with, one of the files or another"
    )
    parser.add_argument("--with", metavar="NAME", nargs="+", default=[], dest="names", help="published curves as well")
    parser.add_argument(
        "--metric",
        metavar="METRIC",
        nargs="+",
        choices=(*_METRICS, *_SHORT),
        default=["psnr-rgb"],
        help=f"{', '.join(_METRICS)}; in decibels (default: psnr-rgb)",
    )
    parser.add_argument(
        "--method", choices=("akima", "pchip", "cubic"), default="akima", help="interpolation (default: akima)"
    )


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    from jaxcompress.evaluate import bd_table

    anchor, curves = _load(args)
    if not curves:
        raise ValueError("there is nothing to compare with the anchor; give files, or names with --with")
    metrics = list(dict.fromkeys(_SHORT.get(metric, metric) for metric in args.metric))
    rows = bd_table.bd_table(anchor, curves, metrics=metrics, method=args.method)
    print(bd_table.render(anchor, rows))
    return 1 if any(row.result is None for row in rows) else 0


def _load(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """The anchor and the other curves. It may be one of the files, by its path or by the name of its curve."""
    from jaxcompress.evaluate import published
    from jaxcompress.evaluate.entries import load_entries

    files, names, anchor = list(dict.fromkeys(args.files)), list(args.names), args.anchor
    if anchor in published.names():
        names = [anchor, *(name for name in names if name != anchor)]
        place = len(files)
    else:
        paths, curves = [Path(file).resolve() for file in files], [entry.curve.name for entry in load_entries(files)]
        if Path(anchor).resolve() in paths:
            place = paths.index(Path(anchor).resolve())
        elif anchor in curves:
            place = curves.index(anchor)
        elif anchor.endswith(".json") or Path(anchor).exists():
            files, place = [anchor, *files], 0
        else:
            names, place = [anchor, *names], len(files)  # which is told to be unknown
    entries = load_entries(files, published=names)
    return entries.pop(place).curve, [entry.curve for entry in entries]
