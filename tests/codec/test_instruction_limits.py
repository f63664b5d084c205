"""That integer streams are the same whatever instructions XLA may use, each limit in a process of its own."""

import os
import subprocess
import sys

import pytest
from PIL import Image

from jaxcompress.integer import quantize_entropy

ENCODE = "import sys; from jaxcompress.cli import main; sys.exit(main(sys.argv[1:]))"
# Prints the hash of `verify`, and one of the latents that the floating-point networks find, which need not be equal.
VERIFY = """
import hashlib, sys
import jaxcompress
from jaxcompress.codec import read_picture
from jaxcompress.verification import verify

weights, *files = sys.argv[1:]
codec = jaxcompress.Codec(jaxcompress.load(weights))
report = verify(codec, [(file, open(file, "rb").read()) for file in files])
assert report.all_equal, report.rows
print(report.hash, hashlib.sha256(codec.analyse(read_picture(files[0]).pixels)[0].tobytes()).hexdigest())
"""


def run(limit, *arguments):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={limit}" if limit else os.environ.get("XLA_FLAGS", "")
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("architecture", ["bmshj2018-hyperprior", "mbt2018-mean", "mbt2018", "cheng2020-attn"])
def test_streams_do_not_hang_on_the_instructions_of_a_processor(architecture, golden_of, photo, tmp_path):
    weights, picture, file = (tmp_path / name for name in ("w.safetensors", "photo.png", "photo.jxc"))
    quantize_entropy(golden_of(architecture).weights).save(weights)
    Image.fromarray(photo).save(picture)
    run("SSE4_2", "-c", ENCODE, "encode", picture, "-o", file, "-w", weights)
    found = [run(limit, "-c", VERIFY, weights, picture, file) for limit in (None, "AVX", "SSE4_2")]
    assert len({verified for verified, _ in found}) == 1
    assert len({analysed for _, analysed in found}) > 1, "the limits had no effect"
