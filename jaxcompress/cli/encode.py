"""`jaxcompress encode`."""

import argparse
import dataclasses
import functools
import io
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxcompress import zoo
from jaxcompress.architecture_table import TABLE
from jaxcompress.cli import common, folder, startup
from jaxcompress.processors import PROCESSORS

_DEFAULT_QUALITY = TABLE[zoo.DEFAULT].default_quality
_SUFFIXES = {"jxc": ".jxc", "compressai": ".bin"}


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "encode",
        run,
        help="compress a picture, or a folder of pictures",
        example=f"jaxcompress encode photo.png                   (quality {_DEFAULT_QUALITY})\n"
        "  jaxcompress encode photo.png -q 80\n"
        "  jaxcompress encode photo.png --bpp 0.5         (a file of 0.5 bits per pixel)\n"
        "  jaxcompress encode photo.png --psnr 34         (a picture of 34 dB)\n"
        "  jaxcompress encode photo.jpg -o small.jxc --weights mine.safetensors\n"
        "  jaxcompress encode photo.png --model mbt2018-mean -q 3\n"
        "  jaxcompress encode photo.png -o photo.bin --format compressai --weights mbt2018-3-22901978.pth.tar\n"
        f"  jaxcompress encode photographs -o compressed -q 60\n\n{folder.HELP}",
    )
    parser.add_argument("picture", help="image file of any common format, or folder; - is standard input")
    common.add_output(parser, "default: the picture's name with .jxc (.bin for --format compressai)")
    folder.add_arguments(parser)
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument(
        "-q",
        "--quality",
        type=_number,
        metavar="Q",
        help=f"any number from 1 to 100, for models whose rate can be set (default: {_DEFAULT_QUALITY}); of a "
        "published --model from 1 to 8; with --format compressai the quality to name (default: that of the weights)",
    )
    wanted.add_argument(
        "--bpp", type=_positive, metavar="B", help="instead of a quality: bits per pixel of the file, within 2 %%"
    )
    wanted.add_argument(
        "--psnr", type=_positive, metavar="D", help="instead of a quality: PSNR in decibels, within 0.05 dB"
    )
    parser.add_argument(
        "--nearest",
        action="store_true",
        help="where --bpp or --psnr cannot be reached, take the lowest or the highest quality (default: an error)",
    )
    common.add_weights(parser, zoo.DEFAULT, quality=False)
    parser.add_argument(
        "--format", choices=_SUFFIXES, default="jxc", help="container: ours, or that of CompressAI's example codec"
    )
    parser.add_argument(
        "--entropy",
        choices=("integer", "float"),
        help="arithmetic that a .jxc file depends on: exact integers, for files that decode on every device, or the "
        "floating-point networks as they were trained (default: integer, for models with a hyperprior; CompressAI's "
        "files are always float)",
    )
    parser.add_argument("--max-pixels", type=int, metavar="N", help="refuse larger pictures (default: 2**29)")
    parser.add_argument("--keep-icc", action="store_true", help="keep the picture's colour profile (.jxc only)")
    parser.add_argument(
        "--background", type=_colour, default=(255, 255, 255), metavar="RRGGBB", help="colour behind transparent parts"
    )


class _Encoding(NamedTuple):
    """How pictures are coded.

    Attributes:
        choice: the weights that the user names. In CompressAI's format, quality and metric of other than published
            ones are what the file names.
        wanted: quality, bpp or psnr that is asked for, by name.
        nearest: take the nearest quality if that cannot be reached.
        format: a key of `_SUFFIXES`.
        entropy: "integer" or "float", if the user says so.
        max_pixels: limit of a picture's size; None for the container's own.
        keep_icc: keep colour profiles.
        background: RGB behind transparent parts.
    """

    choice: common.Choice
    wanted: Mapping[str, float]
    nearest: bool
    format: str
    entropy: str | None
    max_pixels: int | None
    keep_icc: bool
    background: tuple[int, int, int]


def run(args: argparse.Namespace) -> int | None:
    """Runs it."""
    choice, wanted = _choose(args)
    if args.format == "compressai" and args.keep_icc:
        raise ValueError("CompressAI's format has no place for a colour profile; leave out --keep-icc")
    if args.format == "jxc" and args.metric is not None and not zoo.is_published(args.model):
        raise ValueError(
            "--metric chooses among published models, and names what --format compressai stores; give --model or "
            "--weights to choose"
        )
    if args.nearest and args.bpp is None and args.psnr is None:
        raise ValueError("--nearest is for --bpp and --psnr; give one of them, or leave it out")
    if args.format == "compressai" and args.entropy == "integer":
        raise ValueError("CompressAI's format is coded with the floating-point networks; leave out --entropy integer")
    encoding = _Encoding(
        choice, wanted, args.nearest, args.format, args.entropy, args.max_pixels, args.keep_icc, args.background
    )
    if folder.is_folder(args.picture, args.jobs):
        kind = folder.Kind(common.IMAGE_SUFFIXES, _SUFFIXES[args.format], functools.partial(_make_encoder, encoding))
        return folder.run(args.picture, kind, folder.Options.of(args))

    output = common.output_path(args.picture, args.output, _SUFFIXES[args.format])
    common.check_output(output, force=args.force)
    if output.lower().endswith(common.IMAGE_SUFFIXES):
        raise ValueError(f"{output} has the suffix of an image; give one such as {_SUFFIXES[args.format]}")
    source = io.BytesIO(common.read_bytes("-")) if args.picture == common.STANDARD else args.picture
    coded = _make_encoder(encoding, progress=True)(source)
    common.write_bytes(output, coded.data, force=args.force)
    if coded.note:
        common.warn(f"note: {coded.note}")
    bpp = 8 * coded.coded_bytes / (coded.width * coded.height)
    size = f"{coded.width} x {coded.height} pixels, {coded.coded_bytes:,} bytes, {bpp:.4f} bpp"
    common.report(f"{output}: {size}{coded.reached}", output=output)
    return None


def _choose(args: argparse.Namespace) -> tuple[common.Choice, Mapping[str, float]]:
    """The weights to use, and what is asked of their rate: a quality may say either."""
    model, wanted = args.model, {"quality": args.quality, "bpp": args.bpp, "psnr": args.psnr}
    if args.format == "compressai" and not args.weights:
        model = model or zoo.COMPRESSAI_DEFAULT  # that format cannot name the others
    if args.format == "compressai" or zoo.is_published(model):
        wanted["quality"] = None
    quality = None if wanted["quality"] is not None else args.quality
    choice = common.Choice(args.weights, model, args.recipe, quality, args.metric)
    return choice, {name: value for name, value in wanted.items() if value is not None}


def _make_encoder(
    encoding: _Encoding, threads: int = PROCESSORS, *, progress: bool = False
) -> Callable[[Any], folder.Coded]:
    """What codes an image file."""
    from PIL import Image

    from jaxcompress.codec import container, read_picture

    limit = container.MAX_PIXELS if encoding.max_pixels is None else encoding.max_pixels
    # Pillow refuses twice as much, in pictures within pictures too, and would warn of less.
    Image.MAX_IMAGE_PIXELS = limit
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    weights = _weights(encoding.choice)
    codec = common.make_codec(weights, entropy=_entropy(encoding, weights), progress=progress)
    target = codec.check_target(**encoding.wanted)

    def encode(source: Any) -> folder.Coded:
        picture = read_picture(source, background=encoding.background, max_pixels=limit)
        pixels, icc_profile = picture.pixels, picture.icc_profile if encoding.keep_icc else b""
        startup.release_memory(pixels.size)  # Pillow's copy
        if encoding.format == "compressai" and pixels.ndim == 2:
            pixels = pixels[..., None].repeat(3, axis=-1)
        how = {"format": encoding.format, "icc_profile": icc_profile, "threads": threads}
        coded = codec.code(pixels, **encoding.wanted, nearest=encoding.nearest, **how)
        notes = []
        if picture.icc_profile and not encoding.keep_icc:
            notes.append("the colour profile was left out; --keep-icc keeps it")
        if target is not None and target.name != "quality" and not target.is_met(coded):
            at_an_end = coded.quality in (codec.qualities[0], codec.qualities[-1])
            notes.append(
                "the target could not be reached; the nearest quality was taken"
                if encoding.nearest and at_an_end
                else "no quality comes nearer to the target"
            )
        height, width = pixels.shape[:2]
        return folder.Coded(coded.data, width, height, len(coded.data), "; ".join(notes), _reached(coded))

    return encode


def _reached(coded: Any) -> str:
    """What was reached beside the size, as the last line says it."""
    quality = "" if coded.quality is None else f", quality {coded.quality}"
    return quality if coded.psnr is None else f"{quality}, {coded.psnr:.2f} dB"


def _weights(choice: common.Choice):
    """Those that are named; their metadata say what CompressAI's format shall name."""
    if not choice.chooses_published or zoo.is_published(choice.model):
        return choice.load()
    weights = choice._replace(quality=None, metric=None).load()
    named = {key: value for key, value in (("quality", choice.quality), ("metric", choice.metric)) if value is not None}
    return dataclasses.replace(weights, metadata={**weights.metadata, **named})


def _entropy(encoding: _Encoding, weights) -> str | None:
    """None for the default, which is integer but for models without a hyperprior."""
    if encoding.format == "compressai":
        return "float"
    if encoding.entropy != "float" and weights.integer is None and weights.model().layout.decides_by_networks:
        raise ValueError(
            f"{encoding.choice.file} has no integer networks, without which a file may decode only where it was "
            f"written: give weights that `jaxcompress convert` made of a checkpoint, make the networks with "
            f"jaxcompress.integer.quantize_entropy, or give --entropy float"
        )
    return encoding.entropy


def _number(text: str) -> int | float:
    """A quality: CompressAI's are whole numbers."""
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def _positive(text: str) -> float:
    value = _number(text) if re.match(r"[+-]?[.0-9]", text) else math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return value


def _colour(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no colour; expected six hex digits such as ffffff")
    return tuple(bytes.fromhex(text.removeprefix("#")))
