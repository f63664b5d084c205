"""`jaxcompress export`."""

import argparse
from typing import Any

from jaxcompress.cli import common
from jaxcompress.files import check_new_folder

FORMATS = ("stablehlo", "onnx")


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "export",
        run,
        help="write a model's networks as StableHLO or ONNX, for other processes and languages",
        example="jaxcompress export photo.safetensors -o photo\n"
        "  jaxcompress export photo.safetensors -o photo-onnx --format onnx\n"
        "  jaxcompress export mbt2018-3-22901978.pth.tar -o decoder --stages h_s g_s\n"
        "\n"
        "The folder gets one file for each stage, weights inside, for any number of pictures of any size, and\n"
        "manifest.json, which says what goes in and comes out. A prior in several passes has a stage for each,\n"
        "pass_0 and so on. Entropy coding stays with jaxcompress.coder, and so does the context model of\n"
        "autoregressive architectures. ONNX needs the extra `export`. docs/export.md shows how to run the files.",
    )
    parser.add_argument("weights", metavar="WEIGHTS", help="weights file, .safetensors or CompressAI's .pth.tar")
    common.add_recipe(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder to be made")
    parser.add_argument("--format", choices=FORMATS, default="stablehlo", help="default: stablehlo")
    parser.add_argument(
        "--stages",
        nargs="+",
        metavar="STAGE",
        help="g_a and h_a (encoder); h_s, pass_0, ..., and g_s (decoder) (default: all that the model has)",
    )


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    check_new_folder(args.output)

    from jaxcompress.export import export

    weights = common.load_weights(args.weights, recipe=args.recipe)
    manifest = export(weights, args.output, format=args.format, stages=args.stages)
    size = sum(stage["bytes"] for stage in manifest["stages"].values())
    print(
        f"{args.output}: {weights.architecture}, n={weights.n}, m={weights.m}: {', '.join(manifest['stages'])} as "
        f"{args.format}, {size:,} bytes"
    )
