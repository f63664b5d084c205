"""What a run tells: lines of JSON, TensorBoard if it is installed, and a progress bar or lines for people."""

import contextlib
import importlib.util
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from jaxcompress.files import write_file


class NonFiniteError(ValueError):
    """A loss or a gradient became infinite or not a number.

    Attributes:
        step: the first such step.
    """

    def __init__(self, step: int, name: str, value: float):
        super().__init__(f"{name} became {value} at step {step}")
        self.step = step


class Metrics:
    """Means of metrics between lines. Values stay on the device until a line is due, so that steps run ahead.

    What a line lacks at a checkpoint is part of the checkpoint, so a resumed run writes the same lines.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, step: int, metrics: dict[str, jax.Array]) -> None:
        """Takes the metrics of a step.

        Args:
            step: its number, from 1.
            metrics: scalars by name.
        """
        self._pending.append((step, metrics))

    def check(self) -> None:
        """Waits for all steps so far.

        Raises:
            NonFiniteError: one of them gave a number that is none.
        """
        pending, self._pending = self._pending, []
        for (step, _), metrics in zip(pending, jax.device_get([metrics for _, metrics in pending]), strict=True):
            # The loss and the gradient first, for what follows from them says less of the cause.
            for name, value in sorted(metrics.items(), key=lambda item: item[0] not in ("loss", "gradient_norm")):
                if not math.isfinite(value):
                    raise NonFiniteError(step, name, float(value))
                self._sums[name] = self._sums.get(name, 0.0) + float(value)
            self._count += 1

    def means(self) -> dict[str, float]:
        """Means since the last call."""
        self.check()
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        return means

    def state(self) -> dict[str, Any]:
        """What has been added since the last line, as JSON values."""
        self.check()
        return {"sums": dict(self._sums), "count": self._count}  # a copy: it is written while steps go on

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to a `state`."""
        self._pending, self._sums, self._count = [], dict(state["sums"]), int(state["count"])


class Log:
    """The written record of a run: `metrics.jsonl`, and TensorBoard's files where tensorboardX is installed.

    Args:
        folder: of the run.
        step: steps done so far; what the file says of later ones, which a killed run left behind, is dropped.
        enabled: off in all processes but one.
    """

    def __init__(self, folder: Path, *, step: int, enabled: bool = True):
        self._enabled = enabled
        self._path = folder / "metrics.jsonl"
        self._board = None
        if not enabled:
            return
        if self._path.exists():
            lines = [line for line in self._path.read_text().splitlines() if _step_of(line) <= step]
            write_file(self._path, "".join(line + "\n" for line in lines).encode(), overwrite=True)
        if importlib.util.find_spec("tensorboardX"):
            from tensorboardX import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a line.

        Args:
            step: steps done.
            values: by name; "train/loss" and the like.
        """
        if not self._enabled:
            return
        with open(self._path, "a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Finishes TensorBoard's files."""
        if self._board is not None:
            self._board.close()


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):  # the last line, half-written
        return math.inf


def psnr_of(mse: float) -> float:
    """PSNR in dB of a mean squared error on the [0, 1] scale."""
    return -10 * math.log10(mse) if mse > 0 else math.inf


class Progress:
    """Shows how far a run is: a bar on a terminal, else a line now and then.

    Args:
        step: steps done so far.
        steps: length of the run.
        batch_size: pictures in a step.
        enabled: off in all processes but one.
    """

    def __init__(self, *, step: int, steps: int, batch_size: int, enabled: bool = True):
        self._batch_size, self._enabled = batch_size, enabled
        self._bar = tqdm(
            total=steps, initial=step, unit="step", disable=not (enabled and sys.stderr.isatty()), dynamic_ncols=True
        )
        self._steps = steps
        self._since = (time.monotonic(), step)
        self._compiled = False

    def advance(self, values: Any) -> None:
        """One step more has been started.

        Args:
            values: what it gives. The first step is waited for and not counted, since it is compiled.
        """
        self._bar.update()
        if not self._compiled:
            jax.block_until_ready(values)
            self._since, self._compiled = (time.monotonic(), self._since[1] + 1), True

    def show(self, step: int, means: Mapping[str, float]) -> float | None:
        """Shows metrics.

        Args:
            step: steps done.
            means: with "bpp" and "mse".

        Returns:
            Pictures per second since the last call; None if there was only the step that was compiled.
        """
        now = time.monotonic()
        seconds, steps = now - self._since[0], step - self._since[1]
        self._since = (now, step)
        speed = self._batch_size * steps / max(seconds, 1e-9) if steps else None
        figures = f"{means['bpp']:.3f} bpp, {psnr_of(means['mse']):.2f} dB"
        figures += f", {speed:.1f} pictures/s" if speed else ""
        self._bar.set_postfix_str(figures)
        if self._bar.disable:
            left = f", {tqdm.format_interval((self._steps - step) * self._batch_size / speed)} left" if speed else ""
            self.say(f"step {step}/{self._steps}: {figures}{left}")
        return speed

    def say(self, line: str) -> None:
        """Prints a line without breaking the bar."""
        if self._enabled:
            with contextlib.suppress(OSError):  # a run does not end because nobody reads
                self._bar.write(line, file=sys.stderr)

    def pause(self) -> None:
        """Does not count the time until the next step: a validation, say, is not training speed."""
        self._paused = time.monotonic()

    def proceed(self) -> None:
        """Ends a pause."""
        self._since = (self._since[0] + time.monotonic() - self._paused, self._since[1])

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
