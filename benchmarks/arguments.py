"""Command lines of benchmarks: the options that several have, and what may be given."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from jaxcompress.files import check_writable
from jaxcompress.processors import processor_name


class Parser(argparse.ArgumentParser):
    """Shows the description as it is written, and says what is wrong in one line."""

    def __init__(self, description: str, example: str):
        super().__init__(
            description=description,
            epilog=f"example:\n  python benchmarks/{example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse_args(self, *arguments):
        """Reads the command line, and prints what a figure needs at its head: script, date, machine and its load."""
        options = super().parse_args(*arguments)
        load = " ".join(f"{one:.1f}" for one in os.getloadavg())
        print(f"benchmarks/{self.prog}, {datetime.now(UTC):%Y-%m-%d}, {processor_name()}, load {load}")
        return options

    def error(self, message: str):
        """Ends the program."""
        self.exit(2, f"{self.prog}: {message}\n")

    def add_reference(self, *, required: bool = True) -> None:
        """`--reference`, the environment that CompressAI runs in."""
        self.add_argument(
            "--reference",
            metavar="DIR",
            type=environment,
            required=required,
            help="virtual environment with CompressAI",
        )

    def add_picture(self) -> None:
        """`--picture`, one file."""
        self.add_argument("--picture", metavar="FILE", type=present, required=True, help="a picture, 768x512 by custom")

    def add_kodak(self, *, required: bool = True) -> None:
        """`--kodak`, which becomes a list of files."""
        self.add_argument(
            "--kodak", metavar="DIR", type=pictures, required=required, help="folder of .png pictures", default=[]
        )

    def add_rounds(self, default: int) -> None:
        """`--rounds`."""
        self.add_argument("--rounds", metavar="N", type=count, default=default, help="(default: %(default)s)")

    def add_output(self, name: str, what: str) -> None:
        """An option for the file of `write_json`."""
        self.add_argument(name, metavar="FILE.json", type=output, help=f"write {what} here as well")


def environment(text: str) -> Path:
    """A virtual environment."""
    path = Path(text)
    if not (path / "bin" / "python").exists():
        raise argparse.ArgumentTypeError(f"{path} is no virtual environment: it has no bin/python")
    return path


def present(text: str) -> Path:
    """A file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def pictures(text: str) -> list[Path]:
    """The pictures of a folder."""
    found = sorted(Path(text).glob("*.png"))
    if not found:
        raise argparse.ArgumentTypeError(f"there is no .png in {text}")
    return found


def count(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} given; expected a whole number from 1 on")
    return int(text)


def output(text: str) -> Path:
    """A file that can be written."""
    try:
        check_writable(text, overwrite=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)
