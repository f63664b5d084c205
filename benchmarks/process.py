"""Processes of a benchmark: one asks, the others answer, and each measures itself. Standard library only.

One JSON object on a line of standard input asks, one on standard output answers.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class ProcessError(Exception):
    """A process did not do what it was asked."""


class Process:
    """A process that does what it is asked and then waits. `with` ends it."""

    def __init__(self, name: str, command: list, environment: dict[str, str] | None = None):
        """Starts a command, with `environment` added to the variables of this process."""
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | (environment or {}),
        )

    def ask(self, command: str, **arguments) -> dict:
        """Sends a request and waits for its answer."""
        with contextlib.suppress(BrokenPipeError):  # if it has ended, its own words, below, say why
            self._process.stdin.write(json.dumps({"command": command, **arguments}, default=str) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            raise ProcessError(f"{self.name} ended with status {status}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise ProcessError(f"{self.name} failed in {command}: {answer['error'].strip()}")
        return answer

    def uses(self, library: str) -> bool:
        """Whether a shared library is loaded; a preloaded one that is not found is passed over in silence."""
        return library in Path(f"/proc/{self._process.pid}/maps").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def serve(commands: dict[str, Callable[..., dict]]) -> None:
    """Answers until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # nothing that prints may disturb the answers
    for line in sys.stdin:
        request = json.loads(line)
        command = commands[request.pop("command")]
        try:
            answer = command(**request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def measure_process(name: str, command: list, environment: dict[str, str]) -> dict[str, float]:
    """Wall and CPU seconds and page faults of a command from its start to its end.

    `environment` is added to the variables of this process.
    """
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, env=os.environ | environment, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.perf_counter()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            raise ProcessError(f"{name} ended with status {process.returncode}: {last}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": ended - began, "cpu": cpu, "faults": usage.ru_minflt}


def measure(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What `run` returns; and wall and CPU seconds and page faults, of all threads, and peak memory so far in kB."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    result = run()
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    faults = after.ru_minflt - before.ru_minflt
    return result, {"wall": ended - began, "cpu": cpu, "faults": faults, "peak": after.ru_maxrss}
