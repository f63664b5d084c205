"""Several processes train as one does, stop together, and find each other by themselves."""

import signal

import jax
import pytest
from jax._src import clusters

from jaxcompress.train import distributed


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("parallel", "told"), [("jit", [1]), ("pmap", [0, 1])])
def test_two_processes_give_the_results_of_one(training, tmp_path, helpers, assert_same_run, parallel, told):
    out, options = tmp_path / "run", ("--set", f"parallel={parallel}")

    runs = training.start_two(out, *options)
    runs[0].wait_for_step(6)
    for number in told:
        runs[number].process.send_signal(signal.SIGTERM)
    assert [run.finish() for run in runs] == [143, 143]
    step = max(helpers.checkpoints_of(out))
    for run in runs:
        assert f"jaxcompress: stopped by SIGTERM after step {step}, which is saved" in run.error.read_text()
    assert 6 <= step < 40

    runs = training.start_two(out, *options)
    runs[0].wait_for_step(24)
    runs[0].process.kill()
    assert runs[1].finish() not in (0, 130, 143)  # by itself: it cannot go on

    assert [run.finish() for run in training.start_two(out, *options)] == [0, 0]
    assert_same_run(out, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ctrl_c_in_one_process_stops_both(training, tmp_path, helpers):
    out = tmp_path / "run"
    runs = training.start_two(out, "--set", "validation_pictures=1")  # so one of them has nothing to validate
    runs[0].wait_for_step(24)
    runs[1].process.send_signal(signal.SIGINT)
    assert [run.finish() for run in runs] == [143, 130]
    assert "stopping after a step that all processes agree on" in runs[1].error.read_text()
    assert 24 <= max(helpers.checkpoints_of(out)) < 40


SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
}
TPU = {"TPU_ML_PLATFORM": "JAX"}
PREFIXES = ("SLURM_", "OMPI_", "PMI_", "TPU_", "MEGASCALE_")


@pytest.fixture
def calls(monkeypatch):
    """Arguments of the calls of `jax.distributed.initialize`, in an environment that tells of nothing."""
    for name in [name for name in distributed.os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args: calls.append(args))
    monkeypatch.setattr(distributed, "_hosts_of_tpu_vm", lambda: None)
    return calls


def put(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_single_process_joins_nothing(calls):
    distributed.initialize()
    assert calls == []


def test_what_is_given_is_passed_on(calls, monkeypatch):
    put(monkeypatch, SLURM)
    distributed.initialize(coordinator="host:1", num_processes=3, process_id=0)
    assert calls == [("host:1", 3, 0)]


@pytest.mark.parametrize(
    "given", [{"coordinator": "host:1"}, {"num_processes": 2, "process_id": 0}, {"coordinator": "h:1", "process_id": 0}]
)
def test_a_part_of_what_is_needed_is_refused(calls, given):
    with pytest.raises(ValueError, match="go together"):
        distributed.initialize(**given)
    assert calls == []


@pytest.mark.parametrize(
    "variables",
    [
        SLURM,
        OPEN_MPI,
        TPU | {"TPU_WORKER_HOSTNAMES": "a,b"},
        TPU | {"TPU_PROCESS_ADDRESSES": "a:1,b:1"},
        TPU | {"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2", "MEGASCALE_COORDINATOR_ADDRESS": "a"},
    ],
    ids=["slurm", "open-mpi", "tpu", "tpu-addresses", "tpu-slices"],
)
def test_a_process_of_a_job_is_recognized(calls, monkeypatch, variables):
    put(monkeypatch, variables)
    distributed.initialize()
    assert calls == [()]


@pytest.mark.parametrize(
    "variables",
    [
        SLURM | {"SLURM_NTASKS": "1"},
        {name: value for name, value in SLURM.items() if name != "SLURM_STEP_NODELIST"},  # a shell of the allocation
        OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "1"},
        TPU | {"TPU_WORKER_HOSTNAMES": "localhost"},
        {"TPU_WORKER_HOSTNAMES": "a,b"},  # a machine without TPUs
    ],
    ids=["slurm", "slurm-shell", "open-mpi", "tpu", "no-tpu"],
)
def test_a_job_of_one_process_joins_nothing(calls, monkeypatch, variables):
    put(monkeypatch, variables)
    distributed.initialize()
    assert calls == []


@pytest.mark.parametrize("variables", [{"PMI_SIZE": "2"}, {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}])
def test_processes_that_jax_cannot_find_are_not_trained_side_by_side(calls, monkeypatch, variables):
    put(monkeypatch, variables)
    with pytest.raises(ValueError, match=r"2 MPI processes.*give --coordinator"):
        distributed.initialize()


@pytest.mark.parametrize(("hosts", "joined"), [("10.0.0.1,10.0.0.2", [()]), ("10.0.0.1", []), (None, [])])
def test_a_tpu_vm_asks_who_else_is_in_its_pod(calls, monkeypatch, hosts, joined):
    put(monkeypatch, TPU)
    monkeypatch.setattr(distributed, "_hosts_of_tpu_vm", lambda: hosts)
    distributed.initialize()
    assert calls == joined


@pytest.mark.parametrize(("cluster", "variables"), [(clusters.SlurmCluster, SLURM), (clusters.OmpiCluster, OPEN_MPI)])
def test_jax_finds_the_job_in_the_same_variables(calls, monkeypatch, cluster, variables):
    put(monkeypatch, variables)
    assert cluster.is_env_present()
    assert (cluster.get_process_count(), cluster.get_process_id(), cluster.get_local_process_id()) == (2, 1, 0)
    assert cluster.get_coordinator_address(1, None)
