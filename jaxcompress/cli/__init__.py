"""The command line, one file for each command.

Exit status: 0 done; 1 `verify` found a difference; 2 a bad argument, an unreadable file, or anything else that is the
matter, told in one line; 130 and 143 stopped by Ctrl-C or SIGTERM.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from jaxcompress import __version__
from jaxcompress.cli import (
    bd_rate,
    bench,
    common,
    convert,
    decode,
    demo,
    encode,
    evaluate,
    export,
    find_close,
    info,
    pack,
    plot,
    report,
    startup,
    train,
    verify,
    zoo,
)

_COMMANDS = (
    *(encode, decode, info, convert, demo, verify),
    *(evaluate, bench, find_close, bd_rate, plot, report),
    *(train, pack),
    *(zoo, export),
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="jaxcompress",
        description="Learned image compression: pictures to small files and back.",
        epilog="example: jaxcompress encode photo.png && jaxcompress decode photo.jxc -o decoded.png",
    )
    parser.set_defaults(owns_process=False)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: arguments, without the program's name. If not given they are the process's own, and so is the process: it
            keeps memory and compiled programs, see `startup`.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold any bytes
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:2] == ["train", "pack"]:  # a command below a command that takes a name of its own
        words[:2] = ["train-pack"]
    try:
        if argv is None:
            startup.prepare(words)
        args = build_parser().parse_args(words)
        args.words = words  # for commands that record how they were called
        args.owns_process = argv is None
        return args.run(args) or 0
    except Exception as error:
        if os.environ.get("JAXCOMPRESS_TRACEBACK"):
            raise
        common.warn(common.describe(error))
        return 2
    except KeyboardInterrupt as error:
        print(f"jaxcompress: {str(error) or 'interrupted'}", file=sys.stderr)
        return 130
