"""CompressAI's training step for `training.py`, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`:

    {"command": "build", architecture, n, m, batch, crop, threads, device, layout}    versions
    {"command": "step"}    loss; wall and CPU time and page faults of the step; peak memory so far, in kB
"""

import numpy as np
import torch
from compressai.losses import RateDistortionLoss
from compressai.optimizers import net_aux_optimizer
from compressai_worker import CLASSES, hello
from process import measure, serve

OPTIMIZERS = {"net": {"type": "Adam", "lr": 1e-4}, "aux": {"type": "Adam", "lr": 1e-3}}

built = {}


def build(architecture, n, m, batch, crop, threads, device, layout):
    """Makes the network as initialized, its optimizers and a batch of noise; layout is "NCHW" or "channels_last"."""
    torch.set_num_threads(threads)
    # Full float32, as ours computes; by default cuDNN would use TF32 on a GPU.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    device = {"cpu": "cpu", "gpu": "cuda"}[device]
    network = CLASSES[architecture](n, m).to(device).to(memory_format=memory).train()
    x = np.random.default_rng(0).random((batch, 3, crop, crop), np.float32)
    built["x"] = torch.from_numpy(x).to(device).contiguous(memory_format=memory)
    built["network"], built["criterion"] = network, RateDistortionLoss(lmbda=0.01)
    built["optimizers"] = net_aux_optimizer(network, OPTIMIZERS)
    return hello()


def step():
    """Runs and measures a step."""
    loss, figures = measure(run_step)
    return {"loss": loss, **figures}


def run_step():
    """One step of CompressAI's `examples/train.py`, to the end; its loss."""
    network, x, optimizers = built["network"], built["x"], built["optimizers"]
    optimizers["net"].zero_grad()
    optimizers["aux"].zero_grad()
    loss = built["criterion"](network(x), x)["loss"]
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizers["net"].step()
    aux_loss = network.aux_loss()
    aux_loss.backward()
    optimizers["aux"].step()
    if x.is_cuda:
        torch.cuda.synchronize()
    return loss.item()


if __name__ == "__main__":
    serve({"build": build, "step": step})
