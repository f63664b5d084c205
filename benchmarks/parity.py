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
import base64
import contextlib
import dataclasses
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from tqdm import tqdm

import jaxcompress
from jaxcompress import coder, convert, metrics
from jaxcompress.codec import BitstreamError, read_picture
from jaxcompress.convert import keys
from jaxcompress.entropy import bottleneck_medians, build_indexes
from jaxcompress.files import check_writable, write_file
from jaxcompress.models import ARCHITECTURES, sizes
from jaxcompress.ops import centered_padding

COMPRESSAI = "1.2.8"
CROP = 256, 384  # of the picture that random networks see
STAGE_LIMIT, PICTURE_LIMIT = 1e-5, 2e-5
DEEP_STAGE_LIMIT, DEEP_PICTURE_LIMIT = 3e-5, 5e-5  # cheng2020 has several times the layers
EDGE_LIMIT = 1e-4  # farthest from a threshold (relative) or a half (of the largest latent) that rounding excuses
SPREAD_LIMIT = 40  # of 64 tables that a random network must use
STRINGS_TITLE = """3. Strings of one picture
turned: another index or symbol than CompressAI's, computed from its z_hat and y_hat, and the farthest of them from the
threshold (relative) or the half (relative to the largest latent); tables: how many of 64 the scales use"""
RATE_LIMIT, PSNR_LIMIT = 1e-3, 0.01  # means over pictures with trained weights: relative, and dB


class Checks:
    """What was checked, for the summary and the exit status."""

    def __init__(self):
        self.made = []

    def at_most(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be larger; NaN fails."""
        self._add(case, what, float(found), f"<= {limit:g}", bool(found <= limit))

    def at_least(self, case: str, what: str, found: float, limit: float) -> None:
        """A number that must not be smaller; NaN fails."""
        self._add(case, what, float(found), f">= {limit:g}", bool(found >= limit))

    def holds(self, case: str, what: str, found: bool) -> bool:
        """A statement that must be true."""
        self._add(case, what, bool(found), "yes", bool(found))
        return bool(found)

    def _add(self, case, what, found, limit, ok):
        self.made.append({"case": case, "what": what, "found": found, "limit": limit, "ok": ok})

    def broken(self) -> list[dict]:
        """Those that failed."""
        return [check for check in self.made if not check["ok"]]


class Worker:
    """CompressAI in another process; see `compressai_worker.py`."""

    def __init__(self, environment: Path, folder: Path):
        python = environment / "bin" / "python"
        script = Path(__file__).with_name("compressai_worker.py")
        self._errors = (folder / "worker.log").open("w+")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def ask(self, command: str, **arguments) -> dict:
        """Sends a request and waits for its answer."""
        with contextlib.suppress(BrokenPipeError):  # if it has ended, its own words, below, say why
            self._process.stdin.write(json.dumps({"command": command, **arguments}, default=str) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no message"])[-1]
            raise WorkerError(f"the reference environment failed (status {self._process.wait()}): {last}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"CompressAI failed in {command}: {answer['error'].strip()}")
        return answer

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()


class WorkerError(Exception):
    """CompressAI did not do what it was asked."""


@dataclasses.dataclass
class Coded:
    """A picture as CompressAI coded it: strings, and arrays `[1, h, w, C]` by name."""

    updated: bool
    strings: list[bytes]
    shape: tuple[int, int]
    arrays: dict[str, np.ndarray]


class Reference:
    """CompressAI's answers, as arrays."""

    def __init__(self, worker: Worker, folder: Path):
        self.ask, self.folder = worker.ask, folder

    def picture_file(self, x: np.ndarray) -> Path:
        """A file of a picture `[1, H, W, 3]` that the worker reads."""
        path = self.folder / "picture.npy"
        np.save(path, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        return path

    def code(self, architecture: str, checkpoint: Path, x: np.ndarray, *, stages: bool = False) -> Coded:
        """Codes a picture `[1, H, W, 3]` with the network of a checkpoint."""
        path = self.folder / "arrays.npz"
        answer = self.ask(
            "code",
            architecture=architecture,
            checkpoint=checkpoint,
            picture=self.picture_file(x),
            arrays=path,
            stages=stages,
        )
        with np.load(path) as file:
            arrays = {name: np.ascontiguousarray(file[name].transpose(0, 2, 3, 1)) for name in file.files}
        strings = [base64.b64decode(string) for string in answer["strings"]]
        return Coded(answer["updated"], strings, tuple(answer["shape"]), arrays)


# ---------------------------------------------------------------- 1. stages


METHODS = {
    "g_a": "analysis",
    "h_a": "hyper_analysis",
    "h_s": "hyper_synthesis",
    "context_prediction": lambda model, value: model.context_prediction(value),
    "entropy_parameters": lambda model, value: model.entropy_parameters(value),
    "g_s": "synthesis",
}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _apply(model, stage, params, value):
    return model.apply({"params": params}, value, method=METHODS[stage])


def apply_stage(weights: jaxcompress.Weights, stage: str, value: np.ndarray) -> np.ndarray:
    """One stage of our model, by CompressAI's name."""
    return np.asarray(_apply(weights.model(), stage, dict(weights.params), value))


def compare_stages(checks: Checks, name: str, weights: jaxcompress.Weights, theirs: Coded) -> dict:
    """Error of each stage, relative to its largest output, and of the picture, absolute."""
    deep = weights.architecture.startswith("cheng2020")
    row = {"network": name}
    for stage in METHODS:
        if f"{stage}/input" not in theirs.arrays:
            row[stage] = None
            continue
        expected = theirs.arrays[f"{stage}/output"]
        error = np.abs(apply_stage(weights, stage, theirs.arrays[f"{stage}/input"]) - expected).max()
        row[stage] = float(error / np.abs(expected).max())
        checks.at_most(name, f"{stage}: error / largest output", row[stage], DEEP_STAGE_LIMIT if deep else STAGE_LIMIT)
    row |= {"x_hat (absolute)": float(error), "x_hat from": float(expected.min()), "to": float(expected.max())}
    checks.at_most(name, "x_hat of g_s: absolute error", error, DEEP_PICTURE_LIMIT if deep else PICTURE_LIMIT)
    return row


# ---------------------------------------------------------------- 2. checkpoints


def compare_checkpoints(
    checks: Checks, name: str, reference: Reference, checkpoint: Path, weights, x: np.ndarray, theirs: Coded
) -> dict:
    """Takes a checkpoint there and back, and has CompressAI use the result."""
    original = torch.load(checkpoint, weights_only=True)
    stored = {keys.table_key(key): value.numpy() for key, value in original.items() if keys.table_key(key)}
    tables_kept = len(stored) == (7 if weights.model().has_hyperprior else 3) and all(
        np.array_equal(weights.tables[model].arrays()[field], value) for (model, field), value in stored.items()
    )
    back = reference.folder / "back.pth.tar"
    convert.to_pytorch(weights, back, overwrite=True)
    returned = torch.load(back, weights_only=True)
    if "context_prediction.mask" in original:
        original["context_prediction.weight"] *= original["context_prediction.mask"]
    unequal = set(original) ^ set(returned)
    unequal |= {key for key in set(original) & set(returned) if not _equal_tensors(original[key], returned[key])}
    again = reference.code(weights.architecture, back, x)
    row = {
        "network": name,
        "tables kept": checks.holds(name, "coding tables carried over unchanged", tables_kept),
        "tensors": len(original),
        "unequal after return": len(unequal),
        "update() of the file": again.updated,
        "CompressAI's strings": "identical" if again.strings == theirs.strings else "DIFFERENT",
    }
    checks.holds(name, f"to_pytorch(from_pytorch(f)) equals f{_listed(unequal)}", not unequal)
    checks.holds(name, "CompressAI's update() of the written file returns False", not again.updated)
    checks.holds(name, "CompressAI writes the same strings with the written file", again.strings == theirs.strings)
    return row


def _equal_tensors(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)


def _listed(names) -> str:
    return f" (not: {', '.join(sorted(names)[:5])})" if names else ""


# ---------------------------------------------------------------- 3. strings


def compare_strings(checks: Checks, name: str, codec: jaxcompress.Codec, x: np.ndarray, theirs: Coded) -> dict:
    """Codes a picture with ours; what differs must be on the edge of a threshold or a half."""
    ours, shape = codec.compress_strings(x)
    ours = [group[0] for group in ours]
    checks.holds(name, "shape of the strings", tuple(shape) == theirs.shape)
    row = {"network": name, "bytes": sum(map(len, ours)), "CompressAI": sum(map(len, theirs.strings))}
    groups = ("y", "z")[: len(ours)]
    same = {group: a == b for group, a, b in zip(groups, ours, theirs.strings, strict=True)}
    for group in ("y", "z"):
        row[group] = {True: "identical", False: "different", None: None}[same.get(group)]
    weights = codec.weights
    found = predict(weights, x, theirs.arrays)

    # Indexes and symbols from CompressAI's own z_hat and y_hat, so that one turned value does not hide the others.
    halves_of = half_margins(theirs.arrays, found)
    margins = dict(halves_of)
    if weights.model().has_hyperprior:
        table = np.asarray(weights.tables["gaussian_conditional"].scale_table)
        indexes = theirs.arrays["indexes"]
        turned = found["indexes"] != indexes
        crossed = crossed_margins(theirs.arrays["scales"], indexes, found["indexes"], table)[turned]
        row |= {
            "tables": len(np.unique(indexes)),
            "indexes": indexes.size,
            "turned indexes": int(turned.sum()),
            "threshold at": float(crossed.max()) if crossed.size else None,
        }
        checks.at_most(name, "turned indexes: relative distance to the threshold", crossed.max(initial=0), EDGE_LIMIT)
        margins["y"] = np.minimum(margins["y"], threshold_margins(theirs.arrays["scales"], table))
    else:
        row |= dict.fromkeys(("tables", "indexes", "turned indexes", "threshold at"))
    halves = np.concatenate(
        [halves_of[group][found[f"{group} symbols"] != their_symbols(theirs.arrays, group)] for group in groups]
    )
    row |= {"turned symbols": halves.size, "half at": float(halves.max()) if halves.size else None}
    checks.at_most(name, "turned symbols: distance to a half / largest latent", halves.max(initial=0), EDGE_LIMIT)

    # What our codec really wrote, decoded as if CompressAI had written it, leaves its path on such an edge too.
    for group in reversed(groups):
        if not same[group] and (group == "z" or same.get("z", True)):
            where = first_difference(weights, group, ours[groups.index(group)], theirs.arrays, margins[group])
            checks.at_most(name, f"{group} string differs at: distance to the nearest edge", where, EDGE_LIMIT)

    limit = DEEP_PICTURE_LIMIT if weights.architecture.startswith("cheng2020") else PICTURE_LIMIT
    identical = all(same.values())
    row["our own"], error = decode(codec, ours, shape, theirs.arrays["x_hat"])
    if checks.holds(name, "our own strings decode", row["our own"] == "decodes") and identical:
        checks.at_most(name, "CompressAI's strings, decoded: error of x_hat", error, limit)
        row["CompressAI's"] = "decodes"
    else:  # legitimately other tables: the decoder may refuse, which is counted and no error
        row["CompressAI's"], error = decode(codec, theirs.strings, shape, theirs.arrays["x_hat"])
        if row["CompressAI's"] == "decodes" and error > limit:
            row["CompressAI's"] = "WRONG"
            checks.at_most(name, "CompressAI's strings, decoded: error of x_hat", error, limit)
    return row | {"error of x_hat": error}


def decode(codec, strings, shape, expected) -> tuple[str, float | None]:
    """Whether strings decode, and the largest difference from CompressAI's picture."""
    try:
        x_hat = codec.decompress_strings([[string] for string in strings], shape)
    except BitstreamError:
        return "refused", None
    return "decodes", float(np.abs(x_hat - expected).max())


def predict(weights: jaxcompress.Weights, x: np.ndarray, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our latents of a picture, and our table indexes and symbols from CompressAI's z_hat and y_hat."""
    medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]))
    y = apply_stage(weights, "g_a", x)
    if not weights.model().has_hyperprior:
        return {"y residuals": y - medians, "y symbols": np.rint(y - medians)}
    z = apply_stage(weights, "h_a", y) - medians
    hyper = apply_stage(weights, "h_s", theirs["z_hat"])
    if weights.model().is_autoregressive:
        context = apply_stage(weights, "context_prediction", theirs["y_hat"])
        hyper = apply_stage(weights, "entropy_parameters", np.concatenate([hyper, context], -1))
    scales, means = weights.model().apply(weights.variables, hyper, method="gaussian_parameters")
    residuals = y if means is None else y - np.asarray(means)
    table = np.asarray(weights.tables["gaussian_conditional"].scale_table)
    indexes = np.asarray(build_indexes(jnp.asarray(scales), table)).astype(np.int32)
    return {
        "y residuals": residuals,
        "y symbols": np.rint(residuals),
        "z residuals": z,
        "z symbols": np.rint(z),
        "indexes": indexes,
    }


def their_symbols(theirs: dict[str, np.ndarray], group: str) -> np.ndarray:
    """CompressAI's symbols of y or z."""
    return theirs["symbols" if group == "y" else "z_symbols"]


def half_margins(theirs: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How far our residuals are from where their symbol would turn, relative to the largest latent."""
    margins = {}
    for group in ("y", "z"):
        if f"{group} residuals" in found:
            residuals = found[f"{group} residuals"]
            off = np.abs(np.abs(residuals - their_symbols(theirs, group)) - 0.5)
            margins[group] = off / max(1, np.abs(theirs[group]).max())
    return margins


def threshold_margins(scales: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Relative distance of each scale to the nearest threshold between tables; the last scale is none."""
    thresholds, scales = table[:-1].astype(np.float64), scales.astype(np.float64)
    above = np.clip(np.searchsorted(thresholds, scales), 1, len(thresholds) - 1)
    return np.minimum(*(np.abs(scales - thresholds[k]) / thresholds[k] for k in (above - 1, above)))


def crossed_margins(scales: np.ndarray, theirs: np.ndarray, ours: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Relative distance of each scale to the farthest threshold between two indexes."""
    low = np.minimum(np.minimum(theirs, ours), len(table) - 2)
    high = np.maximum(np.maximum(theirs, ours) - 1, low)
    scales, table = scales.astype(np.float64), table.astype(np.float64)
    return np.maximum(*(np.abs(scales - table[k]) / table[k] for k in (low, high)))


def first_difference(weights, group: str, string: bytes, theirs: dict, margins: np.ndarray, block: int = 32) -> float:
    """How near an edge the first value is that our string codes in another way than CompressAI's.

    Read with CompressAI's indexes, our string gives CompressAI's symbols up to that value, and other ones at it or
    within the next few. So the nearest edge in that block of symbols and the one before is the answer.
    """
    conditional = group == "y" and weights.model().has_hyperprior
    symbols = their_symbols(theirs, group)
    channels = np.arange(symbols.shape[-1], dtype=np.int32)
    indexes = theirs["indexes"] if conditional else np.broadcast_to(channels, symbols.shape)
    # Rows, columns, channels for autoregressive models; else channels, rows, columns.
    axes = (0, 1, 2, 3) if conditional and weights.model().is_autoregressive else (0, 3, 1, 2)
    indexes, symbols, margins = (array.transpose(axes).ravel() for array in (indexes, symbols, margins))
    tables = weights.tables["gaussian_conditional" if conditional else "entropy_bottleneck"].coder_tables
    decoder = coder.Decoder(string, tables)
    for start in range(0, len(symbols), block):
        part = slice(start, start + block)
        try:
            if not np.array_equal(decoder.decode(indexes[part]), symbols[part]):
                break
        except coder.StreamError:
            break
    return float(margins[max(0, start - block) : start + block].min())


# ---------------------------------------------------------------- random networks, and trained ones


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


# ---------------------------------------------------------------- the command


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
