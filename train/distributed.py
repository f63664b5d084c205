"""Several processes: TPU pods and clusters of GPUs."""

import os
import urllib.error
import urllib.request

import jax

# What JAX looks for, see jax/_src/clusters: with all of these it finds the other processes of the job.
_JOBS = {
    "SLURM_NTASKS": ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_PROCID", "SLURM_LOCALID"),
    "OMPI_COMM_WORLD_SIZE": ("OMPI_MCA_orte_hnp_uri", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
}
# What launchers set that JAX knows nothing of: Open MPI 5, and MPICH and its kin.
_UNKNOWN_JOBS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_METADATA = "http://{}/computeMetadata/v1/instance/attributes/worker-network-endpoints"


def initialize(
    *, coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins the processes of a job; before anything else of JAX is used. A single process has nothing to join.

    If one process dies, the others cannot go on and die too: at once if it was process 0, else within about 100
    seconds, when JAX has missed it. Start all of them again; they go on from the last checkpoint.

    Args:
        coordinator: "host:port" of process 0, the same in every process, for clusters that JAX does not know; or else
            everything is found in the environment of a TPU pod, Slurm or Open MPI 4, and nothing need be given.
        num_processes: how many there are.
        process_id: number of this one, from 0.

    Raises:
        ValueError: some of the three are given and others are not; or this is one of several MPI processes, and JAX
            cannot find the others.
    """
    given = (coordinator, num_processes, process_id)
    if None not in given:
        jax.distributed.initialize(coordinator, num_processes, process_id)
    elif given != (None, None, None):
        raise ValueError(
            f"--coordinator, --num-processes and --process-id go together; given are {coordinator}, {num_processes} "
            f"and {process_id}"
        )
    elif _is_part_of_a_job() or _is_part_of_a_pod():
        jax.distributed.initialize()


def _is_part_of_a_job() -> bool:
    """Whether the environment is that of one of several processes that Slurm or Open MPI started.

    The shell of a Slurm allocation has some of the variables, but is no process of a job: `srun` starts those.
    """
    for size, others in _JOBS.items():
        if _number(size) > 1 and all(name in os.environ for name in others):
            return True
    for size in _UNKNOWN_JOBS:
        if _number(size) > 1:
            raise ValueError(
                f"this is one of {_number(size)} MPI processes ({size}), and JAX cannot find the others by itself; "
                f"give --coordinator, --num-processes and --process-id"
            )
    return False


def _is_part_of_a_pod() -> bool:
    """Whether this is one of several hosts with TPUs."""
    if "TPU_ML_PLATFORM" not in os.environ:  # JAX sets it, on import, where there are TPUs and their library
        return False
    hosts = os.environ.get("TPU_PROCESS_ADDRESSES", os.environ.get("TPU_WORKER_HOSTNAMES"))  # on Kubernetes
    if hosts is None and "TPU_SKIP_MDS_QUERY" not in os.environ:
        hosts = _hosts_of_tpu_vm()
    return "," in (hosts or "") or _number("MEGASCALE_NUM_SLICES") > 1


def _hosts_of_tpu_vm() -> str | None:
    """The hosts of a pod of TPU VMs, separated by commas, as Google's metadata server tells."""
    address = _METADATA.format(os.environ.get("GCE_METADATA_IP", "metadata.google.internal"))
    try:
        request = urllib.request.Request(address, headers={"Metadata-Flavor": "Google"})
        return urllib.request.urlopen(request, timeout=5).read().decode()
    except (urllib.error.URLError, OSError):  # not such a machine
        return None


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else 1
