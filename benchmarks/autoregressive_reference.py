"""CompressAI's loop over positions for `autoregressive.py`, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`:

    {"command": "hello"}, {"command": "build", ...}    see `compressai_worker.py`
    {"command": "prepare", checkpoint, picture, arrays}    writes latents, side information, weights and tables
    {"command": "encode", threads}    wall and CPU seconds, bytes of the stream
    {"command": "decode", threads}    wall and CPU seconds, whether it gave the latents of its encoder
"""

import numpy as np
import torch
import torch.nn.functional as F
from compressai_worker import build, hello, load, read_picture, serve_on_one_thread
from process import measure

ARCHITECTURE, SIZE, PADDING = "mbt2018", 5, 2
prepared = {}


def prepare(checkpoint, picture, arrays):
    """Runs everything up to the loop, and keeps it."""
    network, _ = load(ARCHITECTURE, checkpoint)
    y = network.g_a(read_picture(picture))
    z_hat, _ = network.entropy_bottleneck(network.h_a(y))
    hyper = network.h_s(z_hat)
    prepared.update(network=network, y=y, hyper=hyper)
    context, gaussian = network.context_prediction, network.gaussian_conditional
    found = {
        "y": y[0].permute(1, 2, 0),
        "hyper": hyper[0].permute(1, 2, 0),
        "context/kernel": context.weight.permute(2, 3, 1, 0),
        "context/bias": context.bias,
        "scale_table": gaussian.scale_table,
        "cdf": gaussian.quantized_cdf,
        "cdf_length": gaussian.cdf_length,
        "offset": gaussian.offset,
    }
    layers = [layer for layer in network.entropy_parameters if isinstance(layer, torch.nn.Conv2d)]
    for i, layer in enumerate(layers):
        found |= {f"{i}/kernel": layer.weight[:, :, 0, 0].T, f"{i}/bias": layer.bias}
    np.savez(arrays, **{name: np.ascontiguousarray(tensor.numpy()) for name, tensor in found.items()})
    return {"layers": len(layers)}


def encode(threads):
    """The loop of `compress`."""
    torch.set_num_threads(threads)
    network, y = prepared["network"], F.pad(prepared["y"], (PADDING,) * 4)
    string, figures = measure(lambda: network._compress_ar(y, prepared["hyper"], *sides(), SIZE, PADDING))
    prepared.update(string=string, y_hat=y)
    return figures | {"bytes": len(string)}


def decode(threads):
    """The loop of `decompress`."""
    torch.set_num_threads(threads)
    network, y_hat = prepared["network"], torch.zeros_like(F.pad(prepared["y"], (PADDING,) * 4))
    arguments = prepared["string"], y_hat, prepared["hyper"], *sides(), SIZE, PADDING
    _, figures = measure(lambda: network._decompress_ar(*arguments))
    return figures | {"same": bool((y_hat - prepared["y_hat"]).abs().max() < 1e-3)}


def sides():
    """Height and width of the latent."""
    return prepared["y"].shape[-2:]


if __name__ == "__main__":
    serve_on_one_thread({"hello": hello, "build": build, "prepare": prepare, "encode": encode, "decode": decode})
