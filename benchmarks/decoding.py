"""Measures whole decoders, from strings to the picture, ours and CompressAI's, on one processor, in one run.

The networks have random weights, rescaled on the picture so that latents, scales and means spread as in a trained one
(see `build` in `compressai_worker.py`), at the published sizes of quality 1 to 4 (cheng2020-anchor: 4).

Rows: CompressAI's `decompress` of strings that it wrote itself; ours of strings in its format, and of a `.jxc` file.
Everything is compiled before. Times are CPU time, medians over rounds in which each has its turn; the ratio is the
median over rounds of CompressAI's time divided by ours.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from autoregressive import format_table, read_padded
from parity_reference import Worker, WorkerError
from tqdm import tqdm

import jaxcompress
from jaxcompress import convert

SIZES = {
    "bmshj2018-hyperprior": (128, 192),
    "mbt2018-mean": (128, 192),
    "mbt2018": (192, 192),
    "cheng2020-anchor": (128, 128),
}
THEIRS, STRINGS, FILE = "CompressAI", "this, the same format", "this, .jxc"


def measure(run: Callable) -> float:
    """CPU seconds."""
    began = time.process_time()
    run()
    return time.process_time() - began


def compare(worker: Worker, folder: Path, architecture: str, x: np.ndarray, rounds: int, progress: tqdm) -> list[dict]:
    """The rows of an architecture."""
    checkpoint, picture = folder / f"{architecture}.pth.tar", folder / "picture.npy"
    n, m = SIZES[architecture]
    worker.ask("build", architecture=architecture, n=n, m=m, seed=0, picture=picture, checkpoint=checkpoint)
    codec = jaxcompress.Codec(convert.from_pytorch(checkpoint))
    theirs = worker.ask(
        "code",
        architecture=architecture,
        checkpoint=checkpoint,
        picture=picture,
        arrays=folder / "arrays.npz",
        stages=False,
        arithmetic="default",
    )
    coded = {"strings": theirs["strings"], "shape": theirs["shape"]}
    strings, shape = codec.compress_strings(x.transpose(0, 2, 3, 1))
    file = codec.compress(np.rint(x[0].transpose(1, 2, 0) * 255).astype(np.uint8))
    runs = {STRINGS: lambda: codec.decompress_strings(strings, shape), FILE: lambda: codec.decompress(file)}
    found = {name: [] for name in (THEIRS, *runs)}
    for run in runs.values():
        run()
    for _ in range(rounds):
        found[THEIRS].append(
            worker.ask("decompress", architecture=architecture, checkpoint=checkpoint, **coded)["cpu"]
        )
        for name, run in runs.items():
            found[name].append(measure(run))
        progress.update()
    return [
        {
            "": f"{architecture} N={n} M={m}, {name}",
            "CPU ms": 1e3 * statistics.median(times),
            "CompressAI/this": ""
            if name == THEIRS
            else statistics.median(a / b for a, b in zip(found[THEIRS], times, strict=True)),
        }
        for name, times in found.items()
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python benchmarks/decoding.py --reference compressai-env --picture kodim01.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reference", metavar="DIR", type=Path, required=True, help="environment with CompressAI")
    parser.add_argument("--picture", metavar="FILE", type=Path, required=True, help="a picture, 768x512 by custom")
    parser.add_argument("--models", metavar="NAME", nargs="+", choices=SIZES, default=list(SIZES), help="(default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    if not (options.reference / "bin" / "python").exists():
        parser.error(f"--reference {options.reference} is no virtual environment: it has no bin/python")
    if not options.picture.exists():
        parser.error(f"there is no file {options.picture}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table."""
    options, rows = parse(arguments), []
    # Before XLA makes its threads, one for each processor; the other process has the same one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    x = read_padded(options.picture)
    with tempfile.TemporaryDirectory() as name:
        np.save(Path(name) / "picture.npy", x)
        worker = Worker(options.reference, Path(name))
        try:
            versions = worker.ask("hello")
            with tqdm(total=options.rounds * len(options.models), unit="round") as progress:
                for model in options.models:
                    rows += compare(worker, Path(name), model, x, options.rounds, progress)
        except WorkerError as error:
            sys.exit(f"decoding.py: {error}")
        finally:
            worker.close()
    title = f"CompressAI {versions['version']}, torch {versions['torch']}; {options.rounds} rounds, one processor"
    print(format_table(title, rows))


if __name__ == "__main__":
    main()
