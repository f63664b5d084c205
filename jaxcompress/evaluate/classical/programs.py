"""Finding and running encoders and decoders."""

import dataclasses
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from jaxcompress.evaluate.codec import CodecError, MissingExecutableError

_SAID = ("stdout.txt", "stderr.txt")
_LAST_LINES = 5  # of each
_VERSION_TIMEOUT = 30.0  # seconds


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that a codec needs.

    Attributes:
        names: of its file; the first that is found is used.
        source: where one gets it, in words that follow "install" or "build".
        version_argument: makes it tell its version, which it may call an error.
        version_pattern: regular expression with one group, the version.
        in_folder: whether it lies in the folder with the builds of a codec; others are on PATH.
    """

    names: tuple[str, ...]
    source: str
    version_argument: str
    version_pattern: str
    in_folder: bool = True

    def find(self, path: str | Path | None = None, folder: str | Path | None = None) -> str:
        """Where it lies.

        Args:
            path: a file, or a name on PATH, that is taken instead.
            folder: with all programs of a codec, which is searched instead of PATH.

        Raises:
            MissingExecutableError: it is not there, with how one gets it.
        """
        if path is not None:
            found = shutil.which(path)
            if found is None:
                raise MissingExecutableError(f"there is no program {path}, or it may not be run; {self.source}")
            return str(Path(found).absolute())  # as programs run in another folder
        where = str(folder) if folder is not None and self.in_folder else None
        for name in self.names:
            if found := shutil.which(name, path=where):
                return str(Path(found).absolute())
        names = " or ".join(self.names)
        raise MissingExecutableError(f"there is no {names} {f'in {where}' if where else 'on PATH'}; {self.source}")

    def version(self, found: str) -> str:
        """What it says that it is, or "unknown".

        Args:
            found: what `find` gave.

        Raises:
            MissingExecutableError: it does not run here.
        """
        try:
            said = subprocess.run(
                [found, self.version_argument],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_VERSION_TIMEOUT,
                check=False,
            ).stdout
        except OSError as error:
            raise MissingExecutableError(f"{found} does not run here: {error}; {self.source}") from error
        except subprocess.TimeoutExpired:
            return "unknown"
        match = re.search(self.version_pattern, said.decode(errors="replace"))
        return match[1] if match else "unknown"


class Running:
    """Programs that run at the moment, in whatever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen] = set()
        self._stopped = False

    def wait(self, process: subprocess.Popen, timeout: float | None) -> int:
        """Exit status of a process; it is gone afterwards, whatever happens."""
        with self._lock:
            self._processes.add(process)
            if self._stopped:
                process.kill()
        try:
            return process.wait(timeout)
        finally:
            process.kill()
            process.wait()
            with self._lock:
                self._processes.discard(process)

    def stop(self) -> None:
        """Kills all of them, and those that are still to come."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()


def run(command: Sequence[str], folder: Path, timeout: float | None, running: Running) -> float:
    """Runs a program, in silence.

    Args:
        command: it and its arguments.
        folder: where it runs, and where what it says is kept: apart, for in one file what it says last may come first.
        timeout: seconds after which it is killed, if any.
        running: where it can be stopped from another thread.

    Returns:
        The wall time that it took.

    Raises:
        CodecError: it failed; with the last lines that it said.
    """
    # Through files and not pipes, for a pipe stays open for as long as any child of the program's lives.
    output, errors = (folder / name for name in _SAID)
    with open(output, "wb") as stdout, open(errors, "wb") as stderr:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            status = running.wait(process, timeout)
        except OSError as error:
            raise CodecError(f"{command[0]} does not run here: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise complain(command, folder, f"given up after {timeout} seconds") from error
        seconds = time.perf_counter() - start
    if status != 0:
        raise complain(command, folder, f"exit status {status}" if status > 0 else f"killed by signal {-status}")
    return seconds


def complain(command: Sequence[str], folder: Path, what: str) -> CodecError:
    """The error of a program that did not do its work.

    Args:
        command: it and its arguments.
        folder: where `run` ran it.
        what: went wrong, in words.
    """
    said = [line for name in _SAID for line in _lines(folder / name)[-_LAST_LINES:]]
    return CodecError("\n  ".join([f"{' '.join(command)}: {what}{'' if said else ', without a word'}", *said]))


def _lines(path: Path) -> list[str]:
    # Some programs draw bars, with carriage returns.
    return [line.strip() for line in re.split(r"[\r\n]+", path.read_text(errors="replace")) if line.strip()]
