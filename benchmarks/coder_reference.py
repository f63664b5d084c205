"""CompressAI's coder for `coder.py`, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`; arrays travel in .npz files.

    {"command": "hello"}                               versions
    {"command": "latents", architecture, checkpoint, pictures, folder}    writes y's symbols of each picture, with all
                                                       that their coding takes, to folder/0.npz, 1.npz and so on
    {"command": "code", "message"}                     codes such a file; seconds of CPU time, and the stream's digest
"""

import hashlib
import time

import compressai
import numpy as np
import torch
from compressai_worker import CLASSES, hello, serve_on_one_thread
from PIL import Image


def latents(architecture, checkpoint, pictures, folder):
    """What CompressAI codes of y, for each picture."""
    network = CLASSES[architecture].from_state_dict(torch.load(checkpoint, weights_only=True)).eval()
    conditional = network.gaussian_conditional
    for i, path in enumerate(pictures):
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / np.float32(255)
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        height, width = (-(-side // 64) * 64 for side in x.shape[2:])
        x = torch.nn.functional.pad(x, (0, width - x.shape[3], 0, height - x.shape[2]))
        y = network.g_a(x)
        z = network.h_a(y if architecture == "mbt2018-mean" else y.abs())
        scales, means = network.h_s(network.entropy_bottleneck(z)[0]), None
        if architecture == "mbt2018-mean":
            scales, means = scales.chunk(2, 1)
        np.savez(
            f"{folder}/{i}.npz",
            symbols=conditional.quantize(y, "symbols", means)[0].numpy(),
            indexes=conditional.build_indexes(scales)[0].numpy(),
            cdf=conditional.quantized_cdf.numpy(),
            lengths=conditional.cdf_length.numpy(),
            offsets=conditional.offset.numpy(),
        )
    return {}


def code(message):
    """Encodes and decodes as EntropyModel.compress and decompress do after the rounding, lists and tensors included."""
    with np.load(message) as file:
        tensors = {name: torch.from_numpy(file[name]) for name in file.files}
    symbols, indexes = tensors["symbols"], tensors["indexes"]
    tables = tensors["cdf"], tensors["lengths"], tensors["offsets"]
    encoder, decoder = compressai.ans.RansEncoder(), compressai.ans.RansDecoder()

    began = time.thread_time()
    lists = [tensor.tolist() for tensor in (symbols.reshape(-1).int(), indexes.reshape(-1).int(), *tables)]
    called = time.thread_time()
    stream = encoder.encode_with_indexes(*lists)
    encoded = time.thread_time()
    seconds = {"encode": encoded - began, "encode call": encoded - called}
    del lists

    began = time.thread_time()
    lists = [tensor.tolist() for tensor in (indexes.reshape(-1).int(), *tables)]
    called = time.thread_time()
    values = decoder.decode_with_indexes(stream, *lists)
    returned = time.thread_time()
    decoded = torch.tensor(values, dtype=torch.float32).reshape(indexes.shape)
    seconds |= {"decode": time.thread_time() - began, "decode call": returned - called}
    if not torch.equal(decoded, symbols.float()):
        raise ValueError("CompressAI decodes other symbols than it encoded")
    return {"seconds": seconds, "digest": hashlib.sha256(stream).hexdigest()}


if __name__ == "__main__":
    serve_on_one_thread({"hello": hello, "latents": latents, "code": code})
