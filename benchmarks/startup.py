"""Measures whole processes, from their start to their end: the command line, and CompressAI's example codec.

Each codes one picture with one checkpoint: ours with the weights that `jaxcompress convert` made of it, CompressAI with
the steps of its `examples/codec.py` (see `startup_reference.py`), on one thread as that sets. "kept" is with the
compiled programs of an earlier process, as the command line has them from its second call on; "not kept" is without.

Times are medians over rounds in which each process runs once, after a round that is not counted; ratios are medians
over rounds of CompressAI's time divided by ours.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from arguments import Parser, present
from process import ProcessError, measure_process
from report import format_table, median, median_ratio
from tqdm import tqdm

from jaxcompress import Weights, convert

OURS, THEIRS = "jaxcompress", "CompressAI"
KEPT, NOT_KEPT = "programs kept", "programs not kept"


def make_commands(options: argparse.Namespace, folder: Path, weights: Weights) -> dict[str, dict[str, list]]:
    """What is run, by case and contestant; each a command and the environment it needs."""
    ours = [sys.executable, "-P", "-m", "jaxcompress"]
    theirs = [options.reference / "bin" / "python", Path(__file__).with_name("startup_reference.py")]
    model = ["--weights", folder / "weights.safetensors", "--force"]
    kept, not_kept = {"JAXCOMPRESS_CACHE": str(folder / "cache")}, {"JAXCOMPRESS_CACHE": "off"}
    file, picture, their_file = folder / "a.jxc", folder / "a.png", folder / "a.bin"
    encode = [*ours, "encode", options.picture, "-o", file, *model]
    decode = [*ours, "decode", file, "-o", picture, *model]
    network = [weights.architecture, options.checkpoint]
    return {
        "--help": {OURS: [[*ours, "--help"], kept], THEIRS: [[*theirs, "--help"], {}]},
        "encode": {
            f"{OURS}, {KEPT}": [encode, kept],
            f"{OURS}, {NOT_KEPT}": [encode, not_kept],
            THEIRS: [[*theirs, "encode", options.picture, their_file, *network], {}],
        },
        "info": {OURS: [[*ours, "info", file], kept]},
        "decode": {
            f"{OURS}, {KEPT}": [decode, kept],
            f"{OURS}, {NOT_KEPT}": [decode, not_kept],
            THEIRS: [[*theirs, "decode", their_file, folder / "b.png", *network], {}],
        },
    }


def summarize(found: dict[str, dict[str, list[dict]]]) -> list[dict]:
    """A row for each case and contestant."""
    return [
        {
            "": f"{case}, {name}",
            "wall s": median(rounds, "wall"),
            "CPU s": median(rounds, "cpu"),
            "page faults": int(median(rounds, "faults")),
            "CompressAI/this, wall": median_ratio(of_case[THEIRS], rounds, "wall") if THEIRS in of_case else None,
            "CompressAI/this, CPU": median_ratio(of_case[THEIRS], rounds, "cpu") if THEIRS in of_case else None,
        }
        for case, of_case in found.items()
        for name, rounds in of_case.items()
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "startup.py --reference compressai-env --picture kodim01.png --checkpoint mean.pth.tar")
    parser.add_reference()
    parser.add_picture()
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=present, required=True, help="of a network with a hyperprior, .pth.tar"
    )
    parser.add_rounds(5)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table."""
    options = parse(arguments)
    weights = convert.from_pytorch(options.checkpoint)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights.save(folder / "weights.safetensors")
        commands = make_commands(options, folder, weights)
        found = {case: {name: [] for name in of_case} for case, of_case in commands.items()}
        try:
            for counted in tqdm(range(options.rounds + 1), unit="round"):
                for case, of_case in commands.items():
                    for name, (command, environment) in of_case.items():
                        figures = measure_process(name, command, environment)
                        found[case][name] += [figures] if counted else []
        except ProcessError as error:
            sys.exit(f"startup.py: {error}")
    title = f"{weights.architecture} N={weights.n} M={weights.m}, {options.picture.name}, {options.rounds} rounds"
    print(format_table(title, summarize(found)))


if __name__ == "__main__":
    main()
