"""`jaxcompress decode`."""

import argparse
import re
from pathlib import Path
from typing import Any

from jaxcompress.cli import common


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "decode",
        run,
        help="decompress a picture",
        example="jaxcompress decode photo.jxc -o decoded.png\n"
        "  jaxcompress decode large.jxc -o part.png --crop 9000,4000,800,600\n"
        "  jaxcompress decode photo.bin --weights mbt2018-3-22901978.pth.tar",
    )
    parser.add_argument("file", help=".jxc file, or one of CompressAI's example codec; - is standard input")
    common.add_output(parser, "default: the file's name with .png; the suffix tells the format")
    common.add_weights(parser, "the bundled ones that a .jxc file was written with")
    parser.add_argument(
        "--crop",
        type=_rectangle,
        metavar="X,Y,W,H",
        help="decode this rectangle of a .jxc file alone: left, top, width, height, in pixels; the rest is not read",
    )
    parser.add_argument("--max-pixels", type=int, metavar="N", help="refuse larger pictures (default: 2**29)")
    parser.add_argument(
        "--layout", choices=("current", "legacy"), help="layout of a CompressAI file (default: the one that fits)"
    )


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    output = common.output_path(args.file, args.output, ".png")
    common.check_output(output, force=args.force)

    from jaxcompress.codec import container
    from jaxcompress.codec.picture import encode_picture, image_format, write_picture

    if output != common.STANDARD:
        image_format(output)  # raises before the work if it cannot be written
    limit = args.max_pixels if args.max_pixels is not None else container.MAX_PIXELS
    data = common.read_bytes(args.file) if args.crop is None else common.map_bytes(args.file)
    header = None
    if data[: len(container.MAGIC)] == container.MAGIC:
        header, _ = container.unpack(data, max_pixels=limit, in_part=args.crop is not None)
    codec = common.make_codec(_weights(args, header))
    if args.crop is None:
        pixels = codec.decompress(data, max_pixels=limit, layout=args.layout)
    else:
        pixels = codec.decompress_crop(data, *args.crop, max_pixels=limit)
    icc_profile = header.icc_profile if header else b""
    if output == common.STANDARD:
        common.write_bytes(output, encode_picture(pixels, icc_profile=icc_profile), force=args.force)
    else:
        write_picture(Path(output), pixels, icc_profile=icc_profile, overwrite=args.force)
    common.report(f"{output}: {pixels.shape[1]} x {pixels.shape[0]} pixels", output=output)


def _rectangle(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+){3}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no rectangle; expected left,top,width,height such as 0,0,640,480"
        )
    return tuple(int(number) for number in text.split(","))


def _weights(args: argparse.Namespace, header):
    from jaxcompress import zoo

    if args.weights:
        return common.load_weights(args.weights)
    if args.model:
        return zoo.load(args.model)
    if header is None:
        raise ValueError(
            f"{args.file} is no .jxc file; to decode one of CompressAI's give the model with --weights FILE"
        )
    path = zoo.find(header.bits_fingerprint, header.synthesis_fingerprint)
    if path is None:
        raise ValueError(
            f"{args.file} was written with {header.architecture} weights n={header.n} m={header.m} (bits "
            f"{header.bits_fingerprint}, synthesis {header.synthesis_fingerprint}) that are not bundled; give them "
            f"with --weights FILE"
        )
    return common.load_weights(str(path))
