"""Measures the rANS coder, ours and CompressAI's, in one run: a round of each in turn.

Workloads are y of a 768x512 picture with 192 channels, drawn at three rates (y_lo, y_mid, y_hi: Gaussian symbols whose
scales vary between channels and smoothly in space), and, if given, y of trained networks on a folder of pictures.
CompressAI runs live in an environment of its own. Streams are compared: they have to be the same bytes.

1. From Python: `coder.encode` and `coder.decode` with NumPy arrays, tables made before; and what CompressAI's
   EntropyModel does between the rounding and the string: tensors and tables to lists, its coder, lists to tensors.
   "call" is its coder alone, from lists that are there to lists.
2. The cores, in one C++ program that is compiled for it: ours; and CompressAI's algorithm, written down anew, for its
   extension cannot be called without lists. The floor is what one symbol after the other must take, 9 cycles (a
   product, a shift, a product and a sum to encode; a look-up, a product and a sum to decode), at the clock measured
   in the same rounds by a chain of multiplications. "3 at once" is the batch form with one thread.
3. Batches from Python, with 1 and 2 threads: ns per symbol of CPU time, all threads together, and of wall time. Only
   an idle machine tells what a second thread gains.

Else times are CPU time of the thread. All are medians over rounds; ratios are medians of the ratios of each round. A
round of a folder of pictures is the sum over its pictures.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from parity_reference import Worker, WorkerError
from tqdm import tqdm

import jaxcompress
from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

CODER = Path(__file__).parents[1] / "coder"
NETWORKS = ("bmshj2018-hyperprior", "mbt2018-mean")
# Mean of the logarithm of the scales, for about 0.335, 0.90 and 1.54 bits per symbol.
RATES = {"y_lo": -2.03295, "y_mid": -1.15467, "y_hi": -0.50148}
LATENT = 192, 32, 48
FLOOR_CYCLES = 9
BATCH = 6  # copies of a drawn message in a batch
COUNT = "count"


class Message:
    """Symbols with what their coding takes, and the stream that ours makes of them."""

    def __init__(self, path: Path):
        self.path = path
        with np.load(path) as file:
            self.arrays = {name: file[name] for name in ("lengths", "offsets", "cdf", "symbols", "indexes")}
        self.symbols = self.arrays["symbols"]
        self.indexes = self.arrays["indexes"].astype(np.uint8)
        self.tables = coder.CdfTables(self.arrays["cdf"], self.arrays["lengths"], self.arrays["offsets"])
        self.stream = coder.encode(self.symbols, self.indexes, self.tables)

    def write(self, path: Path) -> None:
        """Writes the file that the C++ program reads."""
        sizes = [*self.arrays["cdf"].shape, self.symbols.size]
        parts = [np.ravel(part).astype(np.int32) for part in (sizes, *self.arrays.values())]
        path.write_bytes(np.concatenate(parts).tobytes())


def draw(name: str, path: Path) -> None:
    """Writes a drawn message."""
    rng = np.random.default_rng(1)
    channels, field = rng.normal(0, 1, (LATENT[0], 1, 1)), rng.normal(0, 1, LATENT)
    for axis in (1, 2):
        for _ in range(4):
            field = (np.roll(field, 1, axis) + 2 * field + np.roll(field, -1, axis)) / 4
    scales = np.exp(RATES[name] + channels + 0.7 * field / field.std())
    scale_table = default_scale_table()
    indexes = np.searchsorted(scale_table[:-1], np.maximum(scales, scale_table[0])).astype(np.int32)
    tables = build_gaussian_tables(scale_table)
    reach = -tables.offset[indexes]
    symbols = np.clip(np.rint(rng.normal(0, 1, LATENT) * np.minimum(scales, 200)), -reach, reach).astype(np.int32)
    arrays = {"cdf": tables.cdf, "lengths": tables.cdf_length, "offsets": tables.offset}
    np.savez(path, symbols=symbols, indexes=indexes, **arrays)


def cpu_time(action: Callable) -> float:
    """CPU time of this thread that an action takes, in seconds."""
    began = time.thread_time()
    action()
    return time.thread_time() - began


def process_times(action: Callable) -> tuple[float, float]:
    """Wall time, and CPU time of all threads, that an action takes, in seconds."""
    began, before = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - began, time.process_time() - before


def measure_python(message: Message, worker: Worker) -> dict[str, float]:
    """Seconds of one round of part 1."""
    symbols, indexes, tables, stream = message.symbols, message.indexes, message.tables, message.stream
    ours = {
        "encode": cpu_time(lambda: coder.encode(symbols, indexes, tables)),
        "decode": cpu_time(lambda: coder.decode(stream, indexes, tables)),
    }
    theirs = worker.ask("code", message=message.path)
    if theirs["digest"] != hashlib.sha256(stream).hexdigest():
        raise WorkerError(f"{message.path.name}: CompressAI makes another stream")
    return ours | {f"CompressAI {what}": seconds for what, seconds in theirs["seconds"].items()}


def measure_batches(messages: list[Message]) -> dict[str, float]:
    """Seconds of one round of part 3, by direction and threads."""
    batch = messages if len(messages) > 1 else messages * BATCH
    symbols, indexes, streams = zip(*((m.symbols, m.indexes, m.stream) for m in batch), strict=True)
    tables = batch[0].tables
    found = {COUNT: sum(m.symbols.size for m in batch)}
    for threads in (1, 2):
        for direction, action in (
            ("encode", lambda n=threads: coder.encode_batch(symbols, indexes, tables, n)),
            ("decode", lambda n=threads: coder.decode_batch(streams, indexes, tables, n)),
        ):
            found[f"{direction} wall, {threads}"], found[f"{direction} CPU, {threads}"] = process_times(action)
    return found


def build_core(folder: Path) -> Path:
    """Compiles the C++ program."""
    program = folder / "coder_core"
    sources = [Path(__file__).with_name("coder_core.cpp"), *sorted((CODER / "src").glob("*.cpp"))]
    compiler = os.environ.get("CXX", "g++")
    flags = ["-std=c++20", "-O3", "-pthread", "-I", CODER / "include"]
    subprocess.run([compiler, *flags, *sources, "-o", program], check=True)
    return program


def measure_core(program: Path, messages: list[Message], rounds: int) -> list[dict[str, float]]:
    """Nanoseconds of each round of part 2, summed over messages; of a cycle and of each contestant."""
    found = [dict.fromkeys(("cycle",), 0.0) for _ in range(rounds)]
    for message in messages:
        path = program.with_suffix(".message")
        message.write(path)
        output = subprocess.run([program, path, str(rounds)], check=True, capture_output=True).stdout
        for name, times in json.loads(output).items():
            weight = 1 / len(messages) if name == "cycle" else message.symbols.size
            for one, taken in zip(found, times, strict=True):
                one[name] = one.get(name, 0) + weight * taken
    return found


def add(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The sum of what messages took in one round."""
    return {name: sum(one[name] for one in rounds) for name in rounds[0]}


def median(rounds: list[dict[str, float]], name: str, by: str | None = None) -> float:
    """Median over rounds of a time, or of its ratio to another one."""
    return statistics.median(one[name] / (one[by] if by else 1) for one in rounds)


def python_rows(name: str, messages: list[Message], rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 1."""
    count = sum(message.symbols.size for message in messages)
    rate = 8 * sum(len(message.stream) for message in messages) / count
    return [
        {
            "workload": f"{name}, {direction}",
            "symbols": count,
            "bits/symbol": rate,
            "ours ms": 1e3 * median(rounds, direction),
            "ns/symbol": 1e9 * median(rounds, direction) / count,
            "CompressAI ms": 1e3 * median(rounds, f"CompressAI {direction}"),
            "ratio": median(rounds, f"CompressAI {direction}", direction),
            "call ms": 1e3 * median(rounds, f"CompressAI {direction} call"),
            "ratio to call": median(rounds, f"CompressAI {direction} call", direction),
        }
        for direction in ("encode", "decode")
    ]


def core_rows(name: str, messages: list[Message], rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 2."""
    count = sum(message.symbols.size for message in messages)
    floor = FLOOR_CYCLES * median(rounds, "cycle")
    return [
        {
            "workload": f"{name}, {direction}",
            "ours ns/symbol": median(rounds, direction) / count,
            "floor ns": floor,
            "3 at once": median(rounds, f"{direction} 3 at once") / count,
            "CompressAI's": median(rounds, f"reference {direction}") / count,
            "ratio": median(rounds, f"reference {direction}", direction),
            "ratio, 3 at once": median(rounds, f"reference {direction}", f"{direction} 3 at once"),
        }
        for direction in ("encode", "decode")
    ]


def batch_rows(name: str, rounds: list[dict[str, float]]) -> list[dict]:
    """Rows of part 3."""
    return [
        {
            "workload": f"{name}, {direction}",
            **{
                f"{threads} thread(s), {what}": 1e9 * median(rounds, f"{direction} {what}, {threads}", COUNT)
                for threads in (1, 2)
                for what in ("CPU", "wall")
            },
            "gain, wall": median(rounds, f"{direction} wall, 1", f"{direction} wall, 2"),
        }
        for direction in ("encode", "decode")
    ]


def make_messages(options: argparse.Namespace, worker: Worker, folder: Path) -> dict[str, list[Message]]:
    """Messages by workload."""
    workloads = {}
    for name in RATES:
        draw(name, folder / f"{name}.npz")
        workloads[name] = [Message(folder / f"{name}.npz")]
    for network in NETWORKS if options.weights else ():
        checkpoint = options.weights / f"{network}.pth.tar"
        if not checkpoint.exists():
            continue
        target = folder / network
        target.mkdir()
        pictures = [str(path) for path in options.images]
        worker.ask("latents", architecture=network, checkpoint=checkpoint, pictures=pictures, folder=target)
        workloads[network] = [Message(target / f"{i}.npz") for i in range(len(pictures))]
    return workloads


def format_table(title: str, rows: list[dict]) -> str:
    """Rows under a title, as text."""
    cells = [list(rows[0]), *([_format(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def _format(value) -> str:
    return f"{value:.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python benchmarks/coder.py --reference compressai-env --weights trained --kodak kodak",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reference", metavar="DIR", type=Path, required=True, help="environment with CompressAI")
    parser.add_argument(
        "--weights", metavar="DIR", type=Path, help=f"folder of trained checkpoints: {', '.join(NETWORKS)} (.pth.tar)"
    )
    parser.add_argument("--kodak", metavar="DIR", type=Path, help="folder of .png pictures for them")
    parser.add_argument("--rounds", type=int, default=11, help="(default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every round here as well")
    options = parser.parse_args(arguments)
    if not (options.reference / "bin" / "python").exists():
        parser.error(f"--reference {options.reference} is no virtual environment: it has no bin/python")
    if (options.weights is None) != (options.kodak is None):
        parser.error("--weights and --kodak go together")
    options.images = sorted(options.kodak.glob("*.png")) if options.kodak else []
    if options.kodak and not options.images:
        parser.error(f"there is no .png in --kodak {options.kodak}")
    if options.weights and not any((options.weights / f"{network}.pth.tar").exists() for network in NETWORKS):
        parser.error(f"--weights {options.weights} has none of {', '.join(f'{name}.pth.tar' for name in NETWORKS)}")
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; expected at least 1")
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        parser.error("there is no C++ compiler; set CXX")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints the tables."""
    options = parse(arguments)
    tables, raw = {"python": [], "core": [], "batch": []}, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        worker = Worker(options.reference, folder, "coder_reference.py")
        try:
            versions = worker.ask("hello")
            program = build_core(folder)
            workloads = make_messages(options, worker, folder)
            with tqdm(total=3 * len(workloads), unit="part") as progress:
                for workload, messages in workloads.items():
                    progress.set_description(workload)
                    python = [
                        add([measure_python(message, worker) for message in messages])
                        for _ in range(options.rounds + 1)
                    ][1:]  # the first round warms up
                    progress.update()
                    core = measure_core(program, messages, options.rounds)
                    progress.update()
                    batch = [measure_batches(messages) for _ in range(options.rounds + 1)][1:]
                    progress.update()
                    tables["python"] += python_rows(workload, messages, python)
                    tables["core"] += core_rows(workload, messages, core)
                    tables["batch"] += batch_rows(workload, batch)
                    raw[workload] = {"python": python, "core": core, "batch": batch}
        except WorkerError as error:
            sys.exit(f"coder.py: {error}")
        finally:
            worker.close()
    print(f"jaxcompress {jaxcompress.__version__}, CompressAI {versions['compressai']}, torch {versions['torch']}")
    print(f"{options.rounds} rounds")
    print(format_table("1. From Python", tables["python"]))
    print(format_table("2. C++ cores", tables["core"]))
    print(format_table("3. Batches from Python, ns/symbol", tables["batch"]))
    if options.json:
        options.json.write_text(json.dumps({"versions": versions, "tables": tables, "rounds": raw}, indent=1))


if __name__ == "__main__":
    main()
