"""A run that is stopped, however it is, and started again is the run that was never stopped."""

import os
import random
import signal
import time

import pytest

from jaxcompress import cli
from jaxcompress.train.interruption import Interruption


@pytest.mark.slow
def test_a_run_that_was_terminated_and_killed_gives_the_same_results(training, tmp_path, helpers, assert_same_run):
    out = tmp_path / "run"
    run = training.start(out)
    run.wait_for_step(6)
    assert run.stop(signal.SIGTERM) == 143
    *_, last = run.error.read_text().splitlines()
    step = max(helpers.checkpoints_of(out))
    assert (
        last
        == f"jaxcompress: stopped by SIGTERM after step {step}, which is saved; the same command goes on from there"
    )
    assert 6 <= step < 40
    run = training.start(out)
    run.wait_for_step(step + 3 - step % 3)  # its first line
    run.wait_for_step(24)
    assert run.stop(signal.SIGKILL) == -signal.SIGKILL
    training.finish(out)
    assert_same_run(out)


def test_ctrl_c_while_the_first_step_compiles_stops_after_it(training, tmp_path, helpers):
    out = tmp_path / "run"
    run = training.start(out)
    run.wait_for(lambda: "compiling" in run.error.read_text())
    assert run.stop(signal.SIGINT) == 130
    first, *_, note, last = run.error.read_text().splitlines()
    assert first == "10 pictures to train with, 2 to validate with; compiling the first step (Ctrl-C stops after it)"
    assert note.startswith("stopping after this step, which is saved; a second signal stops at once")
    assert last.startswith("jaxcompress: stopped by SIGINT after step 1, ")
    assert helpers.checkpoints_of(out) == [1]


def test_a_model_whose_code_has_changed_is_not_gone_on_with(training, finished, tmp_path, capsys):
    kept = (finished / "last.safetensors").read_bytes()
    code, changed = training.recipe.read_text(), tmp_path / "changed.py"
    changed.write_text(code.replace("Sequential((conv, conv))", "Sequential((conv, conv, jax.numpy.tanh))"))
    with changed.open("a") as file:
        file.write("import jax\n")
    assert cli.main(["train", str(changed), *training.arguments(finished, "--set", "steps=60")[2:]]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "was begun with other code: the code of Model has changed: for a known input g_a gives" in line
    assert (finished / "last.safetensors").read_bytes() == kept


def test_what_a_killed_process_was_writing_is_removed(training, finished):
    for folder in (finished, finished / "samples"):
        (folder / ".0123abcd.part").write_bytes(b"half")
    (finished / "checkpoints" / "45.orbax-checkpoint-tmp").mkdir()
    (finished / ".mine.part").write_bytes(b"")
    training.finish(finished)
    assert [path.name for path in finished.rglob("*.part")] == [".mine.part"]
    assert not list(finished.rglob("*orbax*"))


def test_ctrl_c_saves_even_if_nobody_reads_the_messages(training, tmp_path, helpers):
    out = tmp_path / "run"
    reading, writing = os.pipe()
    run = training.start(out, stderr=writing)
    os.close(writing)
    with os.fdopen(reading) as messages:
        assert "compiling" in messages.readline()
    assert run.stop(signal.SIGINT) == 130
    assert helpers.checkpoints_of(out) == [1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_at_any_moment_change_nothing(training, tmp_path, helpers):
    steps = ("--set", "steps=150")
    expected, out = tmp_path / "expected", tmp_path / "run"
    training.finish(expected, *steps)
    rng, kills = random.Random(0), 0
    while kills < 10:
        before = _names(out)
        run = training.start(out, *steps)
        # A new checkpoint has been begun, so the kill falls into its writing, or into what comes soon after.
        run.wait_for(lambda before=before: _names(out) - before)
        time.sleep(rng.choice([0, rng.uniform(0, 0.2), rng.uniform(0, 1.5)]))
        assert run.stop(signal.SIGKILL) == -signal.SIGKILL, "the run ended before it was killed ten times"
        kills += 1
    training.finish(out, *steps)
    assert helpers.metrics_of(out) == helpers.metrics_of(expected)
    for name in ("last.safetensors", "best.safetensors", "recipe.json"):
        assert (out / name).read_bytes() == (expected / name).read_bytes()
    assert helpers.checkpoints_of(out) == helpers.checkpoints_of(expected)
    assert not list(out.rglob("*.part"))


def _names(out):
    folder = out / "checkpoints"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_a_run_goes_on_with_another_number_of_devices(training, tmp_path, helpers, assert_same_run, parallel):
    out, options = tmp_path / "run", ("--set", f"parallel={parallel}")
    for devices, step in ((4, 9), (2, 24)):
        run = training.start(out, *options, devices=devices)
        run.wait_for_step(step)
        assert run.stop(signal.SIGTERM) == 143
        assert max(helpers.checkpoints_of(out)) < 40
    training.finish(out, *options, devices=1)
    assert_same_run(out, rtol=1e-5)


class _NoCheckpoints:
    """Stands for `Checkpoints`, which one process does not ask."""


@pytest.mark.usefixtures("interrupts")
def test_the_first_signal_is_noted_and_the_second_acts():
    with Interruption(_NoCheckpoints()) as interruption:
        assert interruption.requested(1) is None
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.requested(2) == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("interrupts")
def test_listening_ends_with_the_run():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption(_NoCheckpoints()):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("interrupts")
def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interruption(_NoCheckpoints()) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.requested(1) is None
