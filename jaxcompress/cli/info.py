"""`jaxcompress info`."""

import argparse
import dataclasses
import json
from typing import Any

from jaxcompress.cli import common


def add_parser(commands: Any) -> None:
    """Adds the command."""
    parser = common.add_command(
        commands,
        "info",
        run,
        help="tell what a compressed picture or a weights file holds",
        example="jaxcompress info photo.jxc\n  jaxcompress info weights.safetensors --json",
    )
    parser.add_argument("file", help=".jxc, CompressAI's container, or .safetensors weights; - is standard input")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> None:
    """Runs it."""
    try:
        facts = _describe(args.file)
    except ValueError as error:
        raise common.named(error, args.file) from error
    if args.json:
        print(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:{width}}  {value}")


def _describe(path: str) -> dict[str, Any]:
    if path.endswith(".safetensors"):
        from jaxcompress.weights_header import read_header

        header = read_header(path)
        metadata = header.pop("metadata")
        header.pop("outputs", None)  # numbers for programs
        return {"file": "jaxcompress weights", **header, **metadata}

    if path.endswith(common.PYTORCH_SUFFIXES):
        raise ValueError(f"{path} is a PyTorch checkpoint; `jaxcompress convert` makes weights of it, which info reads")

    from jaxcompress.codec import compressai_format, container

    data = common.read_bytes(path)
    # Telling what a large picture is costs nothing, so no limit is set here.
    if data.startswith(container.MAGIC):
        ours, strings = container.unpack(data, max_pixels=2**64)
        facts = {"file": f".jxc version {container.version_of(data)}", **dataclasses.asdict(ours)}
        if ours.entropy_mode:  # by the name that a weights file has for it
            facts = {"integer_fingerprint" if name == "bits_fingerprint" else name: facts[name] for name in facts}
        facts |= {
            "icc_profile": f"{len(ours.icc_profile)} bytes",
            "entropy_mode": ours.entropy_mode.name.lower(),
            "symbol_order": ours.symbol_order.name.lower(),
            "settings": ", ".join(f"{name} {number}" for name, number in ours.settings) or "none",
        }
        described = [f"{len(string.data):,} {string.format.name.lower()}" for string in strings]
    else:
        theirs, plain = compressai_format.unpack(data, max_pixels=2**64)
        described = [f"{len(string):,}" for string in plain]
        facts = {"file": "CompressAI codec", **dataclasses.asdict(theirs)}
    return facts | {
        "strings": ", ".join(described) + " bytes",
        "bytes": len(data),
        "bpp": round(8 * len(data) / (facts["width"] * facts["height"]), 4),
    }
