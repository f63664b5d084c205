"""Stages as StableHLO, in the form of `jax.export`: one file for processors, GPUs and TPUs."""

from typing import Any

import jax
from jax.export import export

from jaxcompress.export.stages import Stage

PLATFORMS = ("cpu", "cuda", "tpu")

SUFFIX = ".stablehlo"


def to_stablehlo(stage: Stage) -> bytes:
    """Serializes a stage.

    The networks are traced with their plain kernels, whatever machine this runs on: the forms that a codec prepares for
    CPUs (`layers.Conv.prepare`) would slow others down.

    Args:
        stage: see `stages_of`.

    Returns:
        What `jax.export.deserialize` reads.
    """
    exported = export(jax.jit(stage.function), platforms=PLATFORMS)(*stage.arguments)
    return bytes(exported.serialize())


def facts() -> dict[str, Any]:
    """What the manifest says of such files."""
    return {"jax": jax.__version__, "platforms": list(PLATFORMS)}
