"""Measures the loop over positions of mbt2018, ours and CompressAI's, in one run: each in turn, round after round.

Both code the same latents with the same side information, weights and tables: those of a network N = M = 192 with
random weights, rescaled on the picture so that latents, scales and means spread as in a trained one (see `build` in
`compressai_worker.py`), or those of a checkpoint. What comes before and after the loop (transforms, z) is left out.

Rows: our encoder and decoder of the raster order, which is CompressAI's, and of the wavefront order, and of several
pictures side by side, by picture. A ratio is the median over rounds of CompressAI's time divided by ours in the same
round, encoder to encoder and decoder to decoder. CPU time (user and system, of all threads) is what to compare on a
machine that others use too; wall time is what to compare with several threads.

"floor" is the time that the arithmetic of a row would take at the speed of a large matrix product, and, where
positions come one by one, the weights of each at the speed of a product of such a matrix and a vector; both by NumPy
on one thread, between the rounds. One thread's share of it, where there are more.
"""

import argparse
import json
import os
import resource
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

from jaxcompress import coder
from jaxcompress.codec import read_picture
from jaxcompress.ops import centered_padding

SIZES = 192, 192
BATCH = 4
ENCODE, DECODE = "CompressAI encode", "CompressAI decode"


class Case:
    """Our side: the model, and what it codes, of the arrays that the reference wrote."""

    def __init__(self, arrays: dict[str, np.ndarray], layers: int):
        self.y, self.hyper = arrays["y"], arrays["hyper"]
        self.tables = coder.CdfTables(arrays["cdf"], arrays["cdf_length"], arrays["offset"])
        weights = [(arrays[f"{i}/kernel"], arrays[f"{i}/bias"]) for i in range(layers)]
        context = arrays["context/kernel"], arrays["context/bias"]
        self.model = coder.ContextModel(*context, weights, arrays["scale_table"])
        self.streams = {order: self.model.encode(self.y, self.hyper, self.tables, order=order) for order in ORDERS}

        positions, taps = self.y.shape[0] * self.y.shape[1], context[0].shape[0] ** 2 // 2
        last = context[0].shape[0] // 2  # taps in the row of the position
        of_tap = context[0].shape[2] * context[0].shape[3]
        of_layers = sum(kernel.size for kernel, _ in weights)
        of_side = self.hyper.shape[2] * weights[0][0].shape[1]
        self.products = positions * (taps * of_tap + of_layers)
        # What a raster decoder cannot share between positions.
        self.single = last * of_tap + of_layers - of_side
        self.single_products = positions * self.single

    def rows(self, threads: int) -> dict[str, tuple[str, int, Callable]]:
        """By name: the row of CompressAI to compare with, the number of pictures, and what to run."""

        def encode(order):
            return lambda: self.model.encode(self.y, self.hyper, self.tables, order=order, threads=threads)

        def decode(order, count):
            streams, hypers = [self.streams[order]] * count, [self.hyper] * count
            return lambda: self.model.decode_batch(streams, hypers, self.tables, order=order, threads=threads)

        return {
            "encode, raster": (ENCODE, 1, encode("raster")),
            "encode, wavefront": (ENCODE, 1, encode("wavefront")),
            "decode, raster": (DECODE, 1, decode("raster", 1)),
            f"decode, raster, {BATCH} pictures": (DECODE, BATCH, decode("raster", BATCH)),
            "decode, wavefront": (DECODE, 1, decode("wavefront", 1)),
        }

    def floor(self, row: str, speed: dict, threads: int) -> float:
        """Seconds."""
        together = 2 * self.products / speed["flops"]
        if row != "decode, raster":
            return together / threads
        single = 2 * self.single_products
        return (together - single / speed["flops"] + 2 * single / speed["bytes"]) / threads


ORDERS = ("raster", "wavefront")


def measure_floors() -> None:
    """Answers each line of standard input with what one thread reaches: products (in flops) and weights (in bytes)."""
    size, rng = 1024, np.random.default_rng(0)
    square, matrix = rng.random((size, size), np.float32), rng.random((1024, 896), np.float32)  # 3.67 MB
    vector = rng.random(1024, np.float32)

    def fastest(run, count):
        times = []
        for _ in range(count):
            began = time.process_time()
            run()
            times.append(time.process_time() - began)
        return min(times)

    for _ in sys.stdin:
        flops = 2 * size**3 / fastest(lambda: square @ square, 5)
        speed = 100 * matrix.nbytes / fastest(lambda: [vector @ matrix for _ in range(100)], 5)
        print(json.dumps({"flops": flops, "bytes": speed}), flush=True)


def measure(run: Callable) -> dict[str, float]:
    """Wall and CPU seconds."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    run()
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": ended - began, "cpu": cpu}


def compare(case: Case, worker: Worker, floors: subprocess.Popen, threads: int, rounds: int, progress: tqdm) -> dict:
    """Times by row, round by round, and the floors' speeds."""
    rows = case.rows(threads)
    found = {name: [] for name in (ENCODE, DECODE, *rows)} | {"speeds": []}
    for _ in range(rounds):
        for name, command in ((ENCODE, "encode"), (DECODE, "decode")):
            found[name].append(worker.ask(command, threads=threads))
            progress.update()
        for name, (_, pictures, run) in rows.items():
            times = measure(run)
            found[name].append({what: seconds / pictures for what, seconds in times.items()})
        floors.stdin.write("\n")
        floors.stdin.flush()
        found["speeds"].append(json.loads(floors.stdout.readline()))
        progress.update()
    return found


def summarize(case: Case, found: dict, threads: int) -> list[dict]:
    """A row for each of `found`: medians in ms, and ratios."""

    def median(name: str, what: str) -> float:
        return 1e3 * statistics.median(times[what] for times in found[name])

    def ratio(theirs: str, ours: str, what: str) -> float:
        return statistics.median(a[what] / b[what] for a, b in zip(found[theirs], found[ours], strict=True))

    speed = {what: max(speed[what] for speed in found["speeds"]) for what in ("flops", "bytes")}
    table = [
        {"": name, "wall ms": median(name, "wall"), "CPU ms": median(name, "cpu")}
        | dict.fromkeys(("CompressAI/this, wall", "CompressAI/this, CPU", "floor ms"), "")
        for name in (ENCODE, DECODE)
    ]
    for name, (theirs, *_) in case.rows(threads).items():
        table.append(
            {
                "": name,
                "wall ms": median(name, "wall"),
                "CPU ms": median(name, "cpu"),
                "CompressAI/this, wall": ratio(theirs, name, "wall"),
                "CompressAI/this, CPU": ratio(theirs, name, "cpu"),
                "floor ms": 1e3 * case.floor(name, speed, threads),
            }
        )
    return table


def format_table(title: str, rows: list[dict]) -> str:
    """Rows under a title, as text."""
    cells = [list(rows[0]), *([f"{v:.1f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def read_padded(path: Path) -> np.ndarray:
    """A picture as float32 `[1, 3, H, W]` in [0, 1], sides a multiple of 64."""
    pixels = read_picture(path).pixels
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    top, bottom, left, right = centered_padding(*pixels.shape[:2], 64)
    padded = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example:\n  python benchmarks/autoregressive.py --reference compressai-env --picture kodim01.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--reference", metavar="DIR", type=Path, required=True, help="environment with CompressAI")
    parser.add_argument("--picture", metavar="FILE", type=Path, required=True, help="a picture, 768x512 by custom")
    parser.add_argument("--weights", metavar="FILE", type=Path, help="a CompressAI checkpoint of mbt2018")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="(default: 1 2)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every time here as well")
    options = parser.parse_args(arguments)
    if not (options.reference / "bin" / "python").exists():
        parser.error(f"--reference {options.reference} is no virtual environment: it has no bin/python")
    for path in (options.picture, options.weights):
        if path is not None and not path.exists():
            parser.error(f"there is no file {path}")
    if options.rounds < 1 or min(options.threads) < 1:
        parser.error("--rounds and --threads must be at least 1")
    return options


def prepare(worker: Worker, folder: Path, options: argparse.Namespace) -> Case:
    """Makes CompressAI compute what both are to code."""
    np.save(folder / "picture.npy", read_padded(options.picture))
    checkpoint, picture, arrays = options.weights, folder / "picture.npy", folder / "arrays.npz"
    if checkpoint is None:
        checkpoint, (n, m) = folder / "random.pth.tar", SIZES
        worker.ask("build", architecture="mbt2018", n=n, m=m, seed=0, picture=picture, checkpoint=checkpoint)
    layers = worker.ask("prepare", checkpoint=checkpoint, picture=picture, arrays=arrays)["layers"]
    with np.load(arrays) as file:
        return Case(dict(file), layers)


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each number of threads."""
    options, result = parse(arguments), {}
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    floors = subprocess.Popen(
        [sys.executable, __file__, "--floors"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with tempfile.TemporaryDirectory() as name:
        worker = Worker(options.reference, Path(name), "autoregressive_reference.py")
        try:
            versions = worker.ask("hello")
            case = prepare(worker, Path(name), options)
            with tqdm(total=3 * options.rounds * len(options.threads), unit="step") as progress:
                for threads in options.threads:
                    result[threads] = compare(case, worker, floors, threads, options.rounds, progress)
        except WorkerError as error:
            sys.exit(f"autoregressive.py: {error}")
        finally:
            worker.close()
            floors.stdin.close()
            floors.wait()
    height, width, channels = case.y.shape
    print(f"CompressAI {versions['version']}, torch {versions['torch']}; {coder.instruction_sets()[0]}")
    print(f"latent {height}x{width}x{channels}, {2e-9 * case.products:.2f} GFLOP, ", end="")
    print(f"{4e-6 * case.single:.2f} MB of weights for each position in raster order, {options.rounds} rounds")
    decoded = [found["same"] for times in result.values() for found in times[DECODE]]
    print(
        f"bytes: ours {len(case.streams['raster'])}, CompressAI's {result[options.threads[0]][ENCODE][0]['bytes']}; ",
        end="",
    )
    print(f"CompressAI decoded its own stream in {sum(decoded)} of {len(decoded)} rounds")
    for threads, found in result.items():
        print(format_table(f"{threads} thread(s)", summarize(case, found, threads)))
    if options.json:
        options.json.write_text(json.dumps({"versions": versions, "times": result}, indent=1))


if __name__ == "__main__":
    measure_floors() if sys.argv[1:] == ["--floors"] else main()
