"""`jaxcompress report`."""

import argparse
from typing import Any

from jaxcompress.cli import common, plot


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "report",
        run,
        help="make one HTML page of curves, BD-rates and pictures to compare",
        example="jaxcompress bench jpeg kodak --save && jaxcompress evaluate kodak --save\n"
        "  jaxcompress report results/*.json -o report.html --with vtm bpg\n"
        "  jaxcompress report results/*.json --pictures kodim07.png kodim15.png --bpp 0.15 0.3 0.6\n"
        "\n"
        "The page needs no network and no other file. Pictures are there to look at if the runs had --save: for each\n"
        "target rate, of each curve the saved picture nearest to it.",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", help="JSON files of curves")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="default: report.html; - is standard output"
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output file")
    plot.add_published(parser)
    parser.add_argument(
        "--anchor",
        metavar="NAME",
        help="curve that BD-rates compare with (default: the first of --with, else the first file's)",
    )
    parser.add_argument(
        "--pictures", metavar="NAME", nargs="+", help="pictures to show (default: the first three that were saved)"
    )
    parser.add_argument(
        "--bpp",
        type=float,
        nargs="+",
        metavar="T",
        help="rates to show them at (default: the one that all curves come nearest to)",
    )
    parser.add_argument("-t", "--title", default="Rate and distortion", help="of the page")


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    common.check_output(args.output, force=args.force)

    from jaxcompress.evaluate.report import load_entries, make_report

    entries = load_entries(args.files, published=args.published)
    report = make_report(entries, anchor=args.anchor, pictures=args.pictures, bpp=args.bpp, title=args.title)
    data = report.html.encode()
    common.write_bytes(args.output, data, force=args.force)
    for note in report.notes:
        common.warn(f"note: {note}")
    pictures = f"{len(report.pictures)} picture{'s' if len(report.pictures) != 1 else ''}"
    common.report(
        f"{args.output}: {len(entries)} curve{'s' if len(entries) != 1 else ''}, {pictures} "
        f"({len(data) / 1e6:.1f} MB, of which pictures {report.pictures_size / 1e6:.1f} MB)",
        output=args.output,
    )
