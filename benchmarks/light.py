"""Measures how long one picture takes to become a file and to come back: the light codec, others, and CompressAI.

Table 1 has whole files, from pixels in memory to the bytes of a file and back, on one processor, in one run: the
bundled networks `light`, at its default quality, and `mbt2018-mean-small`; WebP and AVIF by Pillow, at the quality
whose file is nearest in size to that of `light`; and with `--reference` CompressAI's mbt2018-mean at the size of its
quality 3 (N=128, M=192), with PyTorch's two layouts of tensors. That network has random weights, rescaled so that its
strings are about as long (see `build` in `compressai_worker.py`); `--checkpoint` names a trained one. Everything runs
once before, and then contestants take turns. Times are medians over rounds; ratios are medians over rounds of the CPU
time divided by that of `light` in the same round.

Table 2 has the parts of the light codec: the CPU time of each, and its share of the whole. Passes are the networks that
give the tables of y. The rest is the work on arrays (selecting, rounding and placing numbers), pixels and container.
"""

import argparse
import contextlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import numpy as np
from arguments import Parser, present
from pictures import pad, read_colour
from PIL import Image
from process import Process, measure
from reference import running_reference
from report import format_table, median, median_ratio
from tqdm import tqdm

from jaxcompress import Codec, coder, metrics, zoo
from jaxcompress.cli import startup
from jaxcompress.codec import stages
from jaxcompress.integer import IntegerEvaluator

LIGHT = "light"
LAYOUTS = ("NCHW", "channels_last")
LARGEST_DEVIATION = 0.3
"""Largest standard deviation of a latent channel of the random network: its strings have some 0.5 bits per pixel."""


class Contestant(NamedTuple):
    """A codec. `run` codes the picture and decodes the file: bytes, the picture (or None) and figures of both."""

    name: str
    run: Callable[[], tuple[int, np.ndarray | None, dict[str, dict]]]


def ours(name: str, picture: np.ndarray) -> Contestant:
    """One of the bundled networks."""
    codec = Codec(zoo.load(name))
    return local(name, picture, lambda: codec.compress(picture, threads=1), lambda d: codec.decompress(d, threads=1))


def classical(kind: str, picture: np.ndarray, size: int) -> Contestant:
    """A format of Pillow, at the quality whose file is nearest in size."""
    options = {"WEBP": {"method": 4}, "AVIF": {"speed": 6, "max_threads": 1}}[kind]

    def encode(quality: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind, quality=quality, **options)
        return file.getvalue()

    quality = min(range(1, 100), key=lambda quality: abs(len(encode(quality)) - size))
    name = f"{kind}, quality {quality}, Pillow"
    return local(name, picture, lambda: encode(quality), lambda d: np.asarray(Image.open(io.BytesIO(d)).convert("RGB")))


def local(
    name: str, picture: np.ndarray, encode: Callable[[], bytes], decode: Callable[[bytes], np.ndarray]
) -> Contestant:
    """A codec in this process."""

    def run() -> tuple[int, np.ndarray, dict[str, dict]]:
        data, encoding = measure(encode)
        decoded, decoding = measure(lambda: decode(data))
        return len(data), decoded, {"encode": encoding, "decode": decoding}

    return Contestant(name, run)


@contextlib.contextmanager
def compressai(options: argparse.Namespace, picture: np.ndarray) -> Iterator[list[Contestant]]:
    """CompressAI's network in processes of its own, one for each layout."""
    script = Path(__file__).with_name("light_reference.py")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        checkpoint = options.checkpoint or folder / "mbt2018-mean.pth.tar"
        if not options.checkpoint:
            with running_reference(options.reference) as reference:
                x = pad(picture, mode="edge")
                reference.build("mbt2018-mean", 128, 192, x, checkpoint, largest=LARGEST_DEVIATION)
        np.save(folder / "pixels.npy", picture)
        contestants = []
        for layout in LAYOUTS:
            process = stack.enter_context(Process("CompressAI", [options.reference / "bin" / "python", script]))
            what = {"architecture": "mbt2018-mean", "checkpoint": checkpoint}
            versions = process.ask("build", **what, layout=layout, threads=1)

            def run(process: Process = process) -> tuple[int, np.ndarray | None, dict[str, dict]]:
                found = process.ask("code", pixels=folder / "pixels.npy", decoded=folder / "decoded.npy")
                decoded = np.load(folder / "decoded.npy") if options.checkpoint else None
                return found["bytes"], decoded, {"encode": found["encode"], "decode": found["decode"]}

            contestants.append(Contestant(f"mbt2018-mean, CompressAI {versions['compressai']} {layout}", run))
        yield contestants


def compare(contestants: list[Contestant], picture: np.ndarray, rounds: int, progress: tqdm) -> list[dict]:
    """The rows of table 1."""
    made, found = {}, {each.name: {"encode": [], "decode": []} for each in contestants}
    for number in range(1 + rounds):
        for each in contestants:
            progress.set_description(each.name)
            size, decoded, figures = each.run()
            made[each.name] = size, decoded
            if number:  # the first round compiles
                for direction, runs in found[each.name].items():
                    runs.append(figures[direction])
            progress.update()
    rows = []
    for name, runs in found.items():
        size, decoded = made[name]
        row = {
            "": name,
            "bpp": 8 * size / picture[..., 0].size,
            "PSNR dB": None if decoded is None else float(metrics.psnr(picture, decoded)),
        }
        for direction in ("encode", "decode"):
            times, of_light = runs[direction], found[LIGHT][direction]
            row |= {
                f"{direction} CPU ms": 1e3 * median(times, "cpu"),
                f"{direction} wall ms": 1e3 * median(times, "wall"),
                f"{direction}, this/light": median_ratio(times, of_light, "cpu"),
            }
        rows.append(row)
    return rows


class Parts:
    """CPU seconds of parts of the codec, while `timed` is entered; a part within another counts as the outer one."""

    PLACES = (
        ("g_a, analysis", stages, "analysis"),
        ("h_a, hyper-analysis", stages, "hyper_analysis"),
        ("h_s, hyper-synthesis", IntegerEvaluator, "hyper_synthesis"),
        ("passes", IntegerEvaluator, "parameters"),
        ("g_s, synthesis", stages, "synthesis"),
        *(("entropy coding", coder, name) for name in ("encode", "decode", "encode_lanes", "decode_lanes")),
        ("entropy coding", coder.Decoder, "decode"),
    )

    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._inside = False

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Has functions measured; a Codec must be made inside."""
        with contextlib.ExitStack() as stack:
            for part, owner, name in self.PLACES:
                stack.enter_context(patch.object(owner, name, self._measured(part, getattr(owner, name))))
            yield

    def _measured(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return function(*arguments, **options)
            self._inside, began = True, time.process_time()
            try:
                return jax.block_until_ready(function(*arguments, **options))
            finally:
                self._inside = False
                self.seconds[part] = self.seconds.get(part, 0) + time.process_time() - began

        return run


def parts_of_light(picture: np.ndarray, rounds: int, progress: tqdm) -> list[dict]:
    """The rows of table 2."""
    parts, found = Parts(), {"encode": [], "decode": []}
    progress.set_description("parts of light")
    with parts.timed():
        codec = Codec(zoo.load(LIGHT))
        data = codec.compress(picture, threads=1)
        runs = {
            "encode": lambda: codec.compress(picture, threads=1),
            "decode": lambda: codec.decompress(data, threads=1),
        }
        for number in range(1 + rounds):
            for direction, run in runs.items():
                parts.seconds = {}
                whole = measure(run)[1]["cpu"]
                if number:
                    rest = whole - sum(parts.seconds.values())
                    found[direction].append(parts.seconds | {"the rest": rest, "whole": whole})
            progress.update()
    return [
        {
            "": f"{direction}, {part}",
            "CPU ms": 1e3 * median(measured, part),
            "%": 100 * median(measured, part, by="whole"),
        }
        for direction, measured in found.items()
        for part in measured[0]
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads and checks the command line."""
    parser = Parser(__doc__, "light.py --reference compressai-env --picture kodim07.png")
    parser.add_reference(required=False)
    parser.add_picture()
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=present, help="trained mbt2018-mean of CompressAI (default: a random one)"
    )
    parser.add_rounds(15)
    options = parser.parse_args(arguments)
    if options.checkpoint and not options.reference:
        parser.error("--checkpoint needs --reference, which runs it")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs everything and prints two tables."""
    options = parse(arguments)
    # Before XLA makes its threads, one for each processor; the other processes have the same one.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    startup.keep_memory()
    picture = read_colour(options.picture)
    light = ours(LIGHT, picture)
    size, *_ = light.run()
    contestants = [light, ours("mbt2018-mean-small", picture)]
    contestants += [classical(kind, picture, size) for kind in ("WEBP", "AVIF")]
    with contextlib.ExitStack() as stack, tqdm(unit="run") as progress:
        if options.reference:
            contestants += stack.enter_context(compressai(options, picture))
        progress.reset(total=(1 + options.rounds) * (len(contestants) + 1))
        rows = compare(contestants, picture, options.rounds, progress)
        parts = parts_of_light(picture, options.rounds, progress)
    height, width = picture.shape[:2]
    print(format_table(f"Whole files, {width} x {height} pixels, one processor, {options.rounds} rounds", rows))
    print(format_table("Parts of the light codec", parts, ".1f"))


if __name__ == "__main__":
    main()
