"""Training runs in processes of their own, with a tiny model: what they are made of, and how to stop them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

LIMIT = 400  # seconds that any process may take, on a busy machine

# Ctrl-C would be ignored in tests that a shell started in the background; and torch, which tensorboardX imports if it
# can, takes seconds.
LAUNCHER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.modules["torch"] = None
from jaxcompress.cli import main
sys.exit(main())
"""

# Lines, checkpoints and validations do not coincide, so that a checkpoint holds half a line.
RECIPE = '''
"""A model of two layers each way, which compiles fast."""

import functools

from jaxcompress.layers import Conv, ConvTranspose, Sequential
from jaxcompress.models import FactorizedPrior
from jaxcompress.train import Optimizer, Recipe


class Model(FactorizedPrior):
    def make_g_a(self):
        conv = functools.partial(Conv, self.m, stride=4)
        return Sequential((conv, conv))

    def make_g_s(self):
        deconv = functools.partial(ConvTranspose, stride=4)
        return Sequential((functools.partial(deconv, self.m), functools.partial(deconv, 3)))


class TinyRecipe(Recipe):
    def make_model(self):
        return Model(n=4, m=self.m)


recipe = TinyRecipe(
    architecture="tiny",
    m=4,
    lmbda=0.01,
    crop=64,
    batch_size=4,
    steps=40,
    log_every=3,
    checkpoint_every=5,
    validate_every=20,
    validation_crop=64,
    cache_gib=0.0,
    optimizer=Optimizer(learning_rate=1e-3, ema_decay=0.9),
)
'''


class Run:
    """A process that trains; what it prints goes to files."""

    def __init__(self, command, env, log: Path, stderr: int | None):
        self.output, self.error = log.with_suffix(".out"), log.with_suffix(".err")
        with open(self.output, "wb") as output, open(self.error, "wb") as error:
            self.process = subprocess.Popen(command, stdout=output, stderr=error if stderr is None else stderr, env=env)

    def wait_for(self, happened) -> None:
        """Returns when `happened()` is true; fails if the process ends before."""
        end = time.monotonic() + LIMIT
        while not happened():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.error.read_text()}"
            assert time.monotonic() < end, f"nothing happened in {LIMIT} s: {self.error.read_text()}"
            time.sleep(0.02)

    def wait_for_step(self, step: int) -> None:
        """Returns when the line of a step is printed."""
        self.wait_for(lambda: f"step {step}/" in self.error.read_text())

    def stop(self, number: int) -> int:
        """Sends a signal and waits for the end."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Waits for the end; returns the exit status, negative for a signal."""
        return self.process.wait(LIMIT)


class Training:
    """Starts runs of the tiny recipe."""

    def __init__(self, folder: Path):
        self.folder, self._count, self._runs = folder, 0, []
        self.recipe, self.pictures, self.validation = folder / "tiny.py", folder / "pictures", folder / "validation"
        self.recipe.write_text(RECIPE)
        make_pictures(self.pictures, count=10, side=96, seed=0)
        make_pictures(self.validation, count=2, side=64, seed=1)

    def arguments(self, out: Path, *options) -> list[str]:
        """Of the command."""
        words = ["train", self.recipe, "--data", self.pictures, "--validation", self.validation, "--out", out, *options]
        return [str(word) for word in words]

    def start(self, out: Path, *options, devices: int = 1, stderr: int | None = None) -> Run:
        """Starts the command; its messages go to a file unless to a descriptor."""
        flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
        env = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(self.folder / "cache"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={devices}",
        }
        self._count += 1
        log = self.folder / f"run-{self._count}"
        run = Run([sys.executable, "-P", "-c", LAUNCHER, *self.arguments(out, *options)], env, log, stderr)
        self._runs.append(run)
        return run

    def start_two(self, out: Path, *options) -> list[Run]:
        """Starts two processes of one run."""
        with socket.socket() as port:
            port.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{port.getsockname()[1]}"
        ids = [("--coordinator", address, "--num-processes", 2, "--process-id", number) for number in range(2)]
        return [self.start(out, *options, *number) for number in ids]

    def finish(self, out: Path, *options, devices: int = 1) -> Run:
        """Runs the command to its end."""
        run = self.start(out, *options, devices=devices)
        assert run.finish() == 0, run.error.read_text()
        return run

    def close(self) -> None:
        """Ends what is still running."""
        for run in self._runs:
            if run.process.poll() is None:
                run.process.kill()
                run.process.wait()


def make_pictures(folder: Path, *, count: int, side: int, seed: int) -> None:
    """Writes smooth noise, as PNG and JPEG in turn."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        smooth = coarse.resize((side, side), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{number:02}.{('png', 'jpg')[number % 2]}")


def metrics_of(out: Path) -> list[dict[str, float]]:
    """The lines of a run, without its speed."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "pictures_per_second"} for line in lines]


def checkpoints_of(out: Path) -> list[int]:
    """Steps of the checkpoints of a run; fails if there is anything else beside them."""
    return sorted(int(path.name) for path in (out / "checkpoints").iterdir())


@pytest.fixture(scope="session")
def training(tmp_path_factory):
    """Starts training runs."""
    training = Training(tmp_path_factory.mktemp("training"))
    yield training
    training.close()


@pytest.fixture(scope="session")
def undisturbed(training) -> Path:
    """The results of a run that nothing happened to; not to be changed."""
    out = training.folder / "undisturbed"
    training.finish(out)
    return out


@pytest.fixture
def finished(undisturbed, tmp_path) -> Path:
    """A copy of these results."""
    return Path(shutil.copytree(undisturbed, tmp_path / "finished"))


@pytest.fixture
def assert_same_run(undisturbed):
    """Fails unless the results are, byte for byte or within a tolerance, those of the undisturbed run."""

    def check(out: Path, *, rtol: float = 0.0) -> None:
        assert not [path for path in out.rglob("*") if path.name.endswith(".part") or "orbax" in path.name]
        assert checkpoints_of(out) == checkpoints_of(undisturbed)
        lines, expected = metrics_of(out), metrics_of(undisturbed)
        assert [list(line) for line in lines] == [list(line) for line in expected]
        if rtol == 0:
            assert lines == expected
            assert (out / "last.safetensors").read_bytes() == (undisturbed / "last.safetensors").read_bytes()
        for line, other in zip(lines, expected, strict=True):
            np.testing.assert_allclose(list(line.values()), list(other.values()), rtol=rtol, err_msg=str(line["step"]))

    return check


@pytest.fixture
def interrupts():
    """Ctrl-C raises KeyboardInterrupt, whoever started the tests."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def helpers():
    """Functions that read results."""
    return type("Helpers", (), {"metrics_of": staticmethod(metrics_of), "checkpoints_of": staticmethod(checkpoints_of)})


@pytest.fixture
def one_device():
    """Where a state lives on one device."""
    return jax.sharding.SingleDeviceSharding(jax.devices()[0])
