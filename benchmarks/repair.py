"""Decodes strings of CompressAI whose scales fell on the other side of a threshold, and strings damaged on purpose.

CompressAI runs live in an environment of its own, with trained weights.

1. Strings of a folder of pictures, as CompressAI writes them in three ways that sum in different orders (PyTorch as it
   is, without oneDNN, and with channels last), decoded here. Every symbol is compared with the encoder's.
2. Our own strings, written with another table for one or two symbols: either among the scales nearest to a threshold,
   where a search must come first to the right ones, or anywhere, where it must give up in time. Either way, what
   decodes must be right. Not for models with context, whose tables follow from what is decoded.

Seconds are for all from strings to latents, once everything is compiled: of the clock, which the search is limited by,
and of the processor, which is what is checked. Run time with 24 pictures: 19 minutes of processor time, which were 42
minutes by the clock on two cores that were shared with several other programs; with `--pictures 2 --damaged 20`, 90
seconds.
"""

import argparse
import logging
import statistics
import sys
import time
from pathlib import Path

import jax
import numpy as np
from arguments import Parser, count
from pictures import pad, read_colour
from process import measure
from reference import Reference, running_reference
from report import Checks, format_table, write_json
from tqdm import tqdm

import jaxcompress
from jaxcompress import Codec, coder, convert
from jaxcompress.codec import BitstreamError, chunks, repair
from jaxcompress.codec.coded_string import CodedString, SymbolOrder
from jaxcompress.codec.latents import LatentCoder

PARALLEL = "bmshj2018-hyperprior", "mbt2018-mean"
AUTOREGRESSIVE = "mbt2018", "cheng2020-anchor"
ARCHITECTURES = *PARALLEL, *AUTOREGRESSIVE
ARITHMETICS = "default", "mkldnn off", "channels_last"
KINDS = [(place, count) for place in ("next to a threshold", "anywhere") for count in (1, 2)]
SLACK = 0.5  # seconds: networks, first and last decoding


class Searches(logging.Handler):
    """Collects what the repair search logs: flipped scales and tries of each string."""

    def __init__(self):
        super().__init__()
        self.found: list[tuple[int, int]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one record."""
        flipped, _, tries = record.args
        self.found.append((flipped, tries))


def decode(latents: LatentCoder, strings: list[bytes], shape: tuple[int, int], expected: np.ndarray) -> dict:
    """Decodes z and y; tells whether y_hat is as expected, tries, and seconds."""

    def run() -> str:
        try:
            y_hat = latents.decode([*map(CodedString, strings)], shape, shape, order=SymbolOrder.RASTER, threads=1)
        except BitstreamError:
            return "refused"
        # Symbols are integers apart, while the means of two programs differ by rounding.
        return "right" if np.abs(y_hat - expected).max() < 1e-3 else "WRONG"

    searches = Searches()
    logger = logging.getLogger(repair.__name__)
    logger.setLevel(logging.INFO)
    logger.addHandler(searches)
    outcome, times = measure(run)
    logger.removeHandler(searches)
    flipped, tries = searches.found[0] if searches.found else (0, 0)
    return {"outcome": outcome, "flipped": flipped, "tries": tries, "seconds": times["wall"], "cpu": times["cpu"]}


def decode_theirs(checks: Checks, reference: Reference, checkpoint: Path, latents, pictures, progress) -> list[dict]:
    """Part 1 for one network: a row for each arithmetic."""
    architecture = convert.from_pytorch(checkpoint, integer=False).architecture
    cases: dict[str, list[dict]] = {arithmetic: [] for arithmetic in ARITHMETICS}
    for path in pictures:
        x = pad(read_colour(path))
        for arithmetic in ARITHMETICS:
            theirs = reference.code(architecture, checkpoint, x, arithmetic=arithmetic)
            y_hat = theirs.arrays["y_hat"][0]
            for _ in range(2):  # the first time may compile
                case = decode(latents, theirs.strings[::-1], y_hat.shape[:2], y_hat)
            checks.holds(f"{checkpoint.name} {path.stem} {arithmetic}", "decodes right", case["outcome"] == "right")
            cases[arithmetic].append(case)
            progress.update()
    return [
        {"network": architecture, "arithmetic": arithmetic, **summarize(checks, architecture, found)}
        for arithmetic, found in cases.items()
    ]


def decode_damaged(checks: Checks, codec: Codec, pictures, count: int, progress) -> list[dict]:
    """Part 2 for one network: a row for each kind of damage."""
    architecture, latents = codec.weights.architecture, codec._latents
    cases: dict[tuple[str, int], list[dict]] = {kind: [] for kind in KINDS}
    rng = np.random.default_rng(0)
    for i in range(count):
        if i % len(KINDS) == 0:
            y, z = codec.analyse(read_colour(pictures[i // len(KINDS) % len(pictures)]))
            coded = latents.encode(y, z, y.shape[:2], native=False, threads=1)
            expected = latents.decode(coded, y.shape[:2], y.shape[:2], order=SymbolOrder.RASTER, threads=1)
            z_string, y_string = (string.data for string in coded)
        kind = KINDS[i % len(KINDS)]
        damaged = write_with_other_tables(latents, z, y_string, *kind, rng)
        case = decode(latents, [z_string, damaged], y.shape[:2], expected)
        checks.holds(f"{architecture} damaged {i}", "is decoded right or refused", case["outcome"] != "WRONG")
        cases[kind].append(case)
        progress.update()
    return [
        {"network": architecture, "tables turned": f"{number} {place}", **summarize(checks, architecture, found)}
        for (place, number), found in cases.items()
    ]


def write_with_other_tables(latents, z: np.ndarray, y_string: bytes, place: str, count: int, rng) -> bytes:
    """The string of y again, with other tables for some symbols."""
    z_symbols = np.rint(z - latents.medians).astype(np.int32)
    area = slice(0, 4 * z.shape[0]), slice(0, 4 * z.shape[1])
    indexes = np.ascontiguousarray(latents._side(z_symbols, area, {})[0].transpose(2, 0, 1))
    symbols = coder.decode(y_string, indexes, latents._chunks._tables)
    scales = latents._side.scales(z_symbols, area, {}).transpose(2, 0, 1)
    positions, alternatives, _ = repair.find_doubts(scales, indexes, latents._chunks._scale_table)
    if place == "anywhere":
        positions = rng.integers(0, indexes.size, count)
        alternatives = np.where(indexes.flat[positions] > 0, indexes.flat[positions] - 1, 1)
    chosen = rng.choice(len(positions), count, replace=False)
    indexes.flat[positions[chosen]] = alternatives[chosen]
    return coder.encode(symbols, indexes, latents._chunks._tables)


def summarize(checks: Checks, name: str, cases: list[dict]) -> dict:
    """Counts, tries and seconds of decoded strings."""
    seconds = [case["seconds"] for case in cases]
    limit = chunks.MAX_SECONDS_AUTOREGRESSIVE if name in AUTOREGRESSIVE else chunks.MAX_SECONDS
    cpu = max(case["cpu"] for case in cases)
    checks.at_most(name, "seconds of the processor, worst", cpu, limit + SLACK)
    counts = {outcome: sum(case["outcome"] == outcome for case in cases) for outcome in ("right", "refused", "WRONG")}
    found = [case for case in cases if case["outcome"] == "right"]
    tries = [case["tries"] for case in found if case["tries"]]
    return {
        "strings": len(cases),
        **counts,
        "with a search": len(tries),
        "scales flipped": max((case["flipped"] for case in found), default=None),
        "tries, median": statistics.median(tries) if tries else None,
        "worst": max(tries, default=None),
        "s, median": statistics.median(seconds),
        "s, worst": max(seconds),
        "CPU s, worst": cpu,
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "repair.py --reference compressai-env --kodak kodak --weights trained")
    parser.add_reference()
    parser.add_kodak()
    parser.add_argument(
        "--weights",
        metavar="DIR",
        type=checkpoints,
        required=True,
        help=f"folder of {' and '.join(f'{name}.pth.tar' for name in ARCHITECTURES)}",
    )
    parser.add_argument("--pictures", metavar="N", type=count, help="how many pictures (default: all)")
    parser.add_argument(
        "--damaged", metavar="N", type=count, default=1000, help="strings of part 2 (default: %(default)s)"
    )
    parser.add_output("--output", "the tables and checks")
    options = parser.parse_args(arguments)
    smallest = len(KINDS) * len(PARALLEL)
    if options.damaged < smallest:
        parser.error(f"--damaged is {options.damaged}; expected at least {smallest}")
    return options


def checkpoints(text: str) -> list[Path]:
    """The checkpoints of a folder, all of which are needed."""
    found = [Path(text) / f"{name}.pth.tar" for name in ARCHITECTURES]
    for path in found:
        if not path.exists():
            raise argparse.ArgumentTypeError(f"there is no {path.name} in {text}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Runs everything; returns the exit status."""
    options = parse(arguments)
    began, checks = time.perf_counter(), Checks()
    tables: dict[str, list[dict]] = {"1. Strings of CompressAI": [], "2. Strings with other tables": []}
    theirs, damaged = tables.values()
    pictures, of_each = options.kodak[: options.pictures], options.damaged // len(PARALLEL)
    steps = len(ARCHITECTURES) * len(pictures) * len(ARITHMETICS) + len(PARALLEL) * of_each
    with running_reference(options.reference) as reference, tqdm(total=steps, unit="string") as progress:
        versions = reference.versions
        print(f"jaxcompress {jaxcompress.__version__}, jax {jax.__version__} on {jax.default_backend()}")
        print(f"CompressAI {versions['compressai']}, torch {versions['torch']}")
        for checkpoint in options.weights:
            weights = convert.from_pytorch(checkpoint, integer=False)
            codec = Codec(weights, entropy="float")
            theirs += decode_theirs(checks, reference, checkpoint, codec._latents, pictures, progress)
            if weights.architecture in PARALLEL:
                damaged += decode_damaged(checks, codec, pictures, of_each, progress)
    for title, rows in tables.items():
        print(format_table(title, rows, ".4f"))
    status = checks.conclude(time.perf_counter() - began)
    result = {"compressai": versions, "jaxcompress": jaxcompress.__version__}
    write_json(options.output, result | {"tables": tables, "checks": checks.made})
    return status


if __name__ == "__main__":
    sys.exit(main())
