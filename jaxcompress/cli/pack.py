"""`jaxcompress train pack`."""

import argparse
from typing import Any

from jaxcompress.cli import common


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "train pack",
        run,
        help="pack pictures into few large files to train from",
        example="jaxcompress train pack photos -o packed --crop 256",
    )
    parser.add_argument("folder", metavar="DIR", help="folder of pictures, at any depth, or of Vimeo-90K")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the shards")
    parser.add_argument(
        "--crop", type=int, default=256, metavar="PIXELS", help="leave out pictures smaller than this (default: 256)"
    )
    parser.add_argument("--shard-mib", type=int, default=256, metavar="MIB", help="size of a shard (default: 256)")
    parser.add_argument("-f", "--force", action="store_true", help="replace the shards in the output folder")


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    from jaxcompress.train.data import pack

    packed = pack(args.folder, args.output, crop=args.crop, shard_bytes=args.shard_mib * 2**20, overwrite=args.force)
    shards = f"{packed.shards} shard{'s' * (packed.shards > 1)}"
    print(
        f"{args.output}: {packed.pictures:,} pictures in {shards}, {packed.bytes:,} bytes; left out: "
        f"{packed.small} smaller than {args.crop} x {args.crop}, {packed.broken} unreadable"
    )
