"""Being asked to stop: a run finishes its step, saves, and leaves."""

import signal
from types import FrameType

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

    Of several processes some may be told and others not, so there JAX's own service decides at which step all of them
    stop; it listens to SIGTERM itself.
    """

    def __init__(self, checkpoints: Checkpoints):
        self._checkpoints = checkpoints
        self._received: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        """Starts to listen."""
        numbers = [signal.SIGTERM, signal.SIGINT] if jax.process_count() == 1 else []
        self._previous = {number: signal.signal(number, self._receive) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        """Stops listening."""
        self._restore()

    def requested(self, step: int) -> int | None:
        """The signal because of which all processes should stop after this step, or None.

        Args:
            step: steps done.
        """
        if jax.process_count() > 1:
            return signal.SIGTERM if self._checkpoints.reached_preemption(step) else None
        return self._received

    def _receive(self, number: int, _: FrameType | None) -> None:
        self._received = number
        self._restore()

    def _restore(self) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type]
        self._previous = {}
