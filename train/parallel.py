"""How a step runs on several devices, of one process or of many: the batch is split, the state is on every device.

The default is `jax.jit` over a mesh with one axis, "data": the step is written for the whole batch, and the compiler
splits it and sums the gradients. `jax.pmap` runs the step once for each part of the batch, and the step itself averages
over the axis.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxcompress.train.step import Step

AXIS = "data"


class Runner(Protocol):
    """A way to run a step on the devices of all processes."""

    axis_name: str | None
    """The mapped axis that the step has to average over, see `make_step`; None if the compiler does that."""

    sharding: NamedSharding
    """Where a state lives: on every device, whole."""

    def compile(self, step: Step) -> Step:
        """The step as it runs on the devices; the state that it is given is used up."""

    def split(self, batch: np.ndarray) -> jax.Array | np.ndarray:
        """A batch for the step, of the rows `[N / processes, H, W, 3]` that this process has."""


class MeshRunner:
    """`jax.jit` over a mesh; see `Runner`.

    Args:
        devices: of all processes, in the order of `jax.devices()`; all if not given.
    """

    axis_name: str | None = None

    def __init__(self, devices: Sequence[jax.Device] | None = None):
        self._mesh = _mesh(devices)
        self.sharding = NamedSharding(self._mesh, PartitionSpec())
        self._rows = NamedSharding(self._mesh, PartitionSpec(AXIS))

    def compile(self, step: Step) -> Step:
        """The step under `jax.jit`."""
        arguments = (self.sharding, self._rows, self.sharding)
        return jax.jit(step, donate_argnums=0, in_shardings=arguments, out_shardings=self.sharding)

    def split(self, batch: np.ndarray) -> jax.Array:
        """One global array, `[N, H, W, 3]`, of the parts of a batch that the processes read."""
        _check_divides(batch, self._mesh)
        return jax.make_array_from_process_local_data(self._rows, batch)


class PmapRunner:
    """`jax.pmap`; see `Runner`.

    Args:
        devices: of all processes, in the order of `jax.devices()`; all if not given.
    """

    axis_name: str | None = AXIS

    def __init__(self, devices: Sequence[jax.Device] | None = None):
        self._mesh = _mesh(devices)
        self.sharding = NamedSharding(self._mesh, PartitionSpec())

    def compile(self, step: Step) -> Step:
        """The step under `jax.pmap`, the state the same on each device."""
        return jax.pmap(
            step, AXIS, in_axes=(None, 0, None), out_axes=None, devices=list(self._mesh.devices.flat), donate_argnums=0
        )

    def split(self, batch: np.ndarray) -> np.ndarray:
        """One part of this process's batch for each of its devices, `[devices, N / devices, H, W, 3]`."""
        _check_divides(batch, self._mesh)
        return batch.reshape(len(self._mesh.local_devices), -1, *batch.shape[1:])


RUNNERS: dict[str, Callable[..., Runner]] = {"jit": MeshRunner, "pmap": PmapRunner}
"""Runners by name."""


def replicate(tree: Any, runner: Runner) -> Any:
    """Puts the same values on every device of all processes.

    Args:
        tree: arrays, equal in every process.
        runner: that will use them.

    Returns:
        The tree as arrays that no other object shares, fit to be used up by a step.
    """
    return jax.jit(functools.partial(jax.tree.map, lambda x: x + 0), out_shardings=runner.sharding)(tree)


def as_global(tree: Any, runner: Runner) -> Any:
    """Arrays as a checkpoint wants them: after `jax.pmap` of several processes each has arrays of its own.

    Args:
        tree: arrays, equal in every process.
        runner: that made them.

    Returns:
        The tree as arrays that belong to all processes; the very tree if it is that already.
    """
    if jax.process_count() == 1 or not jax.tree.leaves(tree)[0].is_fully_addressable:
        return tree
    values = jax.device_get(tree)
    return jax.tree.map(lambda x: jax.make_array_from_callback(x.shape, runner.sharding, lambda i: x[i]), values)


def _mesh(devices: Sequence[jax.Device] | None) -> Mesh:
    return Mesh(np.array(devices if devices is not None else jax.devices()), (AXIS,), axis_types=(AxisType.Auto,))


def _check_divides(batch: np.ndarray, mesh: Mesh) -> None:
    if len(batch) % len(mesh.local_devices):
        raise ValueError(
            f"{len(batch)} pictures cannot be split evenly over the {len(mesh.local_devices)} devices of a process; "
            f"choose a batch size that divides by {mesh.size}"
        )
