"""The steps of CompressAI's example codec for `startup.py`, as a program in its own environment.

    startup_reference.py encode PICTURE OUTPUT ARCHITECTURE CHECKPOINT
    startup_reference.py decode FILE OUTPUT ARCHITECTURE CHECKPOINT

As there: one thread, the network by `from_state_dict` of a checkpoint that brings its tables (there it is downloaded
once), padding to multiples of 64. The header is shorter: no time goes there.
"""

import argparse
import struct
from pathlib import Path

import torch
from compressai.zoo.image import model_architectures
from compressai.zoo.pretrained import load_pretrained
from PIL import Image
from torchvision.transforms import ToPILImage, ToTensor


def load(architecture, checkpoint):
    """The network, ready to code."""
    state = load_pretrained(torch.load(checkpoint, weights_only=True))
    return model_architectures[architecture].from_state_dict(state).eval()


def encode(picture, output, network):
    """Writes the strings of a picture."""
    x = ToTensor()(Image.open(picture).convert("RGB")).unsqueeze(0)
    height, width = x.shape[-2:]
    left, top = -width % 64 // 2, -height % 64 // 2
    x = torch.nn.functional.pad(x, (left, -width % 64 - left, top, -height % 64 - top))
    coded = network.compress(x)
    data = struct.pack(">5I", height, width, *coded["shape"], len(coded["strings"]))
    for (string,) in coded["strings"]:
        data += struct.pack(">I", len(string)) + string
    Path(output).write_bytes(data)


def decode(file, output, network):
    """Writes the picture of strings."""
    data = Path(file).read_bytes()
    height, width, rows, columns, count = struct.unpack_from(">5I", data)
    position, strings = 20, []
    for _ in range(count):
        (length,) = struct.unpack_from(">I", data, position)
        strings.append([data[position + 4 : position + 4 + length]])
        position += 4 + length
    x_hat = network.decompress(strings, (rows, columns))["x_hat"]
    left, top = -width % 64 // 2, -height % 64 // 2
    ToPILImage()(x_hat[0, :, top : top + height, left : left + width].clamp(0, 1)).save(output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["encode", "decode"])
    for name in ("source", "output", "architecture", "checkpoint"):
        parser.add_argument(name)
    options = parser.parse_args()
    run = encode if options.command == "encode" else decode
    with torch.no_grad():
        run(options.source, options.output, load(options.architecture, options.checkpoint))
