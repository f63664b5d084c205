"""Records ten steps of CompressAI's own training loop, for tests of ours.

It runs in CompressAI's environment:

    compressai-env/bin/python tests/golden/record_training.py

reads the small networks and their pictures beside this file (or in a folder given as `--golden`) and writes
`training-<architecture>.npz` there (or into `--output`). It needs CompressAI 1.2.8, and nothing of jaxcompress.

A step is that of CompressAI's `examples/train.py`, with its defaults (Adam at 1e-4 for the network and at 1e-3 for the
quantiles, gradients clipped to a norm of 1): clear both gradients; loss, with lambda 0.03; its gradient; clip; step of
the network; only then the aux loss, its gradient, and the step of the quantiles. The additive noise is forced to zero.
Step i, from 0, sees the two recorded pictures moved `8 * i` columns to the right, those that leave coming back on the
left, and, where i is odd, mirrored left to right after that.

Keys, arrays in CompressAI's layout:

    param/<name>            every parameter after the last step, float32
    loss, bpp, mse, aux     of each step, before the steps they lead to (aux: after that of the network), float64 [10]
    grad_norm               of each step, before clipping, float64 [10]
    grad_norm_kept          the same without the masked taps of a context model; only of models that have one

CompressAI counts the gradients of masked taps in the norm, lets Adam change those taps, and sets them to zero when the
layer runs again; so they are not zero in `param/context_prediction.weight`, and mean nothing.
"""

import argparse
import io
import lzma
from pathlib import Path

import numpy as np
import torch
from compressai.entropy_models import EntropyModel
from compressai.losses import RateDistortionLoss
from compressai.models import JointAutoregressiveHierarchicalPriors, MeanScaleHyperprior, ScaleHyperprior
from compressai.optimizers import net_aux_optimizer

CLASSES = {
    "bmshj2018-hyperprior": ScaleHyperprior,
    "mbt2018-mean": MeanScaleHyperprior,
    "mbt2018": JointAutoregressiveHierarchicalPriors,
}
STEPS = 10
LAMBDA = 0.03
OPTIMIZERS = {"net": {"type": "Adam", "lr": 1e-4}, "aux": {"type": "Adam", "lr": 1e-3}}
CLIP_MAX_NORM = 1.0


def load(golden: Path, architecture: str):
    """The network, ready to train, and its pictures `[2, 3, H, W]`."""
    path = golden / f"{architecture}.pth.tar"
    data = path.read_bytes() if path.exists() else lzma.decompress(Path(f"{path}.xz").read_bytes())
    network = CLASSES[architecture].from_state_dict(torch.load(io.BytesIO(data), weights_only=True))
    x = np.load(golden / f"{architecture}.npz")["x"]
    x = x if x.dtype == np.float32 else x.astype(np.float32) / np.float32(255)
    return network.train(), torch.from_numpy(x)


def batch(x: torch.Tensor, step: int) -> torch.Tensor:
    """What a step sees of the pictures."""
    x = x.roll(8 * step, dims=-1)
    return x.flip(-1) if step % 2 else x


def train(network, x: torch.Tensor) -> dict[str, list[float]]:
    """Ten steps; returns what each of them computed."""
    criterion = RateDistortionLoss(lmbda=LAMBDA)
    optimizers = net_aux_optimizer(network, OPTIMIZERS)
    context = getattr(network, "context_prediction", None)
    found = {name: [] for name in ("loss", "bpp", "mse", "aux", "grad_norm", "grad_norm_kept")}
    for step in range(STEPS):
        pictures = batch(x, step)
        optimizers["net"].zero_grad()
        optimizers["aux"].zero_grad()
        losses = criterion(network(pictures), pictures)
        losses["loss"].backward()
        masked = 0 if context is None else ((1 - context.mask) * context.weight.grad).double().square().sum().item()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_MAX_NORM).item()
        optimizers["net"].step()
        aux = network.aux_loss()
        aux.backward()
        optimizers["aux"].step()
        values = (losses["loss"], losses["bpp_loss"], losses["mse_loss"], aux, norm, (norm**2 - masked) ** 0.5)
        for name, value in zip(found, values, strict=True):
            found[name].append(float(value))
    if context is None:
        del found["grad_norm_kept"]
    return found


def main() -> None:
    """Records every network."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, default=here, help="folder of checkpoints (default: that of this file)")
    parser.add_argument("--output", type=Path, default=here, help="folder to write to (default: that of this file)")
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mkldnn.enabled = (
        False  # as in the other recordings: its backward fails at 24 channels on some machines
    )
    quantize = EntropyModel.quantize

    def quantize_without_noise(self, inputs, mode, means=None):
        return inputs if mode == "noise" else quantize(self, inputs, mode, means)

    EntropyModel.quantize = quantize_without_noise
    for architecture in CLASSES:
        network, x = load(options.golden, architecture)
        found = {name: np.array(values) for name, values in train(network, x).items()}
        found |= {f"param/{name}": value.detach().numpy() for name, value in network.named_parameters()}
        path = options.output / f"training-{architecture}.npz"
        np.savez_compressed(path, **found)
        print(f"{path}: {path.stat().st_size:,} bytes, loss {found['loss'][0]:.4f} -> {found['loss'][-1]:.4f}")


if __name__ == "__main__":
    main()
