"""Records what the prototype of the light codec, plain JAX, computes: for tests of `jaxcompress.models.Light`.

    python tests/golden/record_light.py PROTOTYPE

PROTOTYPE is a folder with the prototype's `model.py`, its trained `weights.npz`, and `recorded.npz`, its outputs. Needs
JAX, and nothing of jaxcompress. Writes into the folder of this script, or into `--output`:

    light.npz           a network of n=12, m=16 with drawn parameters, and a drawn picture; small enough to be kept here
    light-trained.npz   the trained network of n=96, m=256, and a photograph: 10 MB, not kept here

Keys, arrays NHWC and float32:

    params/<path>       parameters, by their paths in `jaxcompress.models.Light`
    x, t                the picture `[H, W, 3]`, and three rates
    ys, z, hyper, y_hat, x_hat, mean0 ... mean3, scale0 ... scale3
                        outputs of the stages at each rate `[3, ...]`; means and scales are zero outside their pass
    y_bits, z_bits      bits of the latents, `[3]`
"""

import argparse
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_BLOCK = {"a": "reduce", "c": "conv", "o": "expand"}
_LAYERS = {
    "ga_in": "g_a/in",
    "ga_out": "g_a/out",
    "ga_lin": "g_a/linear",
    "gs_in": "g_s/in",
    "gs_out": "g_s/out",
    "gs_lin": "g_s/linear",
    "ha_in": "h_a/in",
    "ha_d": "h_a/down",
    "ha_out": "h_a/out",
    "hs_in": "h_s/in",
    "hs_c1": "h_s/conv_0",
    "hs_u": "h_s/up",
    "hs_c2": "h_s/conv_1",
    "ctx_c": "context/conv",
}
_TABLES = {
    "escale": "g_a/scale",
    "dscale": "g_s/scale",
    "pscale": "h_s/rate",
    "gain": "gain/gain",
    "igain": "gain/inverse",
    "sd": "gain/spread",
    "z_w": "z_density/weights",
    "z_mu": "z_density/means",
    "z_ls": "z_density/log_scales",
}
_DRAWN = {96: 12, 64: 8, 256: 16, 128: 8, 384: 48, 512: 32}
"""Widths of the drawn network, by those of the trained one; others stay."""


def from_prototype(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters by path, of arrays by the prototype's names such as "ga_blocks/0/a/w"."""
    found = {}
    for name, array in arrays.items():
        if path := _path(name):
            found[path] = array[None, None] if path.endswith("kernel") and array.ndim == 2 else array
    return found


def _path(name: str) -> str | None:
    if name in _TABLES:
        return _TABLES[name]
    *folders, leaf = name.split("/")
    leaf = {"w": "kernel", "b": "bias"}[leaf]
    match folders:
        case ["ctx_in", "0"]:  # no pass reads it
            return None
        case ["ctx_in" | "ctx_out" as group, number]:
            return f"context/{group.removeprefix('ctx_')}_{number}/{leaf}"
        case ["ga_blocks" | "gs_blocks" as group, number, part]:
            return f"g_{group[1]}/blocks_{number}/{_BLOCK[part]}/{leaf}"
        case ["ga_last" | "gs_first" as group, part]:
            return f"g_{group[1]}/{group[3:]}/{_BLOCK[part]}/{leaf}"
    return f"{_LAYERS['/'.join(folders)]}/{leaf}"


def _draw(trained: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters of a smaller network, neither dead nor wild: outputs of a layer are about as large as its inputs."""
    rng = np.random.default_rng(0)
    drawn = {}
    for name, array in trained.items():
        shape = tuple(_smaller(name, axis, array.shape) for axis in range(array.ndim))
        spread = 0.3 if array.ndim < 2 or name in _TABLES else np.prod(shape[:-1]) ** -0.5
        drawn[name] = rng.normal(0, spread, shape).astype(np.float32)
    return drawn


def _smaller(name: str, axis: int, shape: tuple[int, ...]) -> int:
    side, last = shape[axis], axis == len(shape) - 1
    if name.startswith(("hs_in/", "hs_u/")) and last:
        return 32
    return side if axis < len(shape) - 2 and side <= 3 else _DRAWN.get(side, side)


def _load_module(path: Path):
    spec = importlib.util.spec_from_file_location("prototype", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _write(path: Path, parameters: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> None:
    params = {f"params/{name}": array for name, array in from_prototype(parameters).items()}
    np.savez_compressed(path, **params, **outputs)
    print(path, path.stat().st_size)


def main() -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prototype", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    trained = dict(np.load(arguments.prototype / "weights.npz"))
    _write(arguments.output / "light-trained.npz", trained, dict(np.load(arguments.prototype / "recorded.npz")))
    model, drawn = _load_module(arguments.prototype / "model.py"), _draw(trained)
    np.savez(path := arguments.output / "drawn.npz", **drawn)
    params = model.load(path)
    path.unlink()
    x = np.random.default_rng(1).uniform(size=(64, 128, 3)).astype(np.float32)
    rates = np.array([-1.5, 2.3, 5], np.float32)
    outputs = model.coded(params, np.repeat(x[None], len(rates), 0), rates)
    _write(arguments.output / "light.npz", drawn, {"x": x, "t": rates} | {k: np.asarray(v) for k, v in outputs.items()})


if __name__ == "__main__":
    main()
