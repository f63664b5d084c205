"""CompressAI's transforms for `networks.py`, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`:

    {"command": "start", device, threads, contestant}    whether there is such a device
    {"command": "build", architecture, n, m, shape}  shape of the pictures: number, height, width
    {"command": "run", stage}                        wall and CPU time and page faults of g_a or g_s
    {"command": "peak"}                              products of matrices, operations in a second of CPU time
"""

import numpy as np
import torch
from compressai_worker import CLASSES
from process import measure, serve

chosen, built = {}, {}


def start(device, threads, contestant):
    """Chooses the device, and the layout by the contestant's name."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    # Full float32, as ours computes; by default cuDNN would use TF32 on a GPU.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    chosen["memory_format"] = torch.channels_last if contestant.endswith("channels_last") else torch.contiguous_format
    chosen["device"] = {"cpu": "cpu", "gpu": "cuda"}[device]
    return {"ok": device == "cpu" or torch.cuda.is_available()}


def build(architecture, n, m, shape):
    """Makes the network as initialized and a batch of noise."""
    count, height, width = shape
    network = CLASSES[architecture](n, m).eval().to(**chosen)
    x = torch.from_numpy(np.random.default_rng(0).random((count, 3, height, width), np.float32)).to(**chosen)
    y = network.g_a(x)
    built.update(g_a=lambda: network.g_a(x), g_s=lambda: network.g_s(y))
    return {}


def run(stage):
    """Runs and measures a transform."""
    return measure(lambda: finish(built[stage]()))[1]


def finish(result):
    """Waits for a GPU."""
    if result.is_cuda:
        torch.cuda.synchronize()


def peak():
    """The best rate of a product of matrices, by CPU time of all threads."""
    a = torch.rand(1536, 1536, device=chosen["device"])
    return {"flops": 2 * 1536**3 / min(measure(lambda: finish(a @ a))[1]["cpu"] for _ in range(12))}


if __name__ == "__main__":
    serve({"start": start, "build": build, "run": run, "peak": peak})
