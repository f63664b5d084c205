"""CompressAI's loop over positions for `autoregressive.py`, in its own environment. It never imports jaxcompress.

Asked and answered as `compressai_worker.py`:

    {"command": "hello"}, {"command": "build", ...}    see there
    {"command": "prepare", checkpoint, picture, arrays}    writes latents, side information, weights and tables
    {"command": "encode", threads}    wall and CPU seconds, bytes of the stream
    {"command": "decode", threads}    wall and CPU seconds, whether it gave the latents of its encoder
"""

import resource
import time

import numpy as np
import torch
import torch.nn.functional as F
from compressai_worker import build, hello, load, read_picture, serve

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
    network, y = prepared["network"], F.pad(prepared["y"], (PADDING,) * 4)
    string, times = measure(threads, lambda: network._compress_ar(y, prepared["hyper"], *sides(), SIZE, PADDING))
    prepared.update(string=string, y_hat=y)
    return times | {"bytes": len(string)}


def decode(threads):
    """The loop of `decompress`."""
    network, y_hat = prepared["network"], torch.zeros_like(F.pad(prepared["y"], (PADDING,) * 4))
    _, times = measure(
        threads,
        lambda: network._decompress_ar(prepared["string"], y_hat, prepared["hyper"], *sides(), SIZE, PADDING),
    )
    return times | {"same": bool((y_hat - prepared["y_hat"]).abs().max() < 1e-3)}


def sides():
    """Height and width of the latent."""
    return prepared["y"].shape[-2:]


def measure(threads, run):
    """What `run` returns, and what it took."""
    torch.set_num_threads(threads)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    result = run()
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, {"wall": ended - began, "cpu": cpu}


if __name__ == "__main__":
    serve({"hello": hello, "build": build, "prepare": prepare, "encode": encode, "decode": decode})
