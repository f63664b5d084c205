"""Several processes: TPU pods and clusters of GPUs."""

import os

import jax

_WORLD_SIZES = ("SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def initialize(
    *, coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins the processes of a job; before anything else of JAX is used. A single process has nothing to join.

    Args:
        coordinator: "host:port" of process 0, the same in every process, for clusters that JAX does not know; or else
            everything is found in the environment of a TPU pod, Slurm or Open MPI, and nothing need be given.
        num_processes: how many there are.
        process_id: number of this one, from 0.

    Raises:
        ValueError: some of the three are given and others are not.
    """
    given = (coordinator, num_processes, process_id)
    if None not in given:
        jax.distributed.initialize(coordinator, num_processes, process_id)
    elif given != (None, None, None):
        raise ValueError(
            f"--coordinator, --num-processes and --process-id go together; given are {coordinator}, {num_processes} "
            f"and {process_id}"
        )
    elif _is_part_of_a_job():
        jax.distributed.initialize()


def _is_part_of_a_job() -> bool:
    """Whether the environment tells of other processes: those of a Slurm or MPI job, or the hosts of a TPU pod."""
    if any(int(os.environ.get(name, 1)) > 1 for name in _WORLD_SIZES):
        return True
    hosts = os.environ.get("TPU_WORKER_HOSTNAMES", "") or os.environ.get("MEGASCALE_COORDINATOR_ADDRESS", "")
    return "," in hosts or bool(os.environ.get("MEGASCALE_COORDINATOR_ADDRESS"))
