"""Measures what it costs that freed memory goes back to the system, and what keeps it.

Processes that differ in nothing but how memory is allocated code the same pictures in turns: as a library does, with
glibc's defaults; as the command line does, with `startup.keep_memory`; with huge pages (`GLIBC_TUNABLES`); and, if its
file is named, with tcmalloc. Figures are for one picture: medians over rounds, of CPU time (user and system, all
threads) and page faults.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from arguments import Parser, present
from process import Process, ProcessError
from report import format_table, median
from tqdm import tqdm

from jaxcompress import convert

COMMAND_LINE = "the command line's"


def compare(options: argparse.Namespace, weights: Path) -> dict[str, list[dict]]:
    """Figures of each round by direction and contestant."""
    environments = {
        "glibc's defaults": {},
        COMMAND_LINE: {},
        "huge pages": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    }
    if options.tcmalloc:
        environments["tcmalloc"] = {"LD_PRELOAD": str(options.tcmalloc)}
    worker = [sys.executable, Path(__file__).with_name("memory_worker.py")]
    found: dict[str, list[dict]] = {}
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(Process(name, worker, added)) for name, added in environments.items()]
        for process in processes:
            process.ask("build", weights=weights, pictures=options.kodak, keep=process.name == COMMAND_LINE)
        for _ in tqdm(range(options.rounds), unit="round"):
            for direction in ("encode", "decode"):
                for process in processes:
                    found.setdefault(f"{direction}, {process.name}", []).append(process.ask(direction))
    return found


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "memory.py --checkpoint mbt2018-mean.pth.tar --kodak kodak")
    parser.add_argument("--checkpoint", metavar="FILE", type=present, required=True, help=".pth.tar of CompressAI")
    parser.add_kodak()
    parser.add_argument("--tcmalloc", metavar="FILE", type=present, help="such as libtcmalloc_minimal.so.4")
    parser.add_rounds(3)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table."""
    options = parse(arguments)
    weights = convert.from_pytorch(options.checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        weights.save(path := Path(folder) / "weights.safetensors")
        try:
            found = compare(options, path)
        except ProcessError as error:
            sys.exit(f"memory.py: {error}")
    count = len(options.kodak)
    rows = [
        {
            "": name,
            "page faults": int(median(rounds, "faults") / count),
            "CPU ms": 1e3 * median(rounds, "cpu") / count,
            "wall ms": 1e3 * median(rounds, "wall") / count,
        }
        for name, rounds in found.items()
    ]
    title = f"{weights.architecture} N={weights.n} M={weights.m}, {count} pictures, {options.rounds} rounds"
    print(format_table(title, rows, ".1f"))


if __name__ == "__main__":
    main()
