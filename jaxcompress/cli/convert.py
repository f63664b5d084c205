"""`jaxcompress convert`."""

import argparse
from typing import Any

from jaxcompress.cli import common


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "convert",
        run,
        help="convert CompressAI's PyTorch checkpoints to weights files, or back",
        example="jaxcompress convert mbt2018-mean-3-723404a8.pth.tar photo.safetensors\n"
        "  jaxcompress convert photo.safetensors back.pth.tar",
    )
    parser.add_argument("input", help="checkpoint (.pth, .pth.tar, .pt) or weights (.safetensors)")
    parser.add_argument("output", help="the other of the two")
    parser.add_argument(
        "--entropy",
        choices=("integer", "float"),
        default="integer",
        help="make the integer networks by which .jxc files decode everywhere, or leave them out (default: integer)",
    )
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output file")


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    kinds = [_kind(path) for path in (args.input, args.output)]
    if kinds[0] == kinds[1]:
        raise ValueError(
            f"{args.input} and {args.output} are of the same kind; convert goes from .pth to .safetensors or back"
        )
    common.check_output(args.output, force=args.force)

    from jaxcompress import convert

    weights = common.load_weights(args.input, integer=args.entropy == "integer")
    if kinds[1] == "pytorch":
        convert.to_pytorch(weights, args.output, overwrite=args.force)
    else:
        weights.save(args.output, overwrite=args.force)
    print(f"{args.output}: {weights.architecture}, n={weights.n}, m={weights.m}")


def _kind(path: str) -> str:
    if path.endswith(common.PYTORCH_SUFFIXES):
        return "pytorch"
    if path.endswith(".safetensors"):
        return "safetensors"
    raise ValueError(f"{path} has no known suffix; expected {', '.join(common.PYTORCH_SUFFIXES)} or .safetensors")
