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
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from parity_networks import compare_checkpoints, compare_stages
from parity_reference import Checks, Reference, Worker, WorkerError
from parity_strings import compare_strings
from tqdm import tqdm

import jaxcompress
from jaxcompress import convert, metrics
from jaxcompress.codec import BitstreamError, read_picture
from jaxcompress.files import check_writable, write_file
from jaxcompress.models import ARCHITECTURES, sizes
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
    return [(name, *sizes(name, 1)) for name in ARCHITECTURES] + [("mbt2018-mean", 192, 320), ("mbt2018", 192, 320)]


def compare_random(checks: Checks, reference: Reference, pictures: list[Path], progress: tqdm) -> dict[str, list]:
    """Parts 1 to 3 with random networks: the rows of their tables."""
    tables = {"stages": [], "checkpoints": [], "strings": []}
    for seed, (architecture, n, m) in enumerate(random_cases()):
        name = f"{architecture} {n}/{m}"
        progress.set_description(name)
        checkpoint = reference.folder / f"{architecture}-{n}-{m}.pth.tar"
        x = crop_center(read_colour(pictures[seed % len(pictures)]))
        reference.ask(
            "build",
            architecture=architecture,
            n=n,
            m=m,
            seed=seed,
            picture=reference.picture_file(x),
            checkpoint=checkpoint,
        )
        theirs = reference.code(architecture, checkpoint, x, stages=True)
        weights = convert.from_pytorch(checkpoint)
        tables["stages"].append(compare_stages(checks, name, weights, theirs))
        tables["checkpoints"].append(compare_checkpoints(checks, name, reference, checkpoint, weights, x, theirs))
        tables["strings"].append(compare_strings(checks, name, jaxcompress.Codec(weights), x, theirs))
        if weights.model().has_hyperprior:
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
        height, width = image.shape[:2]
        top, bottom, left, right = centered_padding(height, width, 64)
        x = np.pad(to_float(image), ((0, 0), (top, bottom), (left, right), (0, 0)))
        theirs = reference.code(weights.architecture, checkpoint, x)
        strings = compare_strings(checks, case, codec, x, theirs)
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


def read_colour(path: Path) -> np.ndarray:
    """A picture as uint8 `[H, W, 3]`."""
    pixels = read_picture(path).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def to_float(image: np.ndarray) -> np.ndarray:
    """A picture as float32 `[1, H, W, 3]` in [0, 1]."""
    return image[None].astype(np.float32) / np.float32(255)


def crop_center(image: np.ndarray) -> np.ndarray:
    """The middle of a picture, float32 `[1, h, w, 3]`; a smaller picture is continued by its mirror image."""
    lacking = [max(0, side - had) for side, had in zip(CROP, image.shape[:2], strict=True)]
    image = np.pad(image, ((0, lacking[0]), (0, lacking[1]), (0, 0)), mode="symmetric")
    top, left = ((had - side) // 2 for side, had in zip(CROP, image.shape[:2], strict=True))
    return to_float(image[top : top + CROP[0], left : left + CROP[1]])


def format_table(title: str, rows: list[dict]) -> str:
    """Rows under a title, as text."""
    cells = [list(rows[0]), *([_format(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
    return "\n".join(["", title, lines[0], "-" * len(lines[0]), *lines[1:]])


def _format(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1e}" if abs(value) < 1e-2 else f"{value:.4f}"
    return str(value)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str):
        """Ends the program."""
        self.exit(2, f"{self.prog}: {message}\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line; pictures and checkpoints become lists of files."""
    parser = Parser(
        description=__doc__,
        epilog="example:\n  python benchmarks/parity.py --reference compressai-env --kodak kodak --output parity.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--reference", metavar="DIR", type=Path, required=True, help=f"virtual environment with CompressAI {COMPRESSAI}"
    )
    parser.add_argument("--kodak", metavar="DIR", type=Path, required=True, help="folder of .png pictures")
    parser.add_argument(
        "--weights",
        metavar="DIR",
        type=Path,
        help="folder of trained checkpoints, .pth.tar, for part 4 (default: none)",
    )
    parser.add_argument("--pictures", metavar="N", type=int, help="how many pictures part 4 codes (default: all)")
    parser.add_argument("--output", metavar="FILE.json", type=Path, help="write everything found here as well")
    options = parser.parse_args(arguments)
    if not (options.reference / "bin" / "python").exists():
        parser.error(f"--reference {options.reference} is no virtual environment: it has no bin/python")
    if options.pictures is not None and options.pictures < 1:
        parser.error(f"--pictures is {options.pictures}; expected at least 1")
    options.images = sorted(options.kodak.glob("*.png"))
    if not options.images:
        parser.error(f"there is no .png in --kodak {options.kodak}")
    checkpoints = sorted(options.weights.glob("*.pth.tar")) if options.weights else []
    if options.weights and not checkpoints:
        parser.error(f"there is no .pth.tar in --weights {options.weights}")
    try:
        options.trained = {path: convert.from_pytorch(path) for path in checkpoints}
    except ValueError as error:
        parser.error(f"--weights: {error}")
    if options.output:
        try:
            check_writable(options.output, overwrite=True)
        except OSError as error:
            parser.error(f"--output: {error}")
    options.error = parser.error
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs everything; returns the exit status."""
    options = parse(arguments)
    began, checks = time.perf_counter(), Checks()
    pictures = options.images[: options.pictures]
    steps = len(random_cases()) + len(options.trained) * len(pictures)
    tables = {}
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(options.reference, Path(folder))
        try:
            versions = worker.ask("hello")
            print(f"jaxcompress {jaxcompress.__version__}, jax {jax.__version__} on {jax.default_backend()}")
            print(f"CompressAI {versions['version']} (expected {COMPRESSAI}), torch {versions['torch']}")
            reference = Reference(worker, Path(folder))
            with tqdm(total=steps, unit="step") as progress:
                found = compare_random(checks, reference, options.images, progress)
                tables["1. Stages: error relative to the largest output"] = found["stages"]
                tables["2. Checkpoints: CompressAI -> jaxcompress -> CompressAI"] = found["checkpoints"]
                tables[STRINGS_TITLE] = found["strings"]
                for checkpoint, weights in options.trained.items():
                    rows = compare_trained(checks, reference, checkpoint, weights, pictures, progress)
                    tables[f"4. Pictures with {checkpoint.name}"] = rows
        except WorkerError as error:
            options.error(str(error))
        finally:
            worker.close()
    for title, rows in tables.items():
        print(format_table(title, rows))
    seconds = time.perf_counter() - began
    print(f"\n{len(checks.made)} bounds checked, {len(checks.broken())} broken, {seconds:.0f} s")
    for check in checks.broken():
        print(f"BROKEN  {check['case']}: {check['what']}: found {_format(check['found'])}, must be {check['limit']}")
    if options.output:
        result = {"compressai": versions, "jaxcompress": jaxcompress.__version__, "jax": jax.__version__}
        result |= {"seconds": seconds, "tables": tables, "checks": checks.made}
        write_file(options.output, json.dumps(result, indent=1).encode(), overwrite=True)
    return 1 if checks.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
