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
import math
import os
import sys
from pathlib import Path

from arguments import Parser, count
from process import Process, ProcessError
from report import format_table, median, median_ratio, write_json
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


def compare(architecture: str, options: argparse.Namespace, progress: tqdm) -> tuple[dict, dict]:
    """Steps of one architecture by all three: what each step took, by contestant, and their versions."""
    n, m = SIZES[architecture]
    theirs = [options.reference / "bin" / "python", Path(__file__).with_name("training_reference.py")]
    ours = [sys.executable, Path(__file__).with_name("training_ours.py")]
    environment = ALLOCATORS[options.allocator] | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if options.allocator == "tcmalloc":
        environment["LD_PRELOAD"] = str(options.tcmalloc)
    steps, versions = {OURS: [], NCHW: [], CHANNELS_LAST: []}, {}
    with contextlib.ExitStack() as stack:
        contestants = []
        for name in steps:
            contestant = stack.enter_context(Process(name, ours if name == OURS else theirs, environment))
            versions |= contestant.ask(
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
            if options.allocator == "tcmalloc" and not contestant.uses("tcmalloc"):
                raise ProcessError(f"{options.tcmalloc} could not be loaded; name the file by --tcmalloc")
            contestants.append(contestant)
        for _ in range(WARM_UP + options.steps):
            for contestant in contestants:
                progress.set_description(f"{architecture}, {contestant.name}")
                steps[contestant.name].append(contestant.ask("step"))
                progress.update()
    for name, taken in steps.items():
        if not all(math.isfinite(step["loss"]) for step in taken):
            raise ProcessError(f"{name}, {architecture}: the loss is not finite")
    return {name: taken[WARM_UP:] for name, taken in steps.items()}, versions


def summarize(steps: dict[str, list[dict]], batch: int) -> list[dict]:
    """A row for each contestant: medians, and ratios to ours."""
    return [
        {
            "": name,
            "pictures/s": batch / median(taken, "wall"),
            "wall s": median(taken, "wall"),
            "CPU s": median(taken, "cpu"),
            "page faults": int(median(taken, "faults")),
            "peak GB": taken[-1]["peak"] / 1e6,
            "ours/this, wall": median_ratio(steps[OURS], taken, "wall"),
            "ours/this, CPU": median_ratio(steps[OURS], taken, "cpu"),
        }
        for name, taken in steps.items()
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "training.py --reference compressai-env --threads 1 --allocator hugetlb")
    parser.add_reference()
    parser.add_argument(
        "--architectures", metavar="NAME", nargs="+", choices=list(SIZES), default=list(SIZES), help=", ".join(SIZES)
    )
    parser.add_argument("--batch", type=count, default=16, help="pictures in a step (default: %(default)s)")
    parser.add_argument("--crop", type=count, default=256, help="their sides, a multiple of 64 (default: %(default)s)")
    parser.add_argument(
        "--steps", type=count, default=5, help=f"rounds, after {WARM_UP} to warm up (default: %(default)s)"
    )
    processors = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=count, default=processors, help="processors to use, in turn (default: all)")
    parser.add_argument("--allocator", choices=list(ALLOCATORS), default="default", help="(default: %(default)s)")
    parser.add_argument("--tcmalloc", metavar="FILE", default=TCMALLOC, help="of that allocator (default: %(default)s)")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="(default: %(default)s)")
    parser.add_output("--json", "every step")
    options = parser.parse_args(arguments)
    if options.threads > processors:
        parser.error(f"--threads is {options.threads}; expected 1 to {processors}")
    if options.crop % 64:
        parser.error(f"--crop is {options.crop}; expected a multiple of 64")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each architecture."""
    options = parse(arguments)
    # The children inherit this, and both XLA and PyTorch take one thread for each processor they may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    result = {key: value for key, value in vars(options).items() if key != "json"}
    rounds = len(options.architectures) * len((OURS, NCHW, CHANNELS_LAST)) * (WARM_UP + options.steps)
    tables = {}
    with tqdm(total=rounds, unit="step") as progress:
        for architecture in options.architectures:
            try:
                steps, result["versions"] = compare(architecture, options, progress)
            except ProcessError as error:
                sys.exit(f"training.py: {error}")
            tables[architecture] = summarize(steps, options.batch)
            result[architecture] = {"summary": tables[architecture], "steps": steps}
    print(", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    print(f"batch {options.batch} of {options.crop}x{options.crop}, {options.steps} rounds, {options.device}, ", end="")
    print(f"{options.threads} thread(s), allocator {options.allocator}")
    for architecture, rows in tables.items():
        print(format_table("{} N={} M={}".format(architecture, *SIZES[architecture]), rows, ".3g"))
    write_json(options.json, result)


if __name__ == "__main__":
    main()
