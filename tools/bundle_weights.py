"""Makes the weights file of the light codec that comes with the package.

    python tools/bundle_weights.py run/best.safetensors jaxcompress/zoo/bundled/light.safetensors --set steps=40000

Parameters are rounded to 16 bits, which halves the file, and the integer networks are made of the rounded ones.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import jaxcompress as jc
from jaxcompress.integer import quantize_entropy


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="trained weights, .safetensors")
    parser.add_argument("output", help="file to write; an existing one is replaced")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="metadata to store")
    options = parser.parse_args()
    trained = jc.load(options.weights)
    named = dict(text.split("=", 1) for text in options.set)
    metadata = {**trained.metadata, **{key: json.loads(value) for key, value in named.items()}}
    half = dataclasses.replace(trained, metadata=metadata).rounded_to_half()
    quantize_entropy(half, progress=sys.stderr.isatty()).save(options.output, overwrite=True)
    print(f"{options.output}: {Path(options.output).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
