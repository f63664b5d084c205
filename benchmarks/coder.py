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
4. The format of many lanes from Python, with one thread, with each set of instructions that this processor has: ns per
   symbol, median and best round, beside what they should be at most; the time of CompressAI's core of part 2 and of
   `coder.encode` and `coder.decode` divided by it, in the same rounds; and bytes beside those of CompressAI's format.

Else times are CPU time of the thread. All are medians over rounds; ratios are medians of the ratios of each round. A
round of a folder of pictures is the sum over its pictures.
"""

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from arguments import Parser
from coder_messages import NETWORKS, Message, make_messages
from coder_parts import (
    batch_rows,
    core_rows,
    lanes_rows,
    measure_batches,
    measure_core,
    measure_lanes,
    measure_python,
    python_rows,
)
from process import Process
from reference import Reference, running_reference
from report import format_table, write_json
from tqdm import tqdm

import jaxcompress

CODER = Path(__file__).parents[1] / "coder"
TITLES = {
    "python": "1. From Python",
    "core": "2. C++ cores",
    "batch": "3. Batches from Python, ns/symbol",
    "lanes": "4. Lanes from Python",
}


def build_core(folder: Path) -> Path:
    """Compiles the C++ program."""
    program = folder / "coder_core"
    sources = [Path(__file__).with_name("coder_core.cpp"), *sorted((CODER / "src").glob("*.cpp"))]
    compiler = os.environ.get("CXX", "g++")
    flags = ["-std=c++20", "-O3", "-pthread", "-I", CODER / "include"]
    subprocess.run([compiler, *flags, *sources, "-o", program], check=True)
    return program


def sum_rounds(by_message: list[list[dict[str, float]]]) -> list[dict[str, float]]:
    """Rounds, of which the first only warmed up, as sums over messages."""
    rounds = list(zip(*by_message, strict=True))[1:]
    return [{name: sum(one[name] for one in parts) for name in parts[0]} for parts in rounds]


def measure_with_core(program: Path, messages: list[Message], rounds: int) -> list[dict[str, float]]:
    """Rounds of parts 2 and 4 together, message by message."""
    found = []
    for message in messages:
        path = program.with_suffix(".message")
        message.write(path)
        with Process("the C++ program", [program, path]) as core:
            found.append([measure_core(message, core) | measure_lanes(message) for _ in range(rounds + 1)])
    return sum_rounds(found)


def measure_all(
    workload: str, messages: list[Message], program: Path, reference: Reference, rounds: int, progress: tqdm
) -> tuple[dict[str, list], dict[str, list]]:
    """One workload: its rows of each table, and every round."""
    progress.set_description(workload)
    python = sum_rounds([[measure_python(one, reference) for _ in range(rounds + 1)] for one in messages])
    progress.update()
    core = measure_with_core(program, messages, rounds)
    progress.update()
    batch = [measure_batches(messages) for _ in range(rounds + 1)][1:]
    progress.update()
    rows = {
        "python": python_rows(workload, messages, python),
        "core": core_rows(workload, messages, core),
        "batch": batch_rows(workload, batch),
        "lanes": lanes_rows(workload, messages, core),
    }
    return rows, {"python": python, "core": core, "batch": batch}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "coder.py --reference compressai-env --weights trained --kodak kodak")
    parser.add_reference()
    parser.add_argument(
        "--weights", metavar="DIR", type=Path, help=f"folder of trained checkpoints: {', '.join(NETWORKS)} (.pth.tar)"
    )
    parser.add_kodak(required=False)
    parser.add_rounds(11)
    parser.add_output("--json", "every round")
    options = parser.parse_args(arguments)
    if (options.weights is None) == bool(options.kodak):
        parser.error("--weights and --kodak go together")
    if options.weights and not any((options.weights / f"{network}.pth.tar").exists() for network in NETWORKS):
        parser.error(f"--weights {options.weights} has none of {', '.join(f'{name}.pth.tar' for name in NETWORKS)}")
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        parser.error("there is no C++ compiler; set CXX")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints the tables."""
    options = parse(arguments)
    tables, raw = {part: [] for part in TITLES}, {}
    with running_reference(options.reference, "coder_reference.py") as reference:
        versions, program = reference.versions, build_core(reference.folder)
        workloads = make_messages(options.weights, options.kodak, reference)
        with tqdm(total=3 * len(workloads), unit="part") as progress:
            for workload, messages in workloads.items():
                rows, raw[workload] = measure_all(workload, messages, program, reference, options.rounds, progress)
                for part, found in rows.items():
                    tables[part] += found
    print(f"jaxcompress {jaxcompress.__version__}, CompressAI {versions['compressai']}, torch {versions['torch']}")
    print(f"{options.rounds} rounds")
    for part, title in TITLES.items():
        print(format_table(title, tables[part]))
    write_json(options.json, {"versions": versions, "tables": tables, "rounds": raw})


if __name__ == "__main__":
    main()
