"""Compares jaxcompress with CompressAI, which runs live in an environment of its own.

Networks of every architecture at the published sizes, with random weights rescaled so that latents, scales and means
spread as in a trained network, and, if given, trained weights on a folder of pictures. Every bound that is checked
is printed with what was found if it is broken, and all of them go into the JSON file.

1. Stages: each network stage, fed CompressAI's own input of that stage, so that no rounding comes between.
2. Checkpoints: CompressAI's file -> jaxcompress -> CompressAI's file.
3. Strings: a picture coded by both. Two frameworks never compute the same last bits, and a scale next to a
   threshold of the tables, or a residual next to a half, may then fall on the other side. So other strings are an
   error only if what differs was not that near.
4. Pictures, with trained weights: rate and distortion of both, and of our own files. CompressAI's picture of an
   autoregressive model is that of its encoder's latents, for its decoder does not always find them again.

Run time on two busy cores of a server: 13 minutes with four trained networks (two autoregressive) and the 24 Kodak
pictures; 4 minutes with `--pictures 2`; 2 minutes without `--weights`.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import jax
import numpy as np
from arguments import Parser, count
from parity_networks import compare_checkpoints, compare_stages
from parity_strings import compare_strings
from pictures import pad, read_colour, to_float
from reference import Reference, running_reference
from report import Checks, format_table, write_json
from tqdm import tqdm

import jaxcompress
from jaxcompress import convert, metrics
from jaxcompress.architecture_table import COMPRESSAI as NAMES
from jaxcompress.codec import BitstreamError
from jaxcompress.models import sizes
from jaxcompress.ops import centered_padding

COMPRESSAI = "1.2.8"
CROP = 256, 384  # of the picture that random networks see
SPREAD_LIMIT = 40  # of 64 tables that a random network must use
STRINGS_TITLE = """3. Strings of one picture
turned: another index or symbol than CompressAI's, computed from its z_hat and y_hat, and the farthest of them from the
threshold (relative) or the half (relative to the largest latent); tables: how many of 64 the scales use"""
RATE_LIMIT, PSNR_LIMIT = 1e-3, 0.01  # means over pictures with trained weights: relative, and dB


def random_cases() -> list[tuple[str, int, int]]:
    """Architecture, n and m: the sizes of quality 1, and the large ones of two."""
    return [(name, *sizes(name, 1)) for name in NAMES] + [("mbt2018-mean", 192, 320), ("mbt2018", 192, 320)]


def compare_random(checks: Checks, reference: Reference, pictures: list[Path], progress: tqdm) -> dict[str, list]:
    """Parts 1 to 3 with random networks: the rows of their tables."""
    tables = {"stages": [], "checkpoints": [], "strings": []}
    for seed, (architecture, n, m) in enumerate(random_cases()):
        name = f"{architecture} {n}/{m}"
        progress.set_description(name)
        checkpoint = reference.folder / f"{architecture}-{n}-{m}.pth.tar"
        x = crop_center(read_colour(pictures[seed % len(pictures)]))
        reference.build(architecture, n, m, x, checkpoint, seed=seed)
        theirs = reference.code(architecture, checkpoint, x, stages=True)
        weights = convert.from_pytorch(checkpoint, integer=False)
        tables["stages"].append(compare_stages(checks, name, weights, theirs))
        tables["checkpoints"].append(compare_checkpoints(checks, name, reference, checkpoint, weights, x, theirs))
        tables["strings"].append(compare_strings(checks, name, jaxcompress.Codec(weights), x, theirs))
        if weights.model().layout.side is not None:
            checks.at_least(name, "tables of scales in use", tables["strings"][-1]["tables"], SPREAD_LIMIT)
        checkpoint.unlink()
        progress.update()
    return tables


def compare_trained(
    checks: Checks, reference: Reference, checkpoint: Path, weights, pictures: list[Path], progress: tqdm
) -> list[dict]:
    """Part 4 with one trained network: a row for each picture, then their means."""
    codec = jaxcompress.Codec(weights)
    name = checkpoint.name.removesuffix(".pth.tar")
    columns = ("y", "z", "tables", "turned indexes", "threshold at", "turned symbols", "half at")
    rows = []
    for path in pictures:
        case = f"{name} {path.stem}"
        progress.set_description(case)
        image = read_colour(path)
        x, (height, width) = pad(image), image.shape[:2]
        theirs = reference.code(weights.architecture, checkpoint, x)
        strings = compare_strings(checks, case, codec, x, theirs)
        top, _, left, _ = centered_padding(height, width, 64)
        their_image = np.rint(theirs.arrays["x_hat"][0, top : top + height, left : left + width] * 255)
        data = codec.compress(image)
        try:
            decibels = metrics.psnr(image, codec.decompress(data))
        except BitstreamError:
            decibels = float("nan")
        checks.holds(case, "the .jxc file decodes", decibels == decibels)
        rows.append(
            {
                "picture": path.stem,
                "bpp (.jxc)": metrics.bits_per_pixel(data, height, width),
                "PSNR": decibels,
                "bpp (strings)": 8 * strings["bytes"] / (height * width),
                "CompressAI": 8 * strings["CompressAI"] / (height * width),
                "its PSNR": metrics.psnr(image, their_image),
                **{column: strings[column] for column in columns},
                "our own": strings["our own"],
                "CompressAI's": strings["CompressAI's"],
            }
        )
        progress.update()
    means = {column: statistics.fmean(row[column] for row in rows) for column in list(rows[0])[1:6]}
    rate = abs(means["bpp (strings)"] / means["CompressAI"] - 1)
    checks.at_most(name, "mean rate of the strings, relative difference from CompressAI", rate, RATE_LIMIT)
    checks.at_most(
        name, "mean PSNR, difference from CompressAI in dB", abs(means["PSNR"] - means["its PSNR"]), PSNR_LIMIT
    )
    identical = {group: f"{sum(row[group] != 'different' for row in rows)} of {len(rows)}" for group in ("y", "z")}
    return [*rows, {"picture": "mean"} | means | identical | dict.fromkeys(list(rows[0])[8:])]


def crop_center(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, float32 `[1, h, w, 3]`; a smaller picture is continued by its mirror image."""
    lacking = [max(0, side - had) for side, had in zip(CROP, image.shape[:2], strict=True)]
    image = np.pad(image, ((0, lacking[0]), (0, lacking[1]), (0, 0)), mode="symmetric")
    top, left = ((had - side) // 2 for side, had in zip(CROP, image.shape[:2], strict=True))
    return to_float(image[top : top + CROP[0], left : left + CROP[1]])


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line; trained checkpoints become weights by file."""
    parser = Parser(__doc__, "parity.py --reference compressai-env --kodak kodak --output parity.json")
    parser.add_reference()
    parser.add_kodak()
    parser.add_argument(
        "--weights",
        metavar="DIR",
        type=trained,
        help="folder of trained checkpoints, .pth.tar, for part 4 (default: none)",
        default={},
    )
    parser.add_argument("--pictures", metavar="N", type=count, help="how many pictures part 4 codes (default: all)")
    parser.add_output("--output", "everything found")
    return parser.parse_args(arguments)


def trained(text: str) -> dict[Path, jaxcompress.Weights]:
    """The checkpoints of a folder."""
    checkpoints = sorted(Path(text).glob("*.pth.tar"))
    if not checkpoints:
        raise argparse.ArgumentTypeError(f"there is no .pth.tar in {text}")
    try:
        return {path: convert.from_pytorch(path, integer=False) for path in checkpoints}
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: list[str] | None = None) -> int:
    """Runs everything; returns the exit status."""
    options = parse(arguments)
    began, checks, tables = time.perf_counter(), Checks(), {}
    pictures = options.kodak[: options.pictures]
    steps = len(random_cases()) + len(options.weights) * len(pictures)
    with running_reference(options.reference) as reference, tqdm(total=steps, unit="step") as progress:
        versions = reference.versions
        print(f"jaxcompress {jaxcompress.__version__}, jax {jax.__version__} on {jax.default_backend()}")
        print(f"CompressAI {versions['compressai']} (expected {COMPRESSAI}), torch {versions['torch']}")
        found = compare_random(checks, reference, options.kodak, progress)
        tables["1. Stages: error relative to the largest output"] = found["stages"]
        tables["2. Checkpoints: CompressAI -> jaxcompress -> CompressAI"] = found["checkpoints"]
        tables[STRINGS_TITLE] = found["strings"]
        for checkpoint, weights in options.weights.items():
            rows = compare_trained(checks, reference, checkpoint, weights, pictures, progress)
            tables[f"4. Pictures with {checkpoint.name}"] = rows
    for title, rows in tables.items():
        print(format_table(title, rows, ".4f"))
    seconds = time.perf_counter() - began
    status = checks.conclude(seconds)
    result = {"compressai": versions, "jaxcompress": jaxcompress.__version__, "jax": jax.__version__}
    write_json(options.output, result | {"seconds": seconds, "tables": tables, "checks": checks.made})
    return status


if __name__ == "__main__":
    sys.exit(main())
