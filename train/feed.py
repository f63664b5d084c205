"""What a run is fed with: batches to train on, and pictures to validate with."""

import json
import zlib
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxcompress.train.data import Batches, hold_out, open_source, training_batches, validation_pictures
from jaxcompress.train.recipe import Recipe


def open_data(recipe: Recipe, data: Path, validation_data: str | Path | None) -> tuple[Batches, list[np.ndarray]]:
    """What a recipe trains and validates with.

    Args:
        recipe: see `Recipe`.
        data: folder of training pictures.
        validation_data: folder of others; else the "test" split of `data`, else some pictures of it are held out.

    Returns:
        This process's share of the training batches, and all pictures to validate with.

    Raises:
        ValueError: the data do not fit the recipe, or are not the same for all processes.
    """
    if validation_data is not None and not (data / "train").is_dir() and _lies_in(Path(validation_data), data):
        raise ValueError(
            f"{validation_data} lies in {data}, all of which is trained with; put the two side by side, such as "
            f"{data}/train and {data}/test"
        )
    cache_bytes = int(recipe.cache_gib * 2**30)
    source = open_source(data, crop=recipe.crop, cache_bytes=cache_bytes)
    try:
        others = open_source(validation_data or data, crop=recipe.validation_crop, split="test")
    except FileNotFoundError:
        if validation_data is not None:  # a plain folder
            others = open_source(validation_data, crop=recipe.validation_crop)
        else:
            count = min(recipe.validation_pictures, max(len(source) // 10, 1))
            source, others = hold_out(source, count, crop=recipe.validation_crop)
    batches = training_batches(
        source,
        batch_size=recipe.batch_size,
        crop=recipe.crop,
        flip=recipe.flip,
        seed=recipe.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    _check_equal_everywhere(batches)
    return batches, validation_pictures(others, count=recipe.validation_pictures, crop=recipe.validation_crop)


def _check_equal_everywhere(batches: Batches) -> None:
    """Raises ValueError if some process sees other training data, whose pictures it would number otherwise."""
    if jax.process_count() > 1:
        mine = np.uint32(zlib.crc32(json.dumps(batches.state()["data"], sort_keys=True).encode()))
        all_of_them = np.asarray(multihost_utils.process_allgather(mine))
        if (all_of_them != mine).any():
            raise ValueError(
                f"the {jax.process_count()} processes see different training data; give all of them the same pictures"
            )


def _lies_in(folder: Path, other: Path) -> bool:
    return folder.resolve().is_relative_to(other.resolve())
