"""What several commands share: files that may be standard input or output, and the choice of weights."""

import argparse
import contextlib
import dataclasses
import mmap
import os
import re
import stat
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from jaxcompress.files import check_writable, write_file
from jaxcompress.metric_table import OBJECTIVES

STANDARD = "-"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".pgm", ".ppm", ".tif", ".tiff")
PYTORCH_SUFFIXES = (".pth", ".pth.tar", ".pt")


def add_command(commands: Any, name: str, run, *, help: str, example: str) -> argparse.ArgumentParser:
    """Adds a command whose help shows an example."""
    parser = commands.add_parser(
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_output(parser: argparse.ArgumentParser, help: str) -> None:
    """Adds the options that say where to write."""
    parser.add_argument("-o", "--output", metavar="FILE", help=f"{help}; - is standard output, the default for -")
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output file")


def add_weights(parser: argparse.ArgumentParser, default: str, *, quality: bool = True) -> None:
    """Adds the options that say which weights to use; a command may have an own one for the quality."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-w", "--weights", metavar="FILE", help="weights file, .safetensors or CompressAI's .pth.tar")
    group.add_argument("--model", metavar="NAME", help=f"name in `jaxcompress zoo list` (default: {default})")
    add_recipe(parser)
    if quality:
        parser.add_argument("--quality", type=int, metavar="Q", help="quality of a published --model, from 1")
    parser.add_argument("--metric", choices=OBJECTIVES, help="metric of a published --model (default: mse)")


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names the model of weights, if it is none of the package's."""
    parser.add_argument(
        "--recipe",
        metavar="FILE",
        help="Python file with the model of --weights, if it is your own; see `train`",
    )


def output_path(source: str, given: str | None, suffix: str) -> str:
    """Where to write: as given, else beside the input with another suffix, else standard output."""
    if source != STANDARD and Path(source).is_dir():
        raise IsADirectoryError(f"{source} is a folder; give the name of a file")
    if given is not None and given != STANDARD and Path(given).resolve() == Path(source).resolve():
        raise ValueError(f"{given} is the input; give the output another name")
    if given is not None:
        return given
    if source != STANDARD and Path(source).suffix.lower() == suffix:
        raise ValueError(f"{source} ends in {suffix}, as what would be made of it; name the output with -o")
    return STANDARD if source == STANDARD else str(Path(source).with_suffix(suffix))


def check_output(path: str, *, force: bool) -> None:
    """Raises before the work if the output could not be written after it."""
    if path != STANDARD:
        check_writable(path, overwrite=force)
    elif sys.stdout is None:
        raise ValueError("standard output is closed; give a file with -o")
    elif sys.stdout.isatty():
        raise ValueError("standard output is a terminal; give a file with -o, or redirect it")


def read_bytes(path: str) -> bytes:
    """A whole file, or standard input."""
    if path != STANDARD:
        return Path(path).read_bytes()
    if sys.stdin is None:
        raise ValueError("standard input is closed; give the name of a file")
    return sys.stdin.buffer.read()


def map_bytes(path: str) -> bytes | mmap.mmap:
    """A file in memory, of which only what is looked at gets read; or standard input or a pipe, whole."""
    if path == STANDARD:
        return read_bytes(path)
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or not status.st_size:  # there is no empty map
            return file.read()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def write_bytes(path: str, data: bytes | memoryview, *, force: bool) -> None:
    """A whole file, or standard output."""
    if path != STANDARD:
        write_file(path, data, overwrite=force)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def report(line: str, *, output: str) -> None:
    """Prints a line, out of the way of data on standard output."""
    print(line, file=sys.stderr if output == STANDARD else sys.stdout)


def warn(line: str) -> None:
    """Prints a line on standard error, under the program's name."""
    with contextlib.suppress(BrokenPipeError):
        print(f"jaxcompress: {line}", file=sys.stderr)


def describe(error: Exception) -> str:
    """What is the matter, in one line."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, (ValueError, OSError, ImportError)):
        text = str(error)
    else:
        text = (
            f"{type(error).__name__}: {error} ({_place(error)}; set JAXCOMPRESS_TRACEBACK=1 to see how it came there)"
        )
    return " ".join(text.split())


def _place(error: Exception) -> str:
    """The innermost line of what is not installed, such as a recipe; else the innermost line."""
    frames = traceback.extract_tb(error.__traceback__)
    frame = ([frame for frame in frames if not _is_installed(Path(frame.filename))] or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _is_installed(path: Path) -> bool:
    """Whether a file is of a package, of the standard library, or none."""
    homes = {Path(sysconfig.get_path("stdlib")), Path(__file__).parents[1]}
    return not path.is_absolute() or bool({"site-packages", "dist-packages"} & {*path.parts} or homes & {*path.parents})


def named(error: ValueError, name: str) -> ValueError:
    """The error, with the name of a file before it unless it has it."""
    has_it = re.search(rf"(?<!\S){re.escape(name)}(?![\w.])", str(error))
    return error if has_it else ValueError(f"{name}: {error}")


def load_weights(path: str, *, recipe: str | None = None, integer: bool = False):
    """Weights of a file of ours or of CompressAI's, which has no integer networks: they are made if asked for.

    Those of ours may be of the model that a recipe trains.
    """
    from jaxcompress import weights

    if path.endswith(PYTORCH_SUFFIXES):
        if recipe is not None:
            raise ValueError(
                f"{path} is a checkpoint of CompressAI, which has no model of your own; leave out --recipe"
            )
        from jaxcompress import convert
        from jaxcompress.integer import quantize_entropy

        found = convert.from_pytorch(path, integer=False)
        if integer and found.model().layout.decides_by_networks:
            found = quantize_entropy(found, progress=sys.stderr.isatty())
        return found
    return weights.load(path, model=None if recipe is None else _model_of(recipe, path))


def _model_of(recipe: str, path: str):
    """The model of a recipe with the sizes of a weights file, which `--set` may have given to it."""
    from jaxcompress import train
    from jaxcompress.weights_header import read_header

    header, found = read_header(path), train.load_recipe(recipe)
    if found.architecture != header["architecture"]:
        raise ValueError(f"{path} is of {header['architecture']!r}, and {recipe} trains {found.architecture!r}")
    return dataclasses.replace(found, n=header["n"], m=header["m"]).make_model()


class Choice(NamedTuple):
    """The weights that the options of `add_weights` name.

    Attributes:
        file: weights file or checkpoint, if one is named.
        model: name of bundled or published weights, if one is named.
        recipe: Python file with the model of `file`, if it is the user's own.
        quality: quality of a published model.
        metric: metric of a published model.
    """

    file: str | None
    model: str | None
    recipe: str | None
    quality: int | None
    metric: str | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Choice":
        """Takes them from a command's arguments."""
        return cls(args.weights, args.model, args.recipe, args.quality, args.metric)

    @property
    def names_weights(self) -> bool:
        """Whether the user has named any, and not left the choice to the command."""
        return bool(self.file or self.model or self.recipe)

    @property
    def chooses_published(self) -> bool:
        """Whether a quality or a metric is given."""
        return self.quality is not None or self.metric is not None

    def load(self, *, integer: bool = False):
        """The weights; the bundled ones if none are named. See `load_weights` for `integer`."""
        from jaxcompress import zoo

        if not self.file:
            if self.recipe is not None:
                raise ValueError("--recipe is for weights of your own; give them with --weights FILE")
            return zoo.load(self.model or zoo.DEFAULT, quality=self.quality, metric=self.metric)
        if self.chooses_published:
            raise ValueError("--quality and --metric choose among published models; give --model, or leave them out")
        return load_weights(self.file, recipe=self.recipe, integer=integer)


def make_codec(weights, *, entropy: str | None = None, progress: bool = True):
    """A codec that shows its progress to a person, unless somebody else does."""
    from jaxcompress.codec import Codec

    return Codec(weights, entropy=entropy, progress=progress and sys.stderr.isatty())
