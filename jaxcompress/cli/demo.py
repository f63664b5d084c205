"""`jaxcompress demo`: one photograph through the codec, with figures and pictures to look at."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcompress import zoo
from jaxcompress.cli import common

_PHOTOGRAPH = Path(__file__).parent.parent / "demo" / "kingfisher.png"
_OUTPUTS = ("decoded.png", "side-by-side.png", "photo.jxc")


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "demo",
        run,
        help="compress a bundled photograph, print the figures and write pictures to compare",
        example="jaxcompress demo -o demo\n  jaxcompress demo --picture photo.png --weights mine.safetensors",
    )
    parser.add_argument("-o", "--output", metavar="DIR", default="demo", help="folder for the results (default: demo)")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing results")
    parser.add_argument("--picture", metavar="FILE", default=str(_PHOTOGRAPH), help="another picture")
    common.add_weights(parser, zoo.DEFAULT)


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    decoded_path, comparison_path, file_path = (Path(args.output) / name for name in _OUTPUTS)
    Path(args.output).mkdir(parents=True, exist_ok=True)
    for path in (decoded_path, comparison_path, file_path):
        common.check_output(str(path), force=args.force)

    from jaxcompress.codec import read_picture, write_picture
    from jaxcompress.files import write_file

    picture = read_picture(args.picture).pixels
    weights = common.Choice.of(args).load(integer=True)
    codec = common.make_codec(weights)
    data, first_encode, encode = _timed(lambda: codec.compress(picture))
    decoded, first_decode, decode = _timed(lambda: codec.decompress(data))

    rows = {
        "picture": Path(args.picture).name,
        "model": f"{weights.architecture}, n={weights.n}, m={weights.m}",
        "pixels": f"{picture.shape[1]} x {picture.shape[0]}",
        "bytes": f"{len(data):,} (the file it came from: {Path(args.picture).stat().st_size:,})",
        **_quality(picture, decoded, data),
        "encode": f"{encode:.2f} s (first time {first_encode:.2f} s, compilation included)",
        "decode": f"{decode:.2f} s (first time {first_decode:.2f} s)",
    }
    for name, value in rows.items():
        print(f"{name:9}{value}")

    write_file(file_path, data, overwrite=args.force)
    write_picture(decoded_path, decoded, overwrite=args.force)
    caption = f"{len(data):,} bytes, {rows['bpp']} bpp, {rows['PSNR']}"
    write_picture(comparison_path, _side_by_side(picture, decoded, caption), overwrite=args.force)
    print(f"{'written':9}{file_path}, {decoded_path}, {comparison_path}")


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, seconds of the first run, and of a second."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, *seconds


def _quality(picture, decoded, data: bytes) -> dict[str, str]:
    import numpy as np

    from jaxcompress import metrics

    height, width = picture.shape[:2]
    rows = {
        "bpp": f"{metrics.bits_per_pixel(data, height, width):.4f}",
        "PSNR": f"{metrics.psnr(picture, decoded):.2f} dB",
    }
    if min(height, width) >= metrics.MS_SSIM_MIN_SIDE:
        a, b = (image.reshape(1, height, width, -1).astype(np.float32) for image in (picture, decoded))
        rows["MS-SSIM"] = f"{float(metrics.ms_ssim(a, b, peak=255)[0]):.4f}"
    return rows


def _side_by_side(picture, decoded, caption: str):
    """Original left, decoded right, each with a line below."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape[:2]
    gap, line = 8, 24
    canvas = Image.new("RGB", (2 * width + gap, height + line), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for left, pixels, text in ((0, picture, "original"), (width + gap, decoded, caption)):
        canvas.paste(Image.fromarray(pixels).convert("RGB"), (left, 0))
        draw.text((left + 4, height + 4), text, fill="black", font=font)
    return np.asarray(canvas)
