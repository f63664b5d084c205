"""The folder of a run: one process at a time, and one recipe."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxcompress import recorded_outputs
from jaxcompress.files import remove_leftovers, write_file
from jaxcompress.models import CompressionModel
from jaxcompress.train.recipe import Recipe

try:
    import fcntl
except ImportError:  # not on Windows, where nothing locks the folder
    fcntl = None  # type: ignore[assignment]

# What may change from one start of a run to the next: nothing that its figures or its best weights would mix up.
_MAY_CHANGE = {
    "steps",
    "log_every",
    "validate_every",
    "checkpoint_every",
    "cache_gib",
    "parallel",
    "compute",
    "licence",
    "training_data",
    "start",
    "optimizer.learning_rate",
    "optimizer.aux_learning_rate",
    "optimizer.clip_norm",
    "optimizer.schedule",
    "optimizer.warmup_steps",
    "optimizer.plateau_factor",
    "optimizer.plateau_patience",
    "optimizer.final_fraction",
}


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other runs out of it.

    Args:
        folder: of the run.

    Raises:
        ValueError: another run is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)  # which unlocks it
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(f"another run is at work in {folder}; wait for it, or give another folder") from error
            except OSError:
                pass  # some network disks cannot lock
        for place in (folder, folder / "samples"):
            remove_leftovers(place)
        yield


def check_recipe(folder: Path, recipe: Recipe) -> None:
    """Sees to it that a run goes on with the recipe that it began with.

    Args:
        folder: of the run, with a checkpoint.
        recipe: to go on with.

    Raises:
        ValueError: something differs that decides the result.
    """
    path = folder / "recipe.json"
    if not path.exists():
        return
    then, now = _flat(json.loads(path.read_bytes())), _flat(recipe.as_json())
    changed = [name for name in now if name not in _MAY_CHANGE and name in then and then[name] != now[name]]
    if changed:
        differences = "; ".join(f"{name} was {then[name]!r}, is {now[name]!r}" for name in changed)
        raise ValueError(
            f"the run in {folder} has another recipe: {differences}; go on with the settings it began with, or give "
            f"another folder (and start={folder / 'best.safetensors'} to begin with its weights)"
        )


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Writes the settings, as JSON, for people and for `check_recipe`.

    Args:
        folder: of the run.
        recipe: its settings.
    """
    write_file(folder / "recipe.json", json.dumps(recipe.as_json(), indent=2).encode(), overwrite=True)


def check_code(folder: Path, model: CompressionModel) -> None:
    """Sees to it that a run goes on with the code that it began with.

    Args:
        folder: of the run, with a checkpoint.
        model: to go on with.

    Raises:
        ValueError: its networks compute something else.
    """
    path = folder / "code.json"
    if not path.exists():
        return
    then, now = json.loads(path.read_bytes()), _code(model)
    try:
        if (then["outputs"] is None) != (now["outputs"] is None):
            raise ValueError(f"the model is {now['model']}, and was {then['model']}")
        if then["outputs"] is not None:
            recorded_outputs.check(model, now["outputs"], then["outputs"])
    except ValueError as error:
        raise ValueError(
            f"the run in {folder} was begun with other code: {error}; go on with that, or give another folder (and "
            f"start={folder / 'best.safetensors'} to begin with its weights)"
        ) from error


def write_code(folder: Path, model: CompressionModel) -> None:
    """Writes what `check_code` compares with.

    Args:
        folder: of the run.
        model: its model.
    """
    write_file(folder / "code.json", json.dumps(_code(model), indent=2).encode(), overwrite=True)


def _code(model: CompressionModel) -> dict[str, Any]:
    """The name of the class, and what the networks of one that is not the package's give."""
    own = recorded_outputs.is_own(model)
    return {"model": type(model).__name__, "outputs": recorded_outputs.record_code(model) if own else None}


def _flat(settings: dict[str, Any]) -> dict[str, Any]:
    optimizer = {f"optimizer.{name}": value for name, value in settings["optimizer"].items()}
    return {name: value for name, value in settings.items() if name != "optimizer"} | optimizer
