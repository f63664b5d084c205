"""Measures whole decoders, from strings to the picture, ours and CompressAI's, on one processor, in one run.

The networks have random weights, rescaled on the picture so that latents, scales and means spread as in a trained one
(see `build` in `compressai_worker.py`), at the published sizes of quality 1 to 4 (cheng2020-anchor: 4).

Rows: CompressAI's `decompress` of strings that it wrote itself; ours of strings in its format, and of a `.jxc` file.
Everything is compiled before. Times are CPU time, medians over rounds in which each has its turn; the ratio is the
median over rounds of CompressAI's time divided by ours.
"""

import argparse
import os

import numpy as np
from arguments import Parser
from pictures import pad, read_colour
from process import measure
from reference import Reference, running_reference
from report import format_table, median, median_ratio
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


def compare(reference: Reference, architecture: str, x: np.ndarray, rounds: int, progress: tqdm) -> list[dict]:
    """The rows of an architecture."""
    checkpoint, (n, m) = reference.folder / f"{architecture}.pth.tar", SIZES[architecture]
    reference.build(architecture, n, m, x, checkpoint)
    codec = jaxcompress.Codec(convert.from_pytorch(checkpoint, integer=False))
    theirs = reference.code(architecture, checkpoint, x)
    # Ours decodes strings of its own in that format: those of CompressAI may take a search, or be refused.
    strings, shape = codec.compress_strings(x)
    file = codec.compress(np.rint(x[0] * 255).astype(np.uint8))
    runs = {STRINGS: lambda: codec.decompress_strings(strings, shape), FILE: lambda: codec.decompress(file)}
    found = {name: [] for name in (THEIRS, *runs)}
    for run in runs.values():
        run()
    for _ in range(rounds):
        found[THEIRS].append({"cpu": reference.decompress_seconds(architecture, checkpoint, theirs)})
        for name, run in runs.items():
            found[name].append(measure(run)[1])
        progress.update()
    return [
        {
            "": f"{architecture} N={n} M={m}, {name}",
            "CPU ms": 1e3 * median(times, "cpu"),
            "CompressAI/this": "" if name == THEIRS else median_ratio(found[THEIRS], times, "cpu"),
        }
        for name, times in found.items()
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "decoding.py --reference compressai-env --picture kodim01.png")
    parser.add_reference()
    parser.add_picture()
    parser.add_argument(
        "--models", metavar="NAME", nargs="+", choices=SIZES, default=list(SIZES), help="(default: all)"
    )
    parser.add_rounds(5)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table."""
    options, rows = parse(arguments), []
    # Before XLA makes its threads, one for each processor; the other process has the same one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    x = pad(read_colour(options.picture), mode="edge")
    progress = tqdm(total=options.rounds * len(options.models), unit="round")
    with running_reference(options.reference) as reference, progress:
        for model in options.models:
            rows += compare(reference, model, x, options.rounds, progress)
    versions = reference.versions
    title = f"CompressAI {versions['compressai']}, torch {versions['torch']}; {options.rounds} rounds, one processor"
    print(format_table(title, rows, ".1f"))


if __name__ == "__main__":
    main()
