"""Being asked to stop: a run finishes its step, saves, and leaves."""

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

import jax

from jaxcompress.train.checkpoints import Checkpoints


class Interrupted(Exception):
    """A run stopped early because it was asked to; its checkpoint is saved.

    Attributes:
        signal: number of the signal.
    """

    def __init__(self, step: int, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step}, which is saved")
        self.signal = number


class Interruption:
    """Catches SIGTERM (a machine is taken away) and SIGINT (Ctrl-C). A second signal acts at once, as it would else.

    Python handles a signal when the call into compiled code that it came in has returned: after the compilation of the
    first step, say. What the process was started to ignore, as shells start jobs in the background to ignore Ctrl-C, it
    goes on to ignore.

    Of several processes some may be told and others not, so there JAX's own service decides at which step all of them
    stop. It listens to SIGTERM itself, for good, so a second one changes nothing; Ctrl-C is passed on to it.
    """

    def __init__(self, checkpoints: Checkpoints):
        self._checkpoints = checkpoints
        self._several = jax.process_count() > 1
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        """Starts to listen, if this is the main thread; in others Python has no signals."""
        numbers = (signal.SIGINT,) if self._several else (signal.SIGTERM, signal.SIGINT)
        if threading.current_thread() is threading.main_thread():
            listened = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
            self._previous = {number: signal.signal(number, self._receive) for number in listened}
        return self

    def __exit__(self, *_: object) -> None:
        """Stops listening."""
        self._restore()

    def requested(self, step: int) -> int | None:
        """The signal because of which all processes should stop after this step, or None.

        Args:
            step: steps done.
        """
        if self._several:
            return (self._received or signal.SIGTERM) if self._checkpoints.reached_preemption(step) else None
        return self._received

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._received = number
        self._restore()
        with contextlib.suppress(OSError):  # nobody may read it any more: `| tee` dies of the same Ctrl-C
            when = b"a step that all processes agree on" if self._several else b"this step"
            os.write(2, b"\nstopping after %s, which is saved; a second signal stops at once, saving nothing\n" % when)
        if self._several:
            os.kill(os.getpid(), signal.SIGTERM)

    def _restore(self) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, signal.SIG_DFL if previous is None else previous)  # None: not set by Python
        self._previous = {}
