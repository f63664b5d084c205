"""CompressAI from files to files for `codec.py`, in its own environment. It never imports jaxcompress.

What its example codec does with one picture is done for each of a folder, with a network that is loaded once. Asked and
answered as in `process.py`:

    {"command": "build", architecture, checkpoint, layout, threads}    versions; layout is "NCHW" or "channels_last"
    {"command": "run", what, source, target}    wall and CPU time of `encode` or `decode`; bytes of the compressed
"""

import struct
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from compressai.ops import compute_padding
from compressai_worker import hello, load
from PIL import Image
from process import measure, serve

built = {}


def build(architecture, checkpoint, layout, threads):
    """Loads a network."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    built["memory"] = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    built["network"] = load(architecture, checkpoint)[0].to(memory_format=built["memory"])
    return hello()


def run(what, source, target):
    """Codes the pictures of a folder, or decodes its files."""
    Path(target).mkdir(parents=True, exist_ok=True)
    code, before, after = {"encode": (encode, ".png", ".bin"), "decode": (decode, ".bin", ".png")}[what]
    pairs = [(path, Path(target, path.stem + after)) for path in sorted(Path(source).glob(f"*{before}"))]
    _, figures = measure(lambda: [code(*pair) for pair in pairs])
    compressed = [pair[what == "encode"] for pair in pairs]
    return {"bytes": sum(path.stat().st_size for path in compressed), **figures}


def encode(source, target):
    """A picture to a file of its strings."""
    target.write_bytes(compress(np.array(Image.open(source).convert("RGB"))))


def decode(source, target):
    """The inverse."""
    Image.fromarray(decompress(source.read_bytes())).save(target)


def compress(pixels):
    """The bytes of a file of a picture, uint8 `[H, W, 3]`."""
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div(255)
    height, width = x.shape[-2:]
    padding, _ = compute_padding(height, width, min_div=64)
    x = F.pad(x, padding).to(memory_format=built["memory"])
    coded = built["network"].compress(x)
    strings = [group[0] for group in coded["strings"]]
    head = struct.pack(">IIIII", height, width, *coded["shape"], len(strings))
    return head + b"".join(struct.pack(">I", len(string)) + string for string in strings)


def decompress(data):
    """The inverse."""
    height, width, *shape, count = struct.unpack_from(">IIIII", data)
    strings, position = [], 20
    for _ in range(count):
        (length,) = struct.unpack_from(">I", data, position)
        strings.append([data[position + 4 : position + 4 + length]])
        position += 4 + length
    x_hat = built["network"].decompress(strings, shape)["x_hat"]
    _, unpadding = compute_padding(height, width, min_div=64)
    return F.pad(x_hat, unpadding)[0].clamp(0, 1).mul(255).byte().permute(1, 2, 0).numpy()


if __name__ == "__main__":
    serve({"build": build, "run": run})
