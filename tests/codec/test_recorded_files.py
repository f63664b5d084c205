"""Recorded files are read for ever: to the very latents, here and by the readable decoder.

Those with a 4 in their names have version 4 of the container: one with a colour profile and with a field of no known
number that may be skipped. The others have version 3, which 0.1.0 wrote.

`latents.json` has a CRC-32 of the latents of each, as float32. They were written by `Codec.compress`.
"""

import json
import lzma
import zlib
from pathlib import Path

import pytest

from jaxcompress import Codec, load, reference, zoo
from jaxcompress.codec import container

RECORDED = Path(__file__).parent.parent / "golden" / "jxc"

SMALL = "mbt2018-mean-small"

# The weights of each: bundled ones, recorded ones with made-up integer networks, or a small light network beside them.
FILES = {
    "photograph": SMALL,  # streams of lanes
    "grey": SMALL,
    "chunks": SMALL,
    "wavefront": "mbt2018",
    "factorized": "bmshj2018-factorized",
    "hyperprior": "bmshj2018-hyperprior",
    "factorized-4": "bmshj2018-factorized",
    "grey-4": SMALL,
    "light-4": "light",
}


@pytest.fixture
def weights_of(golden_of, with_integers, tmp_path):
    def weights(name):
        if name == SMALL:
            return zoo.load(SMALL)
        if name != "light":
            return with_integers(golden_of(name).weights)
        path = tmp_path / "light.safetensors"
        path.write_bytes(lzma.decompress((RECORDED / "light.safetensors.xz").read_bytes()))
        return load(path)

    return weights


def check_sum(latents):
    return zlib.crc32((latents + 0.0).astype("<f4").tobytes())  # there is one zero


@pytest.mark.parametrize("name", FILES)
def test_recorded_files_decode(name, weights_of, tmp_path):
    weights = weights_of(FILES[name])
    weights.save(tmp_path / "weights.safetensors")
    data = (RECORDED / f"{name}.jxc").read_bytes()
    expected = json.loads((RECORDED / "latents.json").read_text())[name]

    codec = Codec(weights)
    header, strings = container.unpack(data)
    assert container.version_of(data) == (4 if "4" in name else 3)
    shape = header.padded_height // 16, header.padded_width // 16
    numbers = dict(header.settings)
    coder = codec._coders[header.entropy_mode]
    found = coder.decode(strings, shape, header.chunk_size, order=header.symbol_order, threads=1, numbers=numbers)
    assert check_sum(found) == expected
    assert check_sum(reference.decode_latents(data, tmp_path / "weights.safetensors")) == expected
    assert codec.decompress(data).shape == (header.height, header.width, 3)[: 2 if header.channels == 1 else 3]
