"""CompressAI for several benchmarks, in its own environment. It never imports jaxcompress.

Asked and answered as in `process.py`; arrays travel in .npz files and networks in .pth.tar files. Arrays keep
CompressAI's layout, NCHW.

    {"command": "hello"}                                            versions
    {"command": "build", architecture, n, m, seed, picture, checkpoint}    writes a random network
    {"command": "code", architecture, checkpoint, picture, arrays, stages, arithmetic} codes a picture with a network
    {"command": "decompress", architecture, checkpoint, strings, shape}    CPU seconds
"""

import base64
import contextlib
import time

import compressai
import numpy as np
import torch
from compressai.models import (
    Cheng2020Anchor,
    Cheng2020Attention,
    FactorizedPrior,
    JointAutoregressiveHierarchicalPriors,
    MeanScaleHyperprior,
    ScaleHyperprior,
)
from compressai.models.google import FactorizedPriorReLU
from process import serve

CLASSES = {
    "bmshj2018-factorized": FactorizedPrior,
    "bmshj2018-factorized-relu": FactorizedPriorReLU,
    "bmshj2018-hyperprior": ScaleHyperprior,
    "mbt2018-mean": MeanScaleHyperprior,
    "mbt2018": JointAutoregressiveHierarchicalPriors,
    "cheng2020-anchor": Cheng2020Anchor,
    "cheng2020-attn": Cheng2020Attention,
}
STAGES = ("g_a", "h_a", "h_s", "context_prediction", "entropy_parameters", "g_s")


def hello():
    """Says which CompressAI this is."""
    return {"compressai": compressai.__version__, "torch": torch.__version__}


# ---------------------------------------------------------------- random networks that behave like trained ones


def build(architecture, n, m, seed, picture, checkpoint, largest=20):
    """Writes a random network whose latents, scales, means and picture spread as those of a trained one.

    Left as initialized, every scale of a network lies below the smallest of the tables, every picture is coded with
    one table, and nothing is shown. So the last layer of each stage is rescaled to chosen statistics on a picture.
    Standard deviations of the channels of y go from 0.12 to `largest`.
    """
    torch.manual_seed(seed)
    network = CLASSES[architecture](n) if architecture.startswith("cheng2020") else CLASSES[architecture](n, m)
    network.eval()
    bottleneck = network.entropy_bottleneck
    for name, parameter in bottleneck.named_parameters():
        if not name.endswith("quantiles"):
            parameter += 0.2 * torch.randn_like(parameter)  # densities that differ, with medians that are not 0
    bottleneck._update_quantiles()

    x = read_picture(picture)
    deviation = torch.exp(torch.empty(m).uniform_(np.log(0.12), np.log(largest)))
    last = network.g_a[7] if architecture == "cheng2020-attn" else last_layer(network.g_a)
    spread(last, lambda: network.g_a(x), 0, deviation)
    y = network.g_a(x)
    if hasattr(network, "h_a"):
        y_or_size = y.abs() if architecture == "bmshj2018-hyperprior" else y
        spread(last_layer(network.h_a), lambda: network.h_a(y_or_size), 0, 4)
        z_hat, _ = bottleneck(network.h_a(y_or_size))
        # Scales around each channel's deviation, some of them negative; then means.
        targets = (torch.cat([deviation, 0 * deviation]), torch.cat([deviation, deviation]) / 2)
        if architecture == "bmshj2018-hyperprior":
            spread(last_layer(network.h_s), lambda: network.h_s(z_hat), deviation, deviation / 2)
        elif architecture == "mbt2018-mean":
            spread(last_layer(network.h_s), lambda: network.h_s(z_hat), *targets)
        else:
            spread(last_layer(network.h_s), lambda: network.h_s(z_hat), 0, 1)
            context = network.context_prediction
            spread(context, lambda: context(y.round()), 0, 1)
            joined = torch.cat([network.h_s(z_hat), context(y.round())], 1)
            parameters = network.entropy_parameters
            spread(last_layer(parameters), lambda: parameters(joined), *targets)
    spread(last_layer(network.g_s), lambda: network.g_s(y.round()), 0.5, 0.07)  # peaks near 0 and 1

    network.update(force=True)
    state = network.state_dict()
    if (mask := state.get("context_prediction.mask")) is not None:
        # As after a training step: CompressAI stores masked taps that are not zero, and never uses them.
        state["context_prediction.weight"] = state["context_prediction.weight"] + 0.01 * (1 - mask)
    torch.save(state, checkpoint)
    return {}


def last_layer(stage):
    """The last convolution of a stage."""
    return [m for m in stage.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))][-1]


def spread(layer, run, mean, deviation):
    """Rescales a convolution so that its output channels have this mean and standard deviation while `run` runs."""
    outputs = []
    hook = layer.register_forward_hook(lambda module, inputs, output: outputs.append(output.clone()))
    run()
    hook.remove()
    values = outputs[0].transpose(0, 1).flatten(1)
    # A channel that hardly varies around a large value would only be made of rounding errors.
    gain = deviation / torch.maximum(values.std(1), 0.2 * values.mean(1).abs())
    shape = (1, -1, 1, 1) if isinstance(layer, torch.nn.ConvTranspose2d) else (-1, 1, 1, 1)
    layer.weight.data *= gain.reshape(shape)
    layer.bias.data = (layer.bias - values.mean(1)) * gain + mean


# ---------------------------------------------------------------- coding, with everything recorded


def code(architecture, checkpoint, picture, arrays, stages, arithmetic):
    """Codes a picture; writes what each stage (if asked) and the coder saw.

    Returns:
        Whether `update()` rebuilt tables, the strings, the shape.
    """
    network, updated = load(architecture, checkpoint)
    # Three ways in which PyTorch sums in different orders on one processor.
    layout = torch.channels_last if arithmetic == "channels_last" else torch.contiguous_format
    network, x = network.to(memory_format=layout), read_picture(picture).to(memory_format=layout)
    torch.backends.mkldnn.enabled = arithmetic != "mkldnn off"
    found = record_stages(network, x) if stages else {}
    with recording(network) as calls:
        coded = network.compress(x)
    height, width = calls["g_a"][0].shape[-2:]
    found |= {"y": calls["g_a"][0], "symbols": join(calls["symbols"], height, width)}
    if "h_a" in calls:
        scales = join(calls["scales"], height, width)
        found |= {"z": calls["h_a"][0], "z_symbols": calls["z_symbols"][0], "z_hat": calls["h_s"][0]}
        found |= {"scales": scales, "indexes": join(calls["indexes"], height, width)}
        found["means"] = join(calls["means"], height, width) if calls["means"] else np.zeros_like(scales)
        found["y_hat"] = found["symbols"].astype(np.float32) + found["means"]
    if "context_prediction" in dict(network.named_children()):
        # CompressAI's decoder of these models does not always compute what its encoder did, and then returns noise:
        # what a decoder should return is the synthesis of the encoder's own latents.
        found["x_hat"] = network.g_s(torch.from_numpy(found["y_hat"])).clamp(0, 1).numpy()
    else:
        found["x_hat"] = network.decompress(coded["strings"], coded["shape"])["x_hat"].numpy()
    np.savez(arrays, **found)
    strings = [base64.b64encode(group[0]).decode() for group in coded["strings"]]
    return {"updated": bool(updated), "strings": strings, "shape": list(coded["shape"])}


def decompress(architecture, checkpoint, strings, shape):
    """Decodes strings of `code` as CompressAI does."""
    network, _ = load(architecture, checkpoint)
    groups = [[base64.b64decode(string)] for string in strings]
    began = time.process_time()
    network.decompress(groups, shape)
    return {"cpu": time.process_time() - began}


loaded = {}


def load(architecture, checkpoint):
    """The network of a checkpoint, and what its `update()` returned; the last one is kept."""
    if checkpoint not in loaded:
        loaded.clear()
        state = torch.load(checkpoint, weights_only=True)
        for wrapper in ("state_dict", "network", "model_state_dict"):
            state = state.get(wrapper, state)
        network = CLASSES[architecture].from_state_dict(state).eval()
        loaded[checkpoint] = network, network.update()
    return loaded[checkpoint]


def record_stages(network, x):
    """Input and output of each stage in an evaluation forward."""
    found, hooks = {}, []
    for name in STAGES:
        if (stage := getattr(network, name, None)) is not None:

            def record(module, inputs, output, name=name):
                found[f"{name}/input"], found[f"{name}/output"] = to_numpy(inputs[0]), to_numpy(output)

            hooks.append(stage.register_forward_hook(record))
    network(x)
    for hook in hooks:
        hook.remove()
    return found


@contextlib.contextmanager
def recording(network):
    """Collects, call by call, latents, scales, table indexes, means and symbols."""
    calls = {"scales": [], "indexes": [], "means": [], "symbols": []}
    hooks, patched = [], []

    def keep(name, value):
        calls.setdefault(name, []).append(to_numpy(value))

    def patch(owner, method, record):
        original = getattr(owner, method)

        def call(*args, **kwargs):
            output = original(*args, **kwargs)
            record(output, *args, **kwargs)
            return output

        setattr(owner, method, call)
        patched.append((owner, method))

    def keep_gaussian_symbols(output, inputs, mode, means=None):
        keep("symbols", output)
        if means is not None:
            keep("means", means)

    hooks.append(network.g_a.register_forward_hook(lambda module, inputs, output: keep("g_a", output)))
    symbols_of_bottleneck = "symbols"
    if hasattr(network, "h_a"):
        symbols_of_bottleneck = "z_symbols"
        hooks.append(network.h_a.register_forward_hook(lambda module, inputs, output: keep("h_a", output)))
        hooks.append(network.h_s.register_forward_hook(lambda module, inputs, output: keep("h_s", inputs[0])))
        gaussian = network.gaussian_conditional
        patch(gaussian, "quantize", keep_gaussian_symbols)
        patch(gaussian, "build_indexes", lambda output, scales: (keep("scales", scales), keep("indexes", output)))
    patch(network.entropy_bottleneck, "quantize", lambda output, *_, **__: keep(symbols_of_bottleneck, output))
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()
        for owner, method in patched:
            delattr(owner, method)


def join(calls, height, width):
    """One array `[1, C, h, w]` of one call, or of a call `[1, C]` for each position."""
    if len(calls) == 1 and calls[0].ndim == 4:
        return calls[0]
    return np.stack(calls).reshape(height, width, -1).transpose(2, 0, 1)[None]


def to_numpy(tensor):
    """A copy: CompressAI writes into some tensors later."""
    return tensor.detach().numpy().copy()


def read_picture(path):
    """A float32 picture `[1, 3, H, W]`."""
    return torch.from_numpy(np.load(path))


def serve_on_one_thread(commands):
    """Answers until standard input ends; without gradients."""
    torch.set_num_threads(1)  # its loop over positions is many times slower when two threads share a busy core
    torch.set_grad_enabled(False)
    serve(commands)


if __name__ == "__main__":
    serve_on_one_thread({"hello": hello, "build": build, "code": code, "decompress": decompress})
