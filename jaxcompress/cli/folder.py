"""Folders of pictures, as `encode` and `decode` take them: each file by itself, the tree below mirrored.

A file whose output is there is skipped, and outputs are written whole or not at all: the same command, given again,
goes on where it was stopped. What fails is told and left out. Hidden files are left out, as are folders that are links
(they may lead in circles).
"""

import argparse
import collections
import dataclasses
import errno
import os
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcompress.cli import common
from jaxcompress.files import remove_leftovers, write_file
from jaxcompress.processors import PROCESSORS

HELP = (
    "A folder needs -o FOLDER, which gets the same tree. Files whose output exists are skipped (--force: coded\n"
    "again), so that the same command goes on after a stop; only one at a time may write to a folder. What fails is\n"
    "told, and the rest is done. Hidden files and linked folders are left out; of two files whose outputs would have\n"
    "the same name, neither is coded.\n"
    "\n"
    "Exit status: 0 done; 2 bad input, or something failed; 130 stopped by Ctrl-C."
)
_AHEAD = 16  # times as many pictures may be done as are coded at once, while one takes long


@dataclasses.dataclass(frozen=True)
class Coded:
    """What became of a file.

    Attributes:
        data: of the output.
        width: of the picture, in pixels.
        height: likewise.
        coded_bytes: size of the compressed file, be it input or output.
        note: what the user should know.
        reached: what was reached, if there was a choice, such as the quality.
    """

    data: bytes | memoryview
    width: int
    height: int
    coded_bytes: int
    note: str = ""
    reached: str = ""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a command does with a folder.

    Attributes:
        suffixes: of the files to take, in lower case.
        suffix: of what they become.
        prepare: from threads for each picture to the function that codes a file; called if there is anything to do.
    """

    suffixes: tuple[str, ...]
    suffix: str
    prepare: Callable[[int], Callable[[Path], Coded]]


class Options(NamedTuple):
    """How a folder is coded.

    Attributes:
        output: folder to write to, as given.
        jobs: pictures at a time; None for one on each processor.
        force: replace outputs that exist.
        owns_process: whether the process is the command's own, and may be ended at once.
    """

    output: str | None
    jobs: int | None
    force: bool
    owns_process: bool

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Options":
        """Takes them from a command's arguments."""
        return cls(args.output, args.jobs, args.force, args.owns_process)


@dataclasses.dataclass
class _Totals:
    """Of what was coded since it was made."""

    done: int = 0
    failed: int = 0
    pixels: int = 0
    coded_bytes: int = 0
    notes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    began: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def speed(self) -> str:
        """Of all jobs together, making the codec included."""
        return f"{self.pixels / 1e6 / (time.monotonic() - self.began):.2f} Mpixel/s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the option that is for folders only."""
    parser.add_argument(
        "-j", "--jobs", type=int, metavar="N", help="pictures of a folder at a time (default: the processors)"
    )


def is_folder(source: str, jobs: int | None) -> bool:
    """Whether a folder is given; ValueError if `--jobs` is, and should not be."""
    found = source != common.STANDARD and Path(source).is_dir()
    if jobs is not None and not found:
        raise ValueError(f"--jobs is for folders, and {source} is none; leave it out")
    return found


def run(source: str, kind: Kind, options: Options) -> int:
    """Codes a folder, and prints what became of it.

    Returns:
        The exit status: 2 if anything failed.
    """
    if options.jobs is not None and options.jobs < 1:
        raise ValueError(f"--jobs is {options.jobs}; expected at least 1")
    target = _checked_target(source, options.output)
    found, totals = _find(Path(source), target, kind), _Totals()
    tasks = found.tasks if options.force else [task for task in found.tasks if not os.path.lexists(task[1])]
    for folder in {output.parent for _, output in found.tasks}:
        remove_leftovers(folder)
    for path, reason in found.failed:
        _tell_failure(path, reason, totals)
    try:
        if tasks:
            _code(tasks, kind, options.jobs, force=options.force, totals=totals)
    except KeyboardInterrupt:
        message = f"interrupted: {totals.done} of {len(tasks)} pictures are done; the same command goes on"
        if not options.owns_process:
            raise KeyboardInterrupt(message) from None
        # Python would wait for its threads, each with a picture in hand. Files are whole or not there.
        common.warn(message)
        sys.stdout.flush()
        os._exit(130)
    for note, count in totals.notes.items():
        common.warn(f"note: of {count} pictures {note}")
    skipped = len(found.tasks) - len(tasks)
    print(_summary(len(found.tasks) + len(found.failed), skipped, totals))
    return 2 if totals.failed else 0


def _checked_target(source: str, given: str | None) -> Path:
    """The output folder, made and written to."""
    if given is None or given == common.STANDARD:
        raise ValueError(f"{source} is a folder; give another one to write to with -o")
    target = Path(given)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target} is a file, and {source} a folder; give a folder to write to")
    if target.resolve() == Path(source).resolve():
        raise ValueError(f"{target} is the folder with the input; give another one")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=target):
        pass
    return target


@dataclasses.dataclass(frozen=True)
class _Found:
    """Inputs with their outputs, and what cannot be coded with the reason."""

    tasks: list[tuple[Path, Path]]
    failed: list[tuple[Path, str]]


def _find(source: Path, target: Path, kind: Kind) -> _Found:
    failed: list[tuple[Path, str]] = []
    inputs: dict[str, list[tuple[Path, Path]]] = {}
    without = os.path.realpath(target)

    def unreadable(error: OSError) -> None:
        failed.append((Path(error.filename), error.strerror or str(error)))

    for folder, below, names in os.walk(source, onerror=unreadable):
        below[:] = [name for name in sorted(below) if not name.startswith(".")]
        below[:] = [name for name in below if os.path.realpath(os.path.join(folder, name)) != without]
        for path in (Path(folder, name) for name in sorted(names)):
            if path.suffix.lower() in kind.suffixes and not path.name.startswith(".") and _may_be_read(path):
                output = (target / path.relative_to(source)).with_suffix(kind.suffix)
                # Many file systems take names for equal that differ in case, or in how accents are written.
                inputs.setdefault(unicodedata.normalize("NFC", str(output)).casefold(), []).append((path, output))
    tasks = [found[0] for found in inputs.values() if len(found) == 1]
    for found in inputs.values():
        if len(found) > 1:
            all_of_them = " and ".join(path.name for path, _ in found)
            why = f"{all_of_them} would all become {found[0][1]}; rename all but one"
            failed += [(path, why) for path, _ in found]
    if not tasks and not failed:
        raise ValueError(f"there is nothing to do in {source}; expected files ending in {' '.join(kind.suffixes)}")
    return _Found(tasks, failed)


def _may_be_read(path: Path) -> bool:
    """Whether it is a file, or should be one (a link to nothing is told); of a pipe there is no end."""
    return path.is_file() or not path.exists()


def _code(tasks: Sequence[tuple[Path, Path]], kind: Kind, jobs: int | None, *, force: bool, totals: _Totals) -> None:
    """Codes files, several at a time, and adds what became of them to the totals."""
    from tqdm import tqdm

    from jaxcompress.codec.batch import ordered_map

    jobs = min(jobs or PROCESSORS, len(tasks))
    code = kind.prepare(max(1, PROCESSORS // jobs))

    def attempt(task: tuple[Path, Path]) -> Coded | Exception:
        path, output = task
        try:
            coded = code(path)
            output.parent.mkdir(parents=True, exist_ok=True)
            write_file(output, coded.data, overwrite=force)
        except Exception as error:
            if os.environ.get("JAXCOMPRESS_TRACEBACK") or getattr(error, "errno", None) == errno.ENOSPC:
                raise
            return error
        return dataclasses.replace(coded, data=b"")  # results wait for each other

    outcomes = ordered_map(attempt, tasks, jobs=jobs, window=_AHEAD * jobs)
    with tqdm(total=len(tasks), unit="picture", leave=False, disable=None) as bar:
        for (path, _), outcome in zip(tasks, outcomes, strict=True):
            if isinstance(outcome, Exception):
                with tqdm.external_write_mode(file=sys.stderr):
                    _tell_failure(path, common.describe(outcome), totals)
            else:
                totals.done += 1
                totals.pixels += outcome.width * outcome.height
                totals.coded_bytes += outcome.coded_bytes
                totals.notes.update([outcome.note] if outcome.note else [])
            bar.update()
            bar.set_postfix_str(totals.speed, refresh=False)


def _tell_failure(path: Path, reason: str, totals: _Totals) -> None:
    totals.failed += 1
    common.warn(reason if str(path) in reason else f"{path}: {reason}")


def _summary(found: int, skipped: int, totals: _Totals) -> str:
    """All in one line; sizes and speed are of what was coded now."""
    parts = [f"{found} picture{'s' * (found != 1)}"]
    parts += [f"{skipped} skipped"] * bool(skipped) + [f"{totals.failed} failed"] * bool(totals.failed)
    if totals.done:
        parts += [
            f"{totals.pixels / 1e6:,.2f} Mpixel",
            f"{totals.coded_bytes:,} bytes",
            f"{8 * totals.coded_bytes / totals.pixels:.4f} bpp",
            totals.speed,
        ]
    return ", ".join(parts)
