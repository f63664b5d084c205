"""Codes pictures for `memory.py`, in a process that allocates memory in some way.

Asked and answered as in `process.py`:

    {"command": "build", weights, pictures, keep}    reads and compiles; `keep` is to allocate as the command line does
    {"command": "encode"} or {"command": "decode"}    codes all pictures; what that took
"""

import numpy as np
from pictures import read_colour
from process import measure, serve

import jaxcompress
from jaxcompress.cli import startup

built = {}


def build(weights, pictures, keep):
    """Makes the codec, and has it compile."""
    if keep:
        startup.keep_memory()
    built["codec"] = jaxcompress.Codec(jaxcompress.load(weights))
    built["pictures"] = [read_colour(path) for path in pictures]
    for shape in {picture.shape for picture in built["pictures"]}:
        built["codec"].decompress(built["codec"].compress(np.zeros(shape, np.uint8)))
    encode()
    return {}


def encode():
    """Encodes all pictures."""
    built["files"], figures = measure(lambda: [built["codec"].compress(picture) for picture in built["pictures"]])
    return figures


def decode():
    """Decodes them."""
    return measure(lambda: [built["codec"].decompress(file) for file in built["files"]])[1]


if __name__ == "__main__":
    serve({"build": build, "encode": encode, "decode": decode})
