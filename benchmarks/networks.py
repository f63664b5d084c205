"""Measures the transforms g_a and g_s, ours and CompressAI's, in one run: a call of each in turn.

On a CPU, ours run once as the plain model has them and once with the kernels that `Codec` prepares there (Winograd);
CompressAI's as it has them (NCHW) and with PyTorch's channels_last. Networks are as initialized and the picture is
noise: the time does not depend on them. "of peak" is the rate of the products that the network is defined by, whichever
way it is computed (Winograd needs fewer), of the best that a product of matrices reached in the same process.

Each contestant is a process of its own, with the same processors and the same allocator, which waits while another one
runs. The allocator matters: glibc's gives large blocks back to the system after each use, and fetching them again costs
PyTorch and XLA alike much of their time. `--allocator hugetlb` has it use large pages, for all of them.

CPU time (user and system, of all threads) is what to compare on a machine that others use too. A ratio is the median
over rounds of their time divided by ours in the same round: above 1, ours is faster. On a GPU (`--device gpu`), where
wall time counts, ours has no prepared kernels, and PyTorch takes part if it has CUDA. Float32 throughout (no TF32).
"""

import argparse
import contextlib
import os
import sys
from pathlib import Path

from arguments import Parser, count
from process import Process, ProcessError
from report import format_table, median, median_ratio, write_json
from tqdm import tqdm

from jaxcompress import models
from jaxcompress.evaluate import complexity

SIZES = {"bmshj2018-factorized": (128, 192), "mbt2018-mean": (128, 192)}
HEIGHT, WIDTH = 512, 768
PLAIN, WINOGRAD = "this, plain", "this, Winograd"
NCHW, CHANNELS_LAST = "CompressAI, NCHW", "CompressAI, channels_last"
ALLOCATORS = {"default": {}, "hugetlb": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}}
STAGES = ("g_a", "g_s")
WARM_UP = 1  # rounds, which compile ours


def contestants(options: argparse.Namespace, stack: contextlib.ExitStack) -> list[Process]:
    """The processes; on a GPU those that have one."""
    theirs = [options.reference / "bin" / "python", Path(__file__).with_name("networks_reference.py")]
    ours = [sys.executable, Path(__file__).with_name("networks_ours.py")]
    names = {PLAIN: ours, WINOGRAD: ours, NCHW: theirs, CHANNELS_LAST: theirs}
    if options.device == "gpu":
        del names[WINOGRAD]
    environment = ALLOCATORS[options.allocator] | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    started = [stack.enter_context(Process(name, command, environment)) for name, command in names.items()]
    how = {"device": options.device, "threads": options.threads}
    return [process for process in started if process.ask("start", contestant=process.name, **how)["ok"]]


def compare(processes: list[Process], architecture: str, batch: int, rounds: int, progress: tqdm) -> list[dict]:
    """The rows of an architecture and a batch."""
    n, m = SIZES[architecture]
    products = {stage.name: stage.kmac_per_pixel for stage in complexity(models.create(architecture, n=n, m=m))}
    shape, names = (batch, HEIGHT, WIDTH), [process.name for process in processes]
    for process in processes:
        process.ask("build", architecture=architecture, n=n, m=m, shape=shape)
    peak = max(process.ask("peak")["flops"] for process in processes)
    rows, taken = [], {(name, stage): [] for name in names for stage in STAGES}
    for _ in range(WARM_UP + rounds):
        for process in processes:
            progress.set_description(f"{architecture}, {process.name}")
            for stage in STAGES:
                taken[process.name, stage].append(process.ask("run", stage=stage))
            progress.update()
    taken = {key: found[WARM_UP:] for key, found in taken.items()}
    for stage in STAGES:
        for name in names:
            times = taken[name, stage]
            flops = 2e3 * products[stage] * batch * HEIGHT * WIDTH
            row = {
                f"batch {batch}": f"{stage}, {name}",
                "CPU ms": 1e3 * median(times, "cpu"),
                "wall ms": 1e3 * median(times, "wall"),
                "Mpixel/s": batch * HEIGHT * WIDTH / 1e6 / median(times, "wall"),
                "% of peak": 100 * flops / median(times, "cpu") / peak,
            }
            for other in (NCHW, CHANNELS_LAST):
                if other in names:
                    row[other.removeprefix("CompressAI, ") + "/this"] = median_ratio(taken[other, stage], times, "cpu")
            rows.append(row)
    return rows


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "networks.py --reference compressai-env --threads 1 --allocator hugetlb")
    parser.add_reference()
    parser.add_argument(
        "--models", metavar="NAME", nargs="+", choices=SIZES, default=list(SIZES), help="(default: all)"
    )
    parser.add_argument(
        "--batch", metavar="N", type=count, nargs="+", default=[1], help="pictures of a call (default: 1)"
    )
    processors = len(os.sched_getaffinity(0))
    parser.add_argument(
        "--threads", metavar="N", type=count, default=processors, help="processors to use (default: all)"
    )
    parser.add_argument("--allocator", choices=list(ALLOCATORS), default="default", help="(default: %(default)s)")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="(default: %(default)s)")
    parser.add_rounds(5)
    parser.add_output("--json", "every row")
    options = parser.parse_args(arguments)
    if options.threads > processors:
        parser.error(f"--threads is {options.threads}; expected 1 to {processors}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each architecture and batch."""
    options, tables = parse(arguments), {}
    # The children inherit this, and both XLA and PyTorch take one thread for each processor they may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    try:
        with contextlib.ExitStack() as stack:
            processes = contestants(options, stack)
            cases = len(options.models) * len(options.batch) * len(processes)
            progress = stack.enter_context(tqdm(total=cases * (WARM_UP + options.rounds), unit="call"))
            for architecture in options.models:
                for batch in options.batch:
                    title = "{} N={} M={}".format(architecture, *SIZES[architecture])
                    rows = compare(processes, architecture, batch, options.rounds, progress)
                    tables.setdefault(title, []).append(rows)
    except ProcessError as error:
        sys.exit(f"networks.py: {error}")
    print(f"{WIDTH}x{HEIGHT}, {options.rounds} rounds, {options.device}, {options.threads} thread(s), ", end="")
    print(f"allocator {options.allocator}")
    for title, batches in tables.items():
        for rows in batches:
            print(format_table(title, rows, ".2f"))
    write_json(options.json, {"options": vars(options), "tables": tables})


if __name__ == "__main__":
    main()
