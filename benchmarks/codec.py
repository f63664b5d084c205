"""Measures whole folders of pictures, files to files, encoded and decoded by us and by CompressAI, in one run.

Each contestant is one process that has loaded its network and codes the same pictures: ours as the commands
`jaxcompress encode FOLDER` and `decode FOLDER` do, with as many jobs as threads; CompressAI by the steps of its example
codec, picture by picture with as many threads, with tensors as it has them (NCHW) and with PyTorch's channels_last.
They take turns, with the same processors, and everything runs once before, so that programs are compiled. Ours keeps
freed memory as our commands do, CompressAI has glibc's defaults as its example codec does. Its loop over positions is
slow: models with one code few pictures.

The networks have random weights, rescaled on the first picture so that latents, scales and means spread as in a
trained one (see `build` in `compressai_worker.py`), at the published sizes of quality 1 to 4; or `--weights` names
trained ones.

CPU time (of all threads) is what to compare on a machine that others use too; wall time is what to compare with several
threads on an idle one. A ratio is the median over rounds of CompressAI's time divided by ours in the same round.

With `--device gpu` ours is measured alone, with trained weights.
"""

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from arguments import Parser, count
from decoding import SIZES
from pictures import pad, read_colour
from process import Process, ProcessError
from reference import running_reference
from report import format_table, median, median_ratio, write_json
from tqdm import tqdm

from jaxcompress import convert

OURS, NCHW, CHANNELS_LAST = "jaxcompress", "CompressAI NCHW", "CompressAI channels_last"
COMMANDS = ("encode", "decode")
PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}
POSITION_BY_POSITION = ("mbt2018", "cheng2020-anchor")


def prepare(architecture: str, options: argparse.Namespace, folder: Path) -> Path:
    """A checkpoint in the folder, with our weights of it beside."""
    checkpoint = folder / f"{architecture}.pth"
    if options.weights:
        shutil.copyfile(options.weights / f"{architecture}.pth.tar", checkpoint)
    else:
        with running_reference(options.reference) as reference:
            x = pad(read_colour(options.kodak[0]), mode="edge")
            reference.build(architecture, *SIZES[architecture], x, checkpoint)
    convert.from_pytorch(checkpoint).save(checkpoint.with_suffix(".safetensors"))
    return checkpoint


def compare(
    architecture: str, checkpoint: Path, pictures: Path, threads: int, options: argparse.Namespace, progress: tqdm
) -> tuple[dict, dict]:
    """What each command took in each round, by command and contestant, and the versions."""
    ours = [sys.executable, Path(__file__).with_name("codec_ours.py")]
    commands, versions = {OURS: ours}, {}
    if options.reference:
        theirs = [options.reference / "bin" / "python", Path(__file__).with_name("codec_reference.py")]
        commands |= {NCHW: theirs, CHANNELS_LAST: theirs}
    taken = {command: {name: [] for name in commands} for command in COMMANDS}
    with contextlib.ExitStack() as stack:
        contestants = []
        for name, command in commands.items():
            contestant = stack.enter_context(Process(name, command, {"JAX_PLATFORMS": PLATFORMS[options.device]}))
            layout = "channels_last" if name == CHANNELS_LAST else "NCHW"
            what = {"architecture": architecture, "checkpoint": checkpoint}
            versions |= contestant.ask("build", layout=layout, threads=threads, **what)
            contestants.append(contestant)
        for _ in range(1 + options.rounds):
            for command, contestant in ((command, each) for command in COMMANDS for each in contestants):
                progress.set_description(f"{architecture}, {threads} threads, {contestant.name}")
                folder = checkpoint.with_name(f"{architecture} {threads} {contestant.name}")
                source, target = {
                    "encode": (pictures, folder / "coded"),
                    "decode": (folder / "coded", folder / "decoded"),
                }[command]
                found = contestant.ask("run", what=command, source=source, target=target)
                taken[command][contestant.name].append(found)
                progress.update()
    return {command: {name: runs[1:] for name, runs in by.items()} for command, by in taken.items()}, versions


def summarize(taken: dict, threads: int, pixels: int) -> list[dict]:
    """A row for each command and contestant: medians, and ratios to ours."""
    return [
        {
            "": f"{command}, {threads} thread{'s' * (threads > 1)}, {name}",
            "bpp": 8 * runs[0]["bytes"] / pixels,
            "Mpixel/s": pixels / 1e6 / median(runs, "wall"),
            "CPU s/Mpixel": median(runs, "cpu") / (pixels / 1e6),
            "this/ours, wall": median_ratio(runs, by_name[OURS], "wall"),
            "this/ours, CPU": median_ratio(runs, by_name[OURS], "cpu"),
        }
        for command, by_name in taken.items()
        for name, runs in by_name.items()
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "codec.py --reference compressai-env --kodak kodak --threads 1 2")
    parser.add_reference(required=False)
    parser.add_kodak()
    parser.add_argument("--weights", metavar="DIR", type=Path, help="trained ones, NAME.pth.tar (default: random ones)")
    parser.add_argument(
        "--models", metavar="NAME", nargs="+", choices=SIZES, default=["mbt2018-mean", "mbt2018"], help=", ".join(SIZES)
    )
    parser.add_argument(
        "--few", type=count, default=2, help="pictures for models with a loop over positions (default: %(default)s)"
    )
    processors = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=count, nargs="+", default=[1], help="processors to use, in turn (default: 1)")
    parser.add_argument("--device", choices=PLATFORMS, default="cpu", help="(default: %(default)s)")
    parser.add_rounds(3)
    parser.add_output("--json", "every run")
    options = parser.parse_args(arguments)
    if max(options.threads) > processors:
        parser.error(f"--threads is {max(options.threads)}; expected 1 to {processors}")
    if (options.device == "gpu") == bool(options.reference):
        parser.error("--reference is needed on CPUs, and only there")
    missing = [
        name for name in options.models if options.weights and not (options.weights / f"{name}.pth.tar").exists()
    ]
    if missing or (options.device == "gpu" and not options.weights):
        parser.error(f"--weights is {options.weights}, which has no {', '.join(missing or options.models)} (.pth.tar)")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints a table for each model."""
    options, result, processors = parse(arguments), {}, sorted(os.sched_getaffinity(0))
    contestants = 3 if options.reference else 1
    runs = len(options.models) * len(options.threads) * contestants * len(COMMANDS) * (1 + options.rounds)
    with tempfile.TemporaryDirectory() as temporary, tqdm(total=runs, unit="run") as progress:
        for model in options.models:
            folder = Path(temporary, f"{model} pictures")
            folder.mkdir()
            chosen = options.kodak[: options.few] if model in POSITION_BY_POSITION else options.kodak
            for path in chosen:
                (folder / path.name).symlink_to(path.resolve())
            pixels = sum(read_colour(path)[..., 0].size for path in chosen)
            rows = []
            try:
                checkpoint = prepare(model, options, Path(temporary))
                for threads in options.threads:
                    os.sched_setaffinity(0, processors[:threads])  # the children inherit this
                    taken, versions = compare(model, checkpoint, folder, threads, options, progress)
                    os.sched_setaffinity(0, processors)
                    result[f"{model}, {threads} threads"] = {"versions": versions, "runs": taken}
                    rows += summarize(taken, threads, pixels)
            except ProcessError as error:
                sys.exit(f"codec.py: {error}")
            found = ", ".join(f"{name} {version}" for name, version in versions.items())
            title = f"{model}, {len(chosen)} pictures, {pixels / 1e6:.2f} Mpixel, {options.rounds} rounds; {found}"
            tqdm.write(format_table(title, rows, ".3f"))
    write_json(options.json, result)


if __name__ == "__main__":
    main()
