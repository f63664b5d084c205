"""Checkpoints with Orbax: asynchronous, the last two and the best one kept, restorable onto other devices."""

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import tensorstore
from jax.sharding import Sharding

from jaxcompress.train.step import TrainState

_KEPT = 2
_CHECKSUM = "checksum"


class Checkpoints:
    """The checkpoints of a run, in one folder. A context: on leaving, what is being saved is finished.

    A checkpoint is written under a temporary name and renamed, so a process that is killed leaves the one before it. It
    carries a checksum, so one that was damaged later is not trained from.

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
        progress = {**progress, _CHECKSUM: _checksum(state, progress)}
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), progress=ocp.args.JsonSave(progress))
        self._manager.save(step, args=items, metrics=None if loss is None else {"loss": loss})

    def restore(self, like: TrainState, sharding: Sharding) -> tuple[TrainState, dict[str, Any]]:
        """Reads the last checkpoint.

        Args:
            like: a state of the same shapes; `jax.eval_shape` of one will do.
            sharding: where to put the arrays, on whatever devices there are now.

        Returns:
            State and progress.

        Raises:
            ValueError: the checkpoint is of another model or optimizer, or is damaged.
        """
        step = self.last_step
        wanted = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), like)
        items = ocp.args.Composite(state=ocp.args.StandardRestore(wanted), progress=ocp.args.JsonRestore())
        if damage := _find_damage(self.folder / str(step)):
            raise ValueError(self._damaged(damage))
        try:
            restored = self._manager.restore(step, args=items)
        except (ValueError, KeyError, OSError) as error:
            if difference := _first_difference(str(error)):
                raise ValueError(
                    f"the checkpoint of step {step} in {self.folder} does not fit the recipe's model and optimizer "
                    f"({difference}); go on with the recipe it was saved with, or train in another folder"
                ) from error
            raise ValueError(self._damaged(str(error).partition(". ")[0])) from error
        state, progress = restored["state"], restored["progress"]
        saved = progress.pop(_CHECKSUM, None)
        if saved != _checksum(state, progress):
            raise ValueError(self._damaged("the values are not those that were saved"))
        return state, progress

    def _damaged(self, why: str) -> str:
        step, before = self.last_step, self.steps[:-1]
        then = f"to go on from step {before[-1]}" if before else "to start from the beginning"
        return f"the checkpoint of step {step} is damaged: {why}; delete the folder {self.folder / str(step)} {then}"

    def wait(self) -> None:
        """Returns when what is being saved is on disk."""
        self._manager.wait_until_finished()

    def reached_preemption(self, step: int) -> bool:
        """Whether this machine is about to be taken away, agreed on by all processes at this step.

        Args:
            step: steps done.
        """
        return self._manager.reached_preemption(step)


def _checksum(state: TrainState, progress: Mapping[str, Any]) -> int:
    """CRC-32 of all values; the state is the same on every device."""
    checksum = zlib.crc32(json.dumps(progress).encode())
    for array in jax.tree.leaves(state):
        checksum = zlib.crc32(np.ascontiguousarray(array.addressable_data(0)).data, checksum)
    return checksum


def _find_damage(folder: Path) -> str | None:
    """What cannot be read of a checkpoint. Reads it all: Orbax, which reads in parallel, fails with many tracebacks."""
    for name in ("progress/metadata", "state/_METADATA", "state/manifest.ocdbt"):
        if not (folder / name).is_file():
            return f"{name} is missing"
    try:
        for name in ("progress/metadata", "state/_METADATA"):
            json.loads((folder / name).read_bytes())
        store = tensorstore.KvStore.open({"driver": "ocdbt", "base": f"file://{folder.absolute()}/state/"}).result()
        for key in store.list().result():
            store.read(key).result()
    except ValueError as error:
        return re.sub(r"\s*\[(source|tensorstore).*", "", str(error), flags=re.DOTALL)
    return None


def _first_difference(message: str) -> str | None:
    """The essence of what Orbax says, at length, of trees and shapes that do not match; None if it says otherwise."""
    if path := re.search(r"tree structures do not match.*?^([\w.]+):$", message, re.MULTILINE | re.DOTALL):
        return f"they differ in {path[1]}"
    shapes = re.match(r"Requested shape.*?not compatible with the stored shape: \([^)]*\)", message)
    return shapes[0] if shapes else None
