"""Measures the loop over positions of mbt2018, ours and CompressAI's, in one run: each in turn, round after round.

Both code the same latents with the same side information, weights and tables: those of a network N = M = 192 with
random weights, rescaled on the picture so that latents, scales and means spread as in a trained one (see `build` in
`compressai_worker.py`), or those of a checkpoint. What comes before and after the loop (transforms, z) is left out.

Rows: our encoder and decoder of the raster order, which is CompressAI's, and of the wavefront order, and of several
pictures side by side, by picture; "integers" are the networks that `quantize_entropy` makes of the same weights. A
ratio is the median over rounds of CompressAI's time divided by ours in the same
round, encoder to encoder and decoder to decoder. CPU time (user and system, of all threads) is what to compare on a
machine that others use too; wall time is what to compare with several threads.

"floor" is the time that the arithmetic of a row would take at the speed of a large matrix product, and, where
positions come one by one, the weights of each at the speed of a product of such a matrix and a vector; both by NumPy
on one thread, between the rounds. One thread's share of it, where there are more.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from arguments import Parser, count, present
from pictures import pad, read_colour
from process import Process, measure
from reference import Reference, running_reference
from report import format_table, median, median_ratio, write_json
from tqdm import tqdm

from jaxcompress import Weights, coder, convert
from jaxcompress.codec.context import integer_context_model
from jaxcompress.entropy import bottleneck_medians
from jaxcompress.integer import IntegerEvaluator

SIZES = 192, 192
BATCH = 4
ORDERS = "raster", "wavefront"
ENCODE, DECODE = "CompressAI encode", "CompressAI decode"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Case:
    """Our side: the model, and what it codes, of the arrays that the reference wrote."""

    def __init__(self, arrays: dict[str, np.ndarray], layers: int, weights: Weights):
        self.y, self.hyper = arrays["y"], arrays["hyper"]
        self.tables = coder.CdfTables(arrays["cdf"], arrays["cdf_length"], arrays["offset"])
        network = [(arrays[f"{i}/kernel"], arrays[f"{i}/bias"]) for i in range(layers)]
        context = arrays["context/kernel"], arrays["context/bias"]
        self.model = coder.ContextModel(*context, network, arrays["scale_table"])
        self.streams = {order: self.model.encode(self.y, self.hyper, self.tables, order=order) for order in ORDERS}
        self.integer = integer_context_model(weights.require_integer())
        self.side = integer_side(weights, self.y)
        self.integer_stream = self.integer.encode(self.y, self.side, self.tables, order="wavefront")

        positions, taps = self.y.shape[0] * self.y.shape[1], context[0].shape[0] ** 2 // 2
        last = context[0].shape[0] // 2  # taps in the row of the position
        of_tap = context[0].shape[2] * context[0].shape[3]
        of_layers = sum(kernel.size for kernel, _ in network)
        of_side = self.hyper.shape[2] * network[0][0].shape[1]
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

        wavefront = {"order": "wavefront", "threads": threads}
        in_integers = {
            "encode, wavefront, integers": lambda: self.integer.encode(self.y, self.side, self.tables, **wavefront),
            "decode, wavefront, integers": lambda: self.integer.decode(
                self.integer_stream, self.side, self.tables, **wavefront
            ),
        }
        return {
            "encode, raster": (ENCODE, 1, encode("raster")),
            "encode, wavefront": (ENCODE, 1, encode("wavefront")),
            "decode, raster": (DECODE, 1, decode("raster", 1)),
            f"decode, raster, {BATCH} pictures": (DECODE, BATCH, decode("raster", BATCH)),
            "decode, wavefront": (DECODE, 1, decode("wavefront", 1)),
            **{name: (ENCODE if name.startswith("encode") else DECODE, 1, run) for name, run in in_integers.items()},
        }

    def floor(self, row: str, speed: dict, threads: int) -> float:
        """Seconds."""
        together = 2 * self.products / speed["flops"]
        if row != "decode, raster":
            return together / threads
        single = 2 * self.single_products
        return (together - single / speed["flops"] + 2 * single / speed["bytes"]) / threads


def integer_side(weights: Weights, y: np.ndarray) -> np.ndarray:
    """Side information of latents `[h, w, M]`, by the integer networks."""
    z = weights.model().apply(weights.variables, y[None], method="hyper_analysis")[0]
    medians = bottleneck_medians(weights.params["entropy_bottleneck"])
    return IntegerEvaluator(weights.require_integer()).hyper_synthesis(np.rint(z - medians))


def compare(case: Case, reference: Reference, floors: Process, threads: int, rounds: int, progress: tqdm) -> dict:
    """Times by row, round by round, and the floors' speeds."""
    rows = case.rows(threads)
    found = {name: [] for name in (ENCODE, DECODE, *rows)} | {"speeds": []}
    for _ in range(rounds):
        for name, command in ((ENCODE, "encode"), (DECODE, "decode")):
            found[name].append(reference.ask(command, threads=threads))
            progress.update()
        for name, (_, pictures, run) in rows.items():
            _, times = measure(run)
            found[name].append({what: times[what] / pictures for what in ("wall", "cpu")})
        found["speeds"].append(floors.ask("speeds"))
        progress.update()
    return found


def summarize(case: Case, found: dict, threads: int) -> list[dict]:
    """A row for each of `found`: medians in ms, and ratios."""
    speed = {what: max(speed[what] for speed in found["speeds"]) for what in ("flops", "bytes")}
    rows = dict.fromkeys((ENCODE, DECODE)) | case.rows(threads)
    table = []
    for name, row in rows.items():
        theirs = found[row[0]] if row else None
        table.append(
            {
                "": name,
                "wall ms": 1e3 * median(found[name], "wall"),
                "CPU ms": 1e3 * median(found[name], "cpu"),
                "CompressAI/this, wall": median_ratio(theirs, found[name], "wall") if row else "",
                "CompressAI/this, CPU": median_ratio(theirs, found[name], "cpu") if row else "",
                "floor ms": 1e3 * case.floor(name, speed, threads) if row and "integers" not in name else "",
            }
        )
    return table


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "autoregressive.py --reference compressai-env --picture kodim01.png")
    parser.add_reference()
    parser.add_picture()
    parser.add_argument("--weights", metavar="FILE", type=present, help="a CompressAI checkpoint of mbt2018")
    parser.add_rounds(3)
    parser.add_argument("--threads", metavar="N", type=count, nargs="+", default=[1, 2], help="(default: 1 2)")
    parser.add_output("--json", "every time")
    return parser.parse_args(arguments)


def prepare(reference: Reference, options: argparse.Namespace) -> Case:
    """Makes CompressAI compute what both are to code."""
    x = pad(read_colour(options.picture), mode="edge")
    checkpoint, arrays = options.weights, reference.folder / "arrays.npz"
    if checkpoint is None:
        checkpoint = reference.folder / "random.pth.tar"
        reference.build("mbt2018", *SIZES, x, checkpoint)
    picture = reference.picture_file(x)
    layers = reference.ask("prepare", checkpoint=checkpoint, picture=picture, arrays=arrays)["layers"]
    with np.load(arrays) as file:
        return Case(dict(file), layers, convert.from_pytorch(checkpoint))


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each number of threads."""
    options, found = parse(arguments), {}
    floors_script = Path(__file__).with_name("autoregressive_floors.py")
    with (
        running_reference(options.reference, "autoregressive_reference.py") as reference,
        Process("NumPy", [sys.executable, floors_script], ONE_THREAD) as floors,
        tqdm(total=3 * options.rounds * len(options.threads), unit="step") as progress,
    ):
        case = prepare(reference, options)
        for threads in options.threads:
            found[threads] = compare(case, reference, floors, threads, options.rounds, progress)
    versions = reference.versions
    height, width, channels = case.y.shape
    print(f"CompressAI {versions['compressai']}, torch {versions['torch']}; {coder.instruction_sets()[0]}")
    print(f"latent {height}x{width}x{channels}, {2e-9 * case.products:.2f} GFLOP, ", end="")
    print(f"{4e-6 * case.single:.2f} MB of weights for each position in raster order, {options.rounds} rounds")
    theirs = found[options.threads[0]][ENCODE][0]["bytes"]
    same = [one["same"] for times in found.values() for one in times[DECODE]]
    print(f"bytes: ours {len(case.streams['raster'])}, CompressAI's {theirs}; ", end="")
    print(f"CompressAI decoded its own stream in {sum(same)} of {len(same)} rounds")
    for threads, times in found.items():
        print(format_table(f"{threads} thread(s)", summarize(case, times, threads), ".1f"))
    write_json(options.json, {"versions": versions, "times": found})


if __name__ == "__main__":
    main()
