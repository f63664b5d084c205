"""CompressAI in a process of its own, and the list of what was checked against it."""

import base64
import contextlib
import dataclasses
import json
import subprocess
from pathlib import Path

import numpy as np


class Checks:
    """What was checked, for the summary and the exit status."""

    def __init__(self):
        self.made = []

    def at_most(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be larger; NaN fails."""
        self._add(case, what, float(found), f"<= {limit:g}", bool(found <= limit))

    def at_least(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be smaller; NaN fails."""
        self._add(case, what, float(found), f">= {limit:g}", bool(found >= limit))

    def holds(self, case: str, what: str, found: bool) -> bool:
        """A statement that must be true."""
        self._add(case, what, bool(found), "yes", bool(found))
        return bool(found)

    def _add(self, case, what, found, limit, ok):
        self.made.append({"case": case, "what": what, "found": found, "limit": limit, "ok": ok})

    def broken(self) -> list[dict]:
        """Those that failed."""
        return [check for check in self.made if not check["ok"]]


class Worker:
    """CompressAI in another process; see `compressai_worker.py`, or the other script beside it that is named."""

    def __init__(self, environment: Path, folder: Path, script: str = "compressai_worker.py"):
        python = environment / "bin" / "python"
        self._errors = (folder / "worker.log").open("w+")
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, command: str, **arguments) -> dict:
        """Sends a request and waits for its answer."""
        with contextlib.suppress(BrokenPipeError):  # if it has ended, its own words, below, say why
            self._process.stdin.write(json.dumps({"command": command, **arguments}, default=str) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            raise WorkerError(f"the reference environment failed (status {self._process.wait()}): {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"CompressAI failed in {command}: {answer['error'].strip()}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


class WorkerError(Exception):
    """CompressAI did not do what it was asked."""


@dataclasses.dataclass
class Coded:
    """A picture as CompressAI coded it: strings, and arrays `[1, h, w, C]` by name."""

    updated: bool
    strings: list[bytes]
    shape: tuple[int, int]
    arrays: dict[str, np.ndarray]


class Reference:
    """CompressAI's answers, as arrays."""

    def __init__(self, worker: Worker, folder: Path):
        self.ask, self.folder = worker.ask, folder

    def picture_file(self, x: np.ndarray) -> Path:
        """A file of a picture `[1, H, W, 3]` that the worker reads."""
        path = self.folder / "picture.npy"
        np.save(path, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        return path

    def code(
        self, architecture: str, checkpoint: Path, x: np.ndarray, *, stages: bool = False, arithmetic: str = "default"
    ) -> Coded:
        """Codes a picture `[1, H, W, 3]` with the network of a checkpoint; for `arithmetic` see the worker."""
        path = self.folder / "arrays.npz"
        answer = self.ask(
            "code",
            architecture=architecture,
            checkpoint=checkpoint,
            picture=self.picture_file(x),
            arrays=path,
            stages=stages,
            arithmetic=arithmetic,
        )
        with np.load(path) as file:
            arrays = {name: np.ascontiguousarray(file[name].transpose(0, 2, 3, 1)) for name in file.files}
        strings = [base64.b64decode(string) for string in answer["strings"]]
        return Coded(answer["updated"], strings, tuple(answer["shape"]), arrays)


# ---------------------------------------------------------------- 1. stages
