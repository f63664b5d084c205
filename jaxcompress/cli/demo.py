"""`jaxcompress demo`: one photograph at three qualities, beside JPEG and WebP of the same size."""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcompress import zoo
from jaxcompress.cli import common

_PHOTOGRAPH = Path(__file__).parent.parent / "demo" / "kingfisher.png"
_QUALITIES = (20, 50, 80)
_OTHERS = ("jpeg", "webp")

# Pixels of a part that is shown, each way: four of them fit a screen.
_SHOWN = 384


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "demo",
        run,
        help="compress a bundled photograph, print the figures and write a picture to compare with JPEG and WebP",
        example="jaxcompress demo -o demo\n"
        "  jaxcompress demo --picture photo.png -q 10 30 60\n"
        "  jaxcompress demo --picture photo.png --weights mine.safetensors\n"
        "\n"
        "The folder gets comparison.png, which shows the part of the photograph with most detail, and for each\n"
        "quality the compressed file and what it decodes to.",
    )
    parser.add_argument("-o", "--output", metavar="DIR", default="demo", help="folder for the results (default: demo)")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing results")
    parser.add_argument("--picture", metavar="FILE", default=str(_PHOTOGRAPH), help="another picture")
    parser.add_argument(
        "-q",
        "--qualities",
        type=int,
        nargs="+",
        metavar="Q",
        help=f"qualities to show, of models whose rate can be set (default: {' '.join(map(str, _QUALITIES))})",
    )
    common.add_weights(parser, zoo.DEFAULT)


class _Version(NamedTuple):
    """What a codec made of the picture.

    Attributes:
        name: the codec's.
        size: bytes of the file.
        pixels: the decoded picture.
        psnr: in decibels.
    """

    name: str
    size: int
    pixels: Any
    psnr: float

    @property
    def caption(self) -> str:
        """A line to stand below it."""
        return f"{self.name}: {self.size:,} bytes, {self.psnr:.2f} dB"


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    common.check_output(str(folder / "comparison.png"), force=args.force)

    from jaxcompress.codec import read_picture, write_picture

    picture = read_picture(args.picture).pixels
    weights = common.Choice.of(args).load(integer=True)
    codec = common.make_codec(weights)
    qualities = _checked_qualities(codec, args.qualities)
    paths = [folder / ("photo" if quality is None else f"photo-q{quality}") for quality in qualities]
    for path in paths:
        for suffix in (".jxc", ".png"):
            common.check_output(str(path.with_suffix(suffix)), force=args.force)
    about = f"{weights.architecture}, n={weights.n}, m={weights.m}"
    print(f"{Path(args.picture).name}: {picture.shape[1]} x {picture.shape[0]} pixels; coded with {about}")
    rows = []
    for quality, path in zip(qualities, paths, strict=True):
        ours = _make(codec, picture, quality, path, force=args.force)
        others = [_at_the_size_of(ours, codec_name, picture) for codec_name in _OTHERS]
        print(f"{'':14}nearest in size: {'; '.join(other.caption for other in others)}")
        rows.append([ours, *others])
    write_picture(folder / "comparison.png", _comparison(picture, rows), overwrite=args.force)
    print(f"written: {folder / 'comparison.png'}, and for each quality a .jxc file and what it decodes to")


def _checked_qualities(codec: Any, given: Sequence[int] | None) -> Sequence[int | None]:
    """The qualities to show; None alone for models of one rate."""
    for quality in given or ():
        codec.check_target(quality=quality)
    return list(dict.fromkeys(given or _QUALITIES)) if codec.qualities else [None]


def _make(codec: Any, picture: Any, quality: int | None, path: Path, *, force: bool) -> _Version:
    """Codes and decodes the picture, writes both files, and prints the figures."""
    from jaxcompress import metrics
    from jaxcompress.codec import write_picture
    from jaxcompress.files import write_file

    coded, encode = _timed(lambda: codec.code(picture, quality=quality))
    decoded, decode = _timed(lambda: codec.decompress(coded.data))
    title = "one quality" if quality is None else f"quality {quality}"
    version = _Version(f"jaxcompress, {title}", len(coded.data), decoded, metrics.psnr(picture, decoded))
    print(
        f"{title:>12}: {version.size:,} bytes, {coded.bpp:.4f} bpp, {version.psnr:.2f} dB"
        f"{_ms_ssim(picture, decoded)}; encoding {encode:.2f} s, decoding {decode:.2f} s"
    )
    write_file(path.with_suffix(".jxc"), coded.data, overwrite=force)
    write_picture(path.with_suffix(".png"), decoded, overwrite=force)
    return version


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Result, and seconds of a second run: the first one compiles."""
    work()
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def _ms_ssim(picture: Any, decoded: Any) -> str:
    import numpy as np

    from jaxcompress import metrics

    height, width = picture.shape[:2]
    if min(height, width) < metrics.MS_SSIM_MIN_SIDE:
        return ""
    a, b = (image.reshape(1, height, width, -1).astype(np.float32) for image in (picture, decoded))
    return f", MS-SSIM {float(metrics.ms_ssim(a, b, peak=255)[0]):.4f}"


def _at_the_size_of(ours: _Version, name: str, picture: Any) -> _Version:
    """What a classical codec makes of the picture at the quality whose file is nearest in size."""
    from jaxcompress import metrics
    from jaxcompress.evaluate import classical, find_close

    codec, pixels = classical.create(name), _rgb(picture)
    height, width = pixels.shape[:2]
    found = find_close(codec, pixels, "bpp", 8 * ours.size / (height * width))
    decoded = codec.decode(found.encoded.data, found.quality, (height, width)).pixels
    return _Version(codec.name, len(found.encoded.data), decoded, metrics.psnr(pixels, decoded))


def _comparison(picture: Any, rows: Sequence[Sequence[_Version]]) -> Any:
    """For each quality a row: the original, ours and the others, each with a line below; uint8 `[H, W, 3]`."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    part = _most_detail(picture)
    height, width = (side.stop - side.start for side in part)
    gap, line = 8, 26
    columns = 1 + max(map(len, rows))
    canvas = Image.new("RGB", (columns * (width + gap) - gap, len(rows) * (height + line)), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for i, row in enumerate(rows):
        shown = [(picture, "original"), *((version.pixels, version.caption) for version in row)]
        for j, (pixels, caption) in enumerate(shown):
            left, top = j * (width + gap), i * (height + line)
            canvas.paste(Image.fromarray(_rgb(pixels)[part]), (left, top))
            draw.text((left + 4, top + height + 4), caption, fill="black", font=font)
    return np.asarray(canvas)


def _most_detail(picture: Any) -> tuple[slice, slice]:
    """The part whose neighbouring pixels differ most, of the size that is shown."""
    import numpy as np

    height, width = (min(side, _SHOWN) for side in picture.shape[:2])
    grey = picture.reshape(*picture.shape[:2], -1).mean(axis=-1)
    detail = np.abs(np.diff(grey, axis=0, prepend=grey[:1])) + np.abs(np.diff(grey, axis=1, prepend=grey[:, :1]))
    sums = np.pad(detail.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(inside.argmax(), inside.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def _rgb(pixels: Any) -> Any:
    return pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, axis=-1)
