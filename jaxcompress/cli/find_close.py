"""`jaxcompress find-close`."""

import argparse
from pathlib import Path
from typing import Any

from jaxcompress.cli import bench, common, evaluate
from jaxcompress.metric_table import DISTORTIONS


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "find-close",
        run,
        help="find the setting of a codec that comes nearest to a rate or a distortion",
        example="jaxcompress find-close jpeg photo.png 0.5\n"
        "  jaxcompress find-close av1 photo.png 34 --metric psnr-rgb -o photo.av1\n"
        "  jaxcompress find-close learned photo.png 0.3 -w mbt2018-q*.safetensors -o photo.jxc\n"
        "\n"
        "Settings are tried by bisection; of all that were tried, the nearest is told.",
    )
    parser.add_argument("codec", metavar="CODEC", help=f"learned, or one of {bench.CODECS}")
    parser.add_argument("picture", help="image file")
    parser.add_argument("target", type=float, help="bits per pixel, or what --metric says")
    parser.add_argument("--metric", default="bpp", help=f"bpp, {', '.join(DISTORTIONS)} (default: bpp)")
    parser.add_argument("-o", "--output", metavar="FILE", help="keep the coded file")
    parser.add_argument("--decoded", metavar="FILE", help="keep the decoded picture")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing files")
    evaluate.add_codecs(parser)
    bench.add_options(parser)


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    from jaxcompress.codec.picture import image_format, write_picture
    from jaxcompress.evaluate import METRICS, find_close, find_pictures

    for path in filter(None, (args.output, args.decoded)):
        common.check_output(path, force=args.force)
    if args.decoded:
        image_format(args.decoded)  # raises before the work
    if Path(args.picture).is_dir():
        raise IsADirectoryError(f"{args.picture} is a folder; give one picture")
    codec = _codec(args.codec, evaluate.Choice.of(args), bench.Options.of(args))
    codec.versions()
    pixels = find_pictures([args.picture])[0].read()
    found = find_close(codec, pixels, args.metric, args.target)
    height, width = pixels.shape[:2]
    decoded = found.decoded or codec.decode(found.encoded.data, found.quality, (height, width))
    if args.output:
        common.write_bytes(args.output, found.encoded.data, force=args.force)
    if args.decoded:
        write_picture(args.decoded, decoded.pixels, overwrite=args.force)
    values = {"bpp": found.encoded.bits() / (height * width), "psnr-rgb": METRICS["psnr-rgb"](pixels, decoded.pixels)}
    values[args.metric] = found.value
    told = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
    common.report(f"{codec.name}: quality {found.quality}: {told} ({found.tries} tried)", output=args.output or "")


def _codec(name: str, choice: evaluate.Choice, options: bench.Options) -> Any:
    if name != "learned":
        if choice.files or choice.models or choice.entropy:
            raise ValueError(f"--weights, --model and --entropy are for learned codecs; the codec is {name}")
        return bench.make_codec(name, options)
    codecs = evaluate.load_codecs(choice)
    if len(codecs) != 1:
        raise ValueError(
            f"the weights make several curves, {', '.join(codec.name for codec in codecs)}; give those of one"
        )
    return codecs[0]
