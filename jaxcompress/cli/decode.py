"""`jaxcompress decode`."""

import argparse
import functools
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxcompress.architecture_table import TABLE
from jaxcompress.cli import common, folder, startup
from jaxcompress.processors import PROCESSORS


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "decode",
        run,
        help="decompress a picture, or a folder of pictures",
        example="jaxcompress decode photo.jxc -o decoded.png\n"
        "  jaxcompress decode large.jxc -o part.png --crop 9000,4000,800,600\n"
        "  jaxcompress decode photo.bin --weights mbt2018-3-22901978.pth.tar\n"
        f"  jaxcompress decode compressed -o decoded\n\n{folder.HELP}",
    )
    parser.add_argument("file", help=".jxc file, one of CompressAI's example codec, or folder; - is standard input")
    common.add_output(parser, "default: the file's name with .png; the suffix tells the format")
    folder.add_arguments(parser)
    parser.add_argument(
        "--suffix", metavar="S", help="of the images made of a folder, which tells the format (default: .png)"
    )
    common.add_weights(parser, "the bundled or cached ones that a .jxc file was written with")
    parser.add_argument(
        "--crop",
        type=_rectangle,
        metavar="X,Y,W,H",
        help="decode this rectangle of a .jxc file alone: left, top, width, height, in pixels; the rest is not read",
    )
    parser.add_argument(
        "--max-pixels", type=int, metavar="N", help="refuse larger pictures, padding included (default: 2**29)"
    )
    parser.add_argument(
        "--layout", choices=("current", "legacy"), help="layout of a CompressAI file (default: the one that fits)"
    )


class _Decoding(NamedTuple):
    """How files are decoded.

    Attributes:
        choice: the weights that the user names.
        crop: left, top, width and height of the part to decode; None for the whole picture.
        max_pixels: limit of a picture's size; None for the container's own.
        layout: layout of CompressAI's files; None to find it out.
    """

    choice: common.Choice
    crop: tuple[int, ...] | None
    max_pixels: int | None
    layout: str | None


def run(args: argparse.Namespace) -> int | None:
    """Runs it."""
    decoding = _Decoding(common.Choice.of(args), args.crop, args.max_pixels, args.layout)
    if args.crop is not None and args.layout is not None:
        raise ValueError("--crop is for .jxc files, and --layout for those of CompressAI; leave one out")
    if folder.is_folder(args.file, args.jobs):
        if args.crop is not None:
            raise ValueError(f"--crop is for single files, and {args.file} is a folder; leave it out")
        suffix = f".{(args.suffix or 'png').removeprefix('.')}"
        prepare = functools.partial(_make_decoder, decoding, _image_format(f"image{suffix}"))
        kind = folder.Kind((".jxc", ".bin"), suffix, prepare)
        return folder.run(args.file, kind, folder.Options.of(args))

    if args.suffix is not None:
        raise ValueError(f"--suffix is for folders, and {args.file} is none; name the output with -o")
    output = common.output_path(args.file, args.output, ".png")
    common.check_output(output, force=args.force)
    image_kind = "PNG" if output == common.STANDARD else _image_format(output)
    decode = _make_decoder(decoding, image_kind, progress=True)
    try:
        decoded = decode(args.file)
    except ValueError as error:
        raise common.named(error, args.file) from error
    common.write_bytes(output, decoded.data, force=args.force)
    common.report(f"{output}: {decoded.width} x {decoded.height} pixels", output=output)
    return None


def _image_format(name: str) -> str:
    """Pillow's name of it; raises before the work if it cannot be written."""
    from jaxcompress.codec.picture import image_format

    return image_format(name)


def _make_decoder(
    decoding: _Decoding, image_kind: str, threads: int = PROCESSORS, *, progress: bool = False
) -> Callable[[Any], folder.Coded]:
    """What decodes a file to the bytes of an image file of some kind."""
    from jaxcompress.codec import container
    from jaxcompress.codec.picture import encode_picture

    limit = container.MAX_PIXELS if decoding.max_pixels is None else decoding.max_pixels
    codecs, in_part = _Codecs(decoding.choice, progress=progress), decoding.crop is not None

    def decode(source: Any) -> folder.Coded:
        data = common.map_bytes(source) if in_part else common.read_bytes(source)
        is_ours = data[: len(container.MAGIC)] == container.MAGIC
        file = container.unpack(data, max_pixels=limit, in_part=in_part) if is_ours or in_part else None
        header = file.header if file else None
        codec = codecs.of(header, source)
        if decoding.crop is not None:
            pixels = codec.decompress_crop(file, *decoding.crop)
        else:
            pixels = codec.decompress(file or data, max_pixels=limit, layout=decoding.layout, threads=threads)
        startup.release_memory(pixels.size)  # latents
        image = encode_picture(pixels, image_kind, icc_profile=header.icc_profile if header else b"")
        return folder.Coded(image, pixels.shape[1], pixels.shape[0], len(data))

    return decode


def _rectangle(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+(,\d+){3}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no rectangle; expected left,top,width,height such as 0,0,640,480"
        )
    return tuple(int(number) for number in text.split(","))


class _Codecs:
    """The codec for each file; weights are loaded once, and at once if the user has named them."""

    def __init__(self, choice: common.Choice, *, progress: bool):
        self._make = functools.partial(common.make_codec, progress=progress)
        self._lock = threading.Lock()
        self._found: dict[Path, Any] = {}
        self._given = None
        if choice.names_weights:
            self._given = self._make(choice.load())
        elif choice.chooses_published:
            raise ValueError("--quality and --metric choose among published models; name one by --model")

    def of(self, header: Any, name: Any) -> Any:
        """The codec for a file with a `.jxc` header, or None if it has another; its name is for errors."""
        from jaxcompress import zoo

        if self._given is not None:
            return self._given
        if header is None:
            raise ValueError(
                f"{name} is no .jxc file; to decode one of CompressAI's give the model with --weights FILE "
                f"or --model NAME"
            )
        path = zoo.find(header.bits_fingerprint, header.synthesis_fingerprint)
        if path is None:
            raise ValueError(
                f"{name} was written with {header.architecture} weights n={header.n} m={header.m} (bits "
                f"{header.bits_fingerprint}, synthesis {header.synthesis_fingerprint}) that are not bundled, and "
                f"not in the zoo's folder; give them with --weights FILE"
                + ", and their model with --recipe FILE"
                * (header.architecture not in TABLE)
            )
        with self._lock:
            if path not in self._found:
                self._found[path] = self._make(common.load_weights(str(path)))
            return self._found[path]
