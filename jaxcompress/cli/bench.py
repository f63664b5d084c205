"""`jaxcompress bench`."""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxcompress.cli import common, results

CODECS = "jpeg, webp, jpeg2000, avif, opj, ffmpeg-jpeg2000, jxl, av1, x265, hm, vtm, bpg"


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "bench",
        run,
        help="measure rate and distortion of a classical codec on pictures",
        example="jaxcompress bench jpeg kodak\n"
        "  jaxcompress bench webp kodak -q 5 50 95 -o results --save\n"
        "  jaxcompress bench av1 kodak --bpp 0.25 0.5 --jobs 2\n"
        "  jaxcompress bench vtm kodak --folder vtm/bin --config vtm/cfg/encoder_intra_vtm.cfg\n"
        "\n"
        "Pictures are coded alone, in 8 bits; bits are those of whole files. What is written is what `jaxcompress\n"
        "evaluate` writes of learned codecs, measured alike.\n"
        "\n"
        "Exit status: 0 done; 1 some pictures failed, and are left out; 2 bad input, nothing was written.",
    )
    parser.add_argument("codec", metavar="CODEC", help=f"one of {CODECS}")
    results.add_arguments(parser)
    parser.add_argument(
        "-q",
        "--qualities",
        metavar="Q",
        type=results.quality,
        nargs="+",
        help="settings of the codec (default: its usual ones)",
    )
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of classical codecs."""
    group = parser.add_argument_group("classical codecs")
    group.add_argument(
        "--subsampling", metavar="S", help="of chroma, such as 4:4:4 or 4:2:0 (default: what the codec has)"
    )
    group.add_argument("--folder", metavar="DIR", help="where encoder and decoder lie (default: on PATH)")
    group.add_argument("--encoder", metavar="FILE", help="the encoder, if it lies elsewhere or has another name")
    group.add_argument("--decoder", metavar="FILE", help="likewise")
    group.add_argument("--config", metavar="FILE", help="configuration of the encoder (hm, vtm)")
    group.add_argument("--timeout", metavar="SECONDS", type=float, help="give a picture up after so long")
    group.add_argument(
        "--set",
        metavar="NAME=VALUE",
        nargs="+",
        default=[],
        help="other parameters; a wrong name tells which there are",
    )


def run(args: argparse.Namespace) -> int:
    """Runs it."""
    codec = make_codec(args.codec, Options.of(args))
    return results.run([codec], args.qualities, results.Options.of(args))


class Options(NamedTuple):
    """The options of `add_options`; `evaluate.classical.Options` says what they mean."""

    subsampling: str | None
    folder: str | None
    encoder: str | None
    decoder: str | None
    config: str | None
    timeout: float | None
    parameters: Sequence[str]

    @classmethod
    def of(cls, args: argparse.Namespace) -> "Options":
        """Takes them from a command's arguments."""
        return cls(*(getattr(args, name) for name in (*cls._fields[:-1], "set")))


def make_codec(name: str, options: Options) -> Any:
    """A classical codec."""
    from jaxcompress.evaluate import classical

    pairs = [text.partition("=") for text in options.parameters]
    wrong = ["".join(pair) for pair in pairs if not pair[0] or not pair[1]]
    if wrong:
        raise ValueError(f"--set has {wrong[0]!r}; expected NAME=VALUE")
    values = options._asdict() | {"parameters": {name: value for name, _, value in pairs}}
    return classical.create(name, classical.Options(**values))
