"""The command line, one file for each command.

Exit status: 0 done; 1 `verify` found a difference; 2 a bad argument, an unreadable file, or anything else that is the
matter, told in one line; 130 and 143 stopped by Ctrl-C or SIGTERM; 141 nobody reads the output any more.
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
        words[:2] = ["train pack"]
    try:
        if argv is None:
            startup.prepare(words)
        args, unknown = build_parser().parse_known_args(words)
        if unknown:
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")  # with the usage of that command
        args.words = words  # for commands that record how they were called
        args.owns_process = argv is None
        status = args.run(args) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        _forget_standard_output()
        return 141  # as if by SIGPIPE, which Python ignores
    except Exception as error:
        if os.environ.get("JAXCOMPRESS_TRACEBACK"):
            raise
        common.warn(common.describe(error))
        return 2
    except KeyboardInterrupt as error:
        print(f"jaxcompress: {str(error) or 'interrupted'}", file=sys.stderr)
        return 130


def _forget_standard_output() -> None:
    """Lets the interpreter end without another attempt to write what nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
