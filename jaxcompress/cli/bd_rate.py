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
        "\n"
        "FILE is what `jaxcompress evaluate`, `jaxcompress bench` or CompressAI wrote, NAME a published curve on\n"
        "Kodak: vtm, hm, bpg, av1, jpeg, jpeg2000, webp, or such as mbt2018-mean-mse and cheng2020-anchor-ms-ssim; an\n"
        "unknown name is answered with the list.\n"
        "\n"
        "Exit status: 0 done; 1 a curve could not be compared; 2 bad input.",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="curves to compare, JSON")
    parser.add_argument("--anchor", metavar="NAME|FILE", required=True, help="the curve to compare with")
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
    from jaxcompress.evaluate import bd_table, published
    from jaxcompress.evaluate.entries import load_entries

    if not args.files and not args.names:
        raise ValueError("there is nothing to compare with the anchor; give files, or names with --with")
    is_file = args.anchor not in published.names() and (args.anchor.endswith(".json") or Path(args.anchor).exists())
    names = [*args.names] if is_file else [args.anchor, *args.names]
    entries = load_entries([args.anchor] * is_file + args.files, published=names)
    anchor = entries.pop(0 if is_file else len(args.files)).curve
    metrics = list(dict.fromkeys(_SHORT.get(metric, metric) for metric in args.metric))
    rows = bd_table.bd_table(anchor, [entry.curve for entry in entries], metrics=metrics, method=args.method)
    print(bd_table.render(anchor, rows))
    return 1 if any(row.result is None for row in rows) else 0
