"""`jaxcompress plot`."""

import argparse
from pathlib import Path
from typing import Any

from jaxcompress.cli import common

_SUFFIXES = (".png", ".svg", ".pdf")


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "plot",
        run,
        help="draw rate-distortion curves",
        example="jaxcompress plot results/*.json -o psnr.png\n"
        "  jaxcompress plot results/*.json --with vtm bpg mbt2018-mean-mse -m ms-ssim -o ms-ssim.pdf\n"
        "\n"
        "Files are those of `jaxcompress evaluate`, `jaxcompress bench`, and of CompressAI. Curves of learned codecs\n"
        "are solid; of classical ones, and published ones, dashed.",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="JSON files of curves")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="curves.png",
        help=f"picture with one of the suffixes {' '.join(_SUFFIXES)} (default: curves.png)",
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output file")
    add_published(parser)
    parser.add_argument(
        "-m",
        "--metric",
        default="psnr-rgb",
        metavar="METRIC",
        help="psnr-rgb, ms-ssim (in dB), psnr-y, psnr-yuv, ssim-rgb, ms-ssim-rgb (not in dB), encoding_time or any "
        "other that the files have (default: psnr-rgb)",
    )
    parser.add_argument("-t", "--title", help="above the curves")
    parser.add_argument(
        "--axes", type=float, nargs=4, metavar=("XMIN", "XMAX", "YMIN", "YMAX"), help="limits of the axes"
    )
    parser.add_argument(
        "--figsize", type=float, nargs=2, metavar=("W", "H"), default=(7.0, 4.8), help="in inches (default: 7 4.8)"
    )
    parser.add_argument("--dpi", type=int, default=200, help="pixels per inch of a PNG (default: 200)")
    parser.add_argument("--scatter", action="store_true", help="draw the points of single pictures too")
    parser.add_argument("--log", action="store_true", help="logarithmic axis of the rate")


def add_published(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names published curves."""
    parser.add_argument(
        "--with",
        dest="published",
        metavar="NAME",
        nargs="+",
        default=[],
        help="published curves on the Kodak pictures: vtm hm bpg av1 jpeg jpeg2000 webp, and those of CompressAI's "
        "models such as mbt2018-mean-mse",
    )


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    suffix = Path(args.output).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ValueError(f"{args.output} has no suffix that says its format; expected one of {' '.join(_SUFFIXES)}")
    if min(args.figsize) <= 0 or args.dpi <= 0:
        raise ValueError("--figsize and --dpi need positive numbers")
    common.check_output(args.output, force=args.force)

    from jaxcompress.evaluate.entries import load_entries
    from jaxcompress.evaluate.plot import plot_curves, render
    from jaxcompress.evaluate.report.facts import mixture

    entries = load_entries(args.files, published=args.published)
    figure = plot_curves(
        [entry.curve for entry in entries if not entry.reference],
        references=[entry.curve for entry in entries if entry.reference],
        metric=args.metric,
        title=args.title,
        limits=None if args.axes is None else tuple(args.axes),
        figsize=tuple(args.figsize),
        scatter=args.scatter,
        log=args.log,
    )
    common.write_bytes(args.output, render(figure, suffix[1:], dpi=args.dpi), force=args.force)
    for line in mixture([entry.curve for entry in entries]):
        common.warn(f"note: {line}")
    print(f"{args.output}: {len(entries)} curve{'s' if len(entries) != 1 else ''}")
