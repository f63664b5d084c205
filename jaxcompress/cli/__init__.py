"""The command line, one file for each command.

Exit status: 0 done; 2 a bad argument, an unreadable file, or anything else that is the matter, told in one line.
"""

import argparse
import sys
from collections.abc import Sequence

from jaxcompress import __version__
from jaxcompress.cli import convert, decode, demo, encode, info

_COMMANDS = (encode, decode, info, convert, demo)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="jaxcompress",
        description="Learned image compression: pictures to small files and back.",
        epilog="example: jaxcompress encode photo.png && jaxcompress decode photo.jxc -o decoded.png",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        argv: arguments, without the program's name; the process's own if not given.

    Returns:
        The exit status.
    """
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError, ImportError, MemoryError, RuntimeError) as error:  # RuntimeError: XLA's way to tell
        print(f"jaxcompress: {' '.join(_describe(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxcompress: interrupted", file=sys.stderr)
        return 130
    return 0


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
