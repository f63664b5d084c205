"""Measures whole training steps, ours and CompressAI's, in one run: a step of each in turn.

A step is all of it: forward with noise, loss, gradients, clipping, Adam for the network, the auxiliary loss and Adam
for the quantiles. CompressAI runs live, in an environment of its own, once with tensors as it has them (NCHW) and once
with PyTorch's channels_last. Networks are as initialized and pictures are noise: the time does not depend on them.

Each of the three is a process of its own, with the same processors and the same allocator, which waits while another
one runs. The allocator matters: glibc's gives large blocks back to the system after each use, and fetching them again
costs PyTorch and XLA alike up to half of their time. `--allocator` sets another one for all three.

CPU time (user and system, of all threads) is what to compare on a machine that others use too; wall time is what to
compare with several threads, or on a GPU. A ratio is the median over rounds of our time divided by theirs in the same
round: below 1, ours is faster. Float32 throughout (no TF32).
"""

import argparse
import contextlib
import functools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

SIZES = {"bmshj2018-hyperprior": (128, 192), "mbt2018": (192, 192)}
OURS, NCHW, CHANNELS_LAST = "jaxcompress", "PyTorch NCHW", "PyTorch channels_last"
TCMALLOC = "libtcmalloc_minimal.so.4"
ALLOCATORS = {
    "default": {},
    "hugetlb": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    "tcmalloc": {},  # LD_PRELOAD, with the file of `--tcmalloc`
}
WARM_UP = 2  # rounds, the first of which compiles ours


# ---------------------------------------------------------------- ours, in a process of its own


def ours_step(architecture: str, n: int, m: int, batch: int, crop: int) -> Callable[[], float]:
    """Our training step as a function that runs it once, to the end, and returns the loss."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxcompress import train
    from jaxcompress.models import create

    model = create(architecture, n=n, m=m)
    x = jnp.asarray(np.random.default_rng(0).random((batch, crop, crop, 3), np.float32))
    params = jax.jit(model.init)(jax.random.key(0), x[:1])["params"]
    optimizer = train.Optimizer(learning_rate=1e-4, aux_learning_rate=1e-3, clip_norm=1.0)
    loss = functools.partial(train.rate_distortion, lmbda=0.01)
    step = jax.jit(train.make_step(model, optimizer, loss=loss, steps=1000), donate_argnums=0)
    state, key = train.init_state(params, optimizer, steps=1000), jax.random.key(1)

    def run() -> float:
        nonlocal state
        state, metrics = jax.block_until_ready(step(state, x, key))
        return float(metrics["loss"])

    return run


def work() -> None:
    """Answers as `training_reference.py` does, until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr
    step = None

    def build(architecture, n, m, batch, crop, threads, device, layout):
        nonlocal step
        import jax

        import jaxcompress

        del threads, layout  # as many as there are processors for this process; NHWC
        jax.config.update("jax_platforms", {"cpu": "cpu", "gpu": "cuda"}[device])
        step = ours_step(architecture, n, m, batch, crop)
        return {"jaxcompress": jaxcompress.__version__, "jax": jax.__version__}

    def measure():
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        loss = step()
        after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        faults, peak = after.ru_minflt - before.ru_minflt, after.ru_maxrss
        return {"loss": loss, "wall": ended - began, "cpu": cpu, "faults": faults, "peak": peak}

    for line in sys.stdin:
        request = json.loads(line)
        command = {"build": build, "step": measure}[request.pop("command")]
        try:
            answer = command(**request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


# ---------------------------------------------------------------- the three in turn


class ContestantError(Exception):
    """A process did not do what it was asked."""


class Contestant:
    """A process that runs one step whenever it is asked."""

    def __init__(self, name: str, command: list, folder: Path, options: argparse.Namespace):
        self.name = name
        environment = os.environ | ALLOCATORS[options.allocator] | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        if options.allocator == "tcmalloc":
            environment["LD_PRELOAD"] = str(options.tcmalloc)
        self._errors = (folder / f"{name}.log").open("w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )

    def ask(self, command: str, **arguments) -> dict:
        """Sends a request and waits for its answer."""
        with contextlib.suppress(BrokenPipeError):  # if it has ended, its own words, below, say why
            self._process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            raise ContestantError(f"{self.name} ended with status {self._process.wait()}: {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise ContestantError(f"{self.name} failed in {command}: {answer['error'].strip()}")
        return answer

    def uses(self, library: str) -> bool:
        """Whether a shared library is loaded; a preloaded one that is not found is passed over in silence."""
        return library in Path(f"/proc/{self._process.pid}/maps").read_text()

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


def compare(architecture: str, options: argparse.Namespace, progress: tqdm) -> tuple[dict, dict]:
    """Steps of one architecture by all three: what each step took, by contestant, and their versions."""
    n, m = SIZES[architecture]
    theirs = [options.reference / "bin" / "python", Path(__file__).with_name("training_reference.py")]
    commands = {OURS: [sys.executable, __file__, "--worker"], NCHW: theirs, CHANNELS_LAST: theirs}
    contestants, versions = [], {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, command in commands.items():
                contestants.append(Contestant(name, command, Path(folder), options))
                versions |= contestants[-1].ask(
                    "build",
                    architecture=architecture,
                    n=n,
                    m=m,
                    batch=options.batch,
                    crop=options.crop,
                    threads=len(os.sched_getaffinity(0)),
                    device=options.device,
                    layout="channels_last" if name == CHANNELS_LAST else "NCHW",
                )
                if options.allocator == "tcmalloc" and not contestants[-1].uses("tcmalloc"):
                    raise ContestantError(f"{options.tcmalloc} could not be loaded; name the file by --tcmalloc")
            steps = {name: [] for name in commands}
            for _ in range(WARM_UP + options.steps):
                for contestant in contestants:
                    progress.set_description(f"{architecture}, {contestant.name}")
                    steps[contestant.name].append(contestant.ask("step"))
                    progress.update()
        finally:
            for contestant in contestants:
                contestant.close()
    for name, taken in steps.items():
        if not all(math.isfinite(step["loss"]) for step in taken):
            raise ContestantError(f"{name}, {architecture}: the loss is not finite")
    return {name: taken[WARM_UP:] for name, taken in steps.items()}, versions


def summarize(steps: dict[str, list[dict]], batch: int) -> list[dict]:
    """A row for each contestant: medians, and ratios to ours."""

    def median(name: str, what: str) -> float:
        return statistics.median(step[what] for step in steps[name])

    def ratio(name: str, what: str) -> float:
        return statistics.median(a[what] / b[what] for a, b in zip(steps[OURS], steps[name], strict=True))

    return [
        {
            "": name,
            "pictures/s": batch / median(name, "wall"),
            "wall s": median(name, "wall"),
            "CPU s": median(name, "cpu"),
            "page faults": int(median(name, "faults")),
            "peak GB": steps[name][-1]["peak"] / 1e6,
            "ours/this, wall": ratio(name, "wall"),
            "ours/this, CPU": ratio(name, "cpu"),
        }
        for name in steps
    ]


def format_table(title: str, rows: list[dict]) -> str:
    """Rows under a title, as text."""
    cells = [list(rows[0]), *([_format(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def _format(value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python benchmarks/training.py --reference compressai-env --threads 1 --allocator hugetlb",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reference", metavar="DIR", type=Path, required=True, help="environment with CompressAI")
    parser.add_argument(
        "--architectures", metavar="NAME", nargs="+", choices=list(SIZES), default=list(SIZES), help=", ".join(SIZES)
    )
    parser.add_argument("--batch", type=int, default=16, help="pictures in a step (default: %(default)s)")
    parser.add_argument("--crop", type=int, default=256, help="their sides, a multiple of 64 (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=5, help=f"rounds, after {WARM_UP} to warm up (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, help="processors to use, in turn (default: all)")
    parser.add_argument("--allocator", choices=list(ALLOCATORS), default="default", help="(default: %(default)s)")
    parser.add_argument("--tcmalloc", metavar="FILE", default=TCMALLOC, help="of that allocator (default: %(default)s)")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="(default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every step here as well")
    options = parser.parse_args(arguments)
    processors = len(os.sched_getaffinity(0))
    options.threads = options.threads or processors
    if not (options.reference / "bin" / "python").exists():
        parser.error(f"--reference {options.reference} is no virtual environment: it has no bin/python")
    if not 1 <= options.threads <= processors:
        parser.error(f"--threads is {options.threads}; expected 1 to {processors}")
    if options.crop < 64 or options.crop % 64 or options.batch < 1 or options.steps < 1:
        parser.error("--crop must be a positive multiple of 64, --batch and --steps at least 1")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each architecture."""
    options = parse(arguments)
    # The children inherit this, and both XLA and PyTorch take one thread for each processor they may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    result = {
        key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items() if key != "json"
    }
    rounds = len(options.architectures) * len((OURS, NCHW, CHANNELS_LAST)) * (WARM_UP + options.steps)
    tables = {}
    with tqdm(total=rounds, unit="step") as progress:
        for architecture in options.architectures:
            try:
                steps, result["versions"] = compare(architecture, options, progress)
            except ContestantError as error:
                sys.exit(f"training.py: {error}")
            tables[architecture] = summarize(steps, options.batch)
            result[architecture] = {"summary": tables[architecture], "steps": steps}
    print(", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    print(f"batch {options.batch} of {options.crop}x{options.crop}, {options.steps} rounds, {options.device}, ", end="")
    print(f"{options.threads} thread(s), allocator {options.allocator}")
    for architecture, rows in tables.items():
        print(format_table("{} N={} M={}".format(architecture, *SIZES[architecture]), rows))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    work() if "--worker" in sys.argv[1:2] else main()
