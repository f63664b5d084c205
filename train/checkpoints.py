"""Checkpoints with Orbax: asynchronous, the last two and the best one kept, restorable onto other devices."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import Sharding

from jaxcompress.train.step import TrainState

_KEPT = 2


class Checkpoints:
    """The checkpoints of a run, in one folder. A context: on leaving, what is being saved is finished.

    A checkpoint is written under a temporary name and renamed, so a process that is killed leaves the one before it.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        keep = ocp.checkpoint_managers
        policy = keep.AnyPreservationPolicy(
            [
                keep.LatestN(n=_KEPT),
                keep.BestN(
                    get_metric_fn=lambda metrics: metrics["loss"],
                    reverse=True,  # ascending order keeps the largest
                    n=1,
                    keep_checkpoints_without_metrics=False,
                ),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policy, enable_async_checkpointing=True, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options, item_names=("state", "progress"))

    def __enter__(self) -> "Checkpoints":
        """Does nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Finishes what is being saved."""
        self._manager.close()

    @property
    def last_step(self) -> int | None:
        """Step of the last checkpoint."""
        return self._manager.latest_step()

    @property
    def steps(self) -> list[int]:
        """Steps of all checkpoints that are kept, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, state: TrainState, progress: Mapping[str, Any], *, loss: float | None = None) -> None:
        """Starts to save, unless this step is saved already; values are taken before it returns.

        Args:
            step: steps done.
            state: of the training.
            progress: what else a resumed run needs, as JSON values: place in the data, unfinished lines of metrics.
            loss: of a validation at this step, by which the best checkpoint is known.
        """
        if step == self.last_step:
            return
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(dict(progress)))
        self._manager.save(step, args=items, metrics=None if loss is None else {"loss": loss})

    def restore(self, like: TrainState, sharding: Sharding) -> tuple[TrainState, dict[str, Any]]:
        """Reads the last checkpoint.

        Args:
            like: a state of the same shapes; `jax.eval_shape` of one will do.
            sharding: where to put the arrays, on whatever devices there are now.

        Returns:
            State and progress.

        Raises:
            ValueError: the checkpoint is of another model or optimizer.
        """
        wanted = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), like)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(wanted), progress=ocp.args.JsonRestore())
        try:
            restored = self._manager.restore(self.last_step, args=items)
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"the checkpoint of step {self.last_step} in {self.folder} does not fit the recipe's model and "
                f"optimizer; train another model in another folder ({str(error).partition('. ')[0]})"
            ) from error
        return restored["state"], restored["progress"]

    def wait(self) -> None:
        """Returns when what is being saved is on disk."""
        self._manager.wait_until_finished()

    def reached_preemption(self, step: int) -> bool:
        """Whether this machine is about to be taken away, agreed on by all processes at this step.

        Args:
            step: steps done.
        """
        return self._manager.reached_preemption(step)
