"""Measures what integer entropy parameters cost against the floating-point networks they are made of.

Part 1, rate and distortion: the pictures' latents are coded with both, in the formats of a `.jxc` file. "y bytes" and
"y MSE" are how much longer the strings of y are, and how much further decoded latents lie from those that were coded,
over all pictures together; "worst" is the picture whose bytes grow most. Networks are quantized with no pictures but
the drawn ones at several margins, and at the usual margin with photographs of `--photos` beside them. A model with a
setting, such as the light codec's rate, has a row for each of five numbers of it.

Part 2, time: the hyper-synthesis of the first picture, from symbols of z to what the coder takes, both compiled. CPU
time, medians over rounds in which each has its turn.
"""

import argparse
import dataclasses
import os
from pathlib import Path

import jax
import numpy as np
from arguments import Parser, pictures
from pictures import read_colour
from process import measure
from report import format_table, median, median_ratio
from tqdm import tqdm

from jaxcompress import Codec, Weights, convert, load
from jaxcompress.codec.coded_string import EntropyMode
from jaxcompress.codec.jxc import chunk_size
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.side_information import FloatSideInformation, IntegerSideInformation
from jaxcompress.integer import IntegerEvaluator, quantize_entropy

MARGIN = 1.5
PHOTO_SIDE = 384


@dataclasses.dataclass(frozen=True)
class Coded:
    """Latents of a picture, coded."""

    size: int
    error: float


def code(weights: Weights, mode: EntropyMode, latents: list[tuple], numbers: dict[str, int]) -> list[Coded]:
    """Codes the y and z of each picture, found at these numbers of the model's settings."""
    model = weights.model()
    windows = windows_of(model)
    latent_coder = LatentCoder(weights, model, weights.variables, windows, mode, progress=False)
    found = []
    for y, z in latents:
        chunk = chunk_size(y.shape)
        strings = latent_coder.encode(y, z, chunk, native=True, threads=1, numbers=numbers)
        how = {"order": latent_coder.native_order, "threads": 1, "numbers": numbers}
        y_hat = latent_coder.decode(strings, y.shape[:2], chunk, **how)
        found.append(Coded(sum(len(string.data) for string in strings[1:]), float(((y_hat - y) ** 2).mean())))
    return found


def cost(options: argparse.Namespace, name: str, weights: Weights, progress: tqdm) -> list[dict]:
    """The rows of a model."""
    photos = [read_colour(path)[:PHOTO_SIDE, :PHOTO_SIDE] for path in options.photos]
    codec = Codec(weights, entropy="float")
    rated = {}
    for numbers in numbers_of(weights):
        latents = [codec.analyse(read_colour(path), numbers=numbers) for path in options.kodak]
        rated[tuple(numbers.items())] = latents, code(weights, EntropyMode.FLOAT, latents, numbers)
    rows = []
    for margin, images in [(margin, []) for margin in options.margins] + ([(MARGIN, photos)] if photos else []):
        integer = quantize_entropy(weights, images, margin=margin)
        for numbers, (latents, plain) in rated.items():
            found = code(integer, EntropyMode.INTEGER, latents, dict(numbers))
            growth = [100 * (ours.size / theirs.size - 1) for ours, theirs in zip(found, plain, strict=True)]
            rows.append(
                {
                    "": " ".join([name, *(f"{setting} {number}" for setting, number in numbers)]),
                    "margin": f"{margin:g}",
                    "photographs": len(images),
                    "y bytes %": 100 * (sum(one.size for one in found) / sum(one.size for one in plain) - 1),
                    "y MSE %": 100 * (sum(one.error for one in found) / sum(one.error for one in plain) - 1),
                    "worst %": max(growth),
                }
            )
        progress.update()
    return rows


def numbers_of(weights: Weights) -> list[dict[str, int]]:
    """Numbers of the model's settings to measure at: five of one setting, from the least to the greatest."""
    settings = weights.model().layout.settings
    return [
        {each.name: round((each.count - 1) * part / 4) for each in settings} for part in range(5 if settings else 1)
    ]


def time_hyper_synthesis(name: str, weights: Weights, z: np.ndarray, rounds: int) -> dict:
    """The row of a model."""
    model, variables = weights.model(), {"params": jax.device_put(dict(weights.params))}
    numbers, found = model.layout.default_numbers, model.layout.side.prior.medians(weights.params)
    medians = np.zeros(z.shape[-1], np.float32) if found is None else found
    scale_table = tuple(np.asarray(weights.tables["gaussian_conditional"].scale_table).tolist())
    symbols = np.rint(z - medians).astype(np.int32)
    windows = windows_of(model)["hyper_synthesis"]
    runs = {
        "integer": IntegerSideInformation(
            IntegerEvaluator(quantize_entropy(weights).require_integer()), model.layout, windows
        ),
        "float": FloatSideInformation(model, variables, scale_table, medians, windows),
    }
    area = slice(0, 4 * z.shape[0]), slice(0, 4 * z.shape[1])
    found = {kind: [] for kind in runs}
    for run in runs.values():
        run(symbols, area, numbers)
    for _ in range(rounds):
        for kind, run in runs.items():
            found[kind].append(measure(lambda run=run: run(symbols, area, numbers))[1])
    times = {f"{kind} ms": 1e3 * median(found[kind], "cpu") for kind in runs}
    return {"": name, **times, "integer/float": median_ratio(found["integer"], found["float"], "cpu")}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "integer.py --weights checkpoints --kodak kodak --photos photos")
    parser.add_argument(
        "--weights",
        metavar="DIR",
        type=checkpoints,
        required=True,
        help="folder of checkpoints or weights files with a hyperprior",
    )
    parser.add_kodak()
    parser.add_argument("--photos", metavar="DIR", type=pictures, default=[], help="others, to quantize with")
    parser.add_argument("--margins", metavar="X", type=float, nargs="+", default=[1, 1.25, MARGIN, 2, 3])
    parser.add_rounds(20)
    return parser.parse_args(arguments)


def checkpoints(text: str) -> list[Path]:
    """The checkpoints and weights files of a folder."""
    found = sorted(path for kind in ("*.pth.tar", "*.safetensors") for path in Path(text).glob(kind))
    if not found:
        raise argparse.ArgumentTypeError(f"there is no .pth.tar or .safetensors in {text}")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints two tables."""
    options, costs, times = parse(arguments), [], []
    # Before XLA makes its threads, one for each processor.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cases = len(options.margins) + bool(options.photos)
    with tqdm(total=cases * len(options.weights), unit="case") as progress:
        for checkpoint in options.weights:
            is_checkpoint = checkpoint.name.endswith(".pth.tar")
            weights = convert.from_pytorch(checkpoint, integer=False) if is_checkpoint else load(checkpoint)
            name = f"{weights.architecture} N={weights.n} M={weights.m}"
            costs += cost(options, name, weights, progress)
            _, z = Codec(weights, entropy="float").analyse(read_colour(options.kodak[0]))
            times.append(time_hyper_synthesis(name, weights, z, options.rounds))
    print(format_table(f"Rate and distortion of y, {len(options.kodak)} pictures, integer against float", costs))
    print(format_table(f"Hyper-synthesis of the first picture, one processor, {options.rounds} rounds", times))


if __name__ == "__main__":
    main()
