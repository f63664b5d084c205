"""Learned image compression for JAX: CompressAI's architectures, weights and bitstreams.

The public surface, loaded on first use so that `import jaxcompress` stays cheap:

    model = jaxcompress.create("mbt2018-mean", quality=3)       # a Flax module
    weights = jaxcompress.load("photo.safetensors")             # trained weights with their coding tables
    data = jaxcompress.Codec(weights).compress(image)           # uint8 [H, W, 3] -> bytes

Packages: `ops` (pure functions), `layers` (Flax modules), `entropy` (likelihoods and tables), `priors` (in which passes
latents are coded), `models`, `integer` (entropy parameters in exact arithmetic), `codec` (bitstreams and files),
`convert` (PyTorch checkpoints), `metrics`, `train`, `evaluate` (rate-distortion curves and reports), `zoo` (weights by
name), `export` (StableHLO and ONNX), `coder` (the C++ entropy coder), `reference` (a decoder of files in plain Python,
for reading).
Conventions are stated in `jaxcompress.ops`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxcompress import (
        codec,
        coder,
        convert,
        entropy,
        evaluate,
        export,
        integer,
        layers,
        metrics,
        models,
        ops,
        priors,
        reference,
        train,
        zoo,
    )
    from jaxcompress.codec import Codec
    from jaxcompress.models import create
    from jaxcompress.weights import Weights, load

__version__ = "0.1.0"

__all__ = [
    "Codec",
    "Weights",
    "codec",
    "coder",
    "convert",
    "create",
    "entropy",
    "evaluate",
    "export",
    "integer",
    "layers",
    "load",
    "metrics",
    "models",
    "ops",
    "priors",
    "reference",
    "train",
    "zoo",
]

_HOMES = {
    "Codec": "jaxcompress.codec",
    "create": "jaxcompress.models",
    "Weights": "jaxcompress.weights",
    "load": "jaxcompress.weights",
}


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
