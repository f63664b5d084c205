"""Recorded cases and small pictures that the tests share."""

import functools
import lzma
import os
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcompress import Codec, Weights
from jaxcompress.convert import from_pytorch
from jaxcompress.integer import quantize_entropy
from jaxcompress.models import ARCHITECTURES

# A folder with the complete recordings may be named here; the one in the repository leaves out what is large.
GOLDEN = Path(os.environ.get("JAXCOMPRESS_GOLDEN") or Path(__file__).parent / "golden")


class GoldenCase:
    """What CompressAI computed with one small network; arrays NHWC."""

    def __init__(self, architecture: str):
        self.architecture = architecture
        self.arrays = dict(np.load(GOLDEN / f"{architecture}.npz"))
        self.weights = _load_weights(architecture)
        x = self.arrays["x"]
        self.x = nhwc(x if x.dtype == np.float32 else x.astype(np.float32) / np.float32(255))

    def __repr__(self) -> str:
        return self.architecture

    @functools.cached_property
    def codec(self) -> Codec:
        return Codec(self.weights)

    def image(self, name: str) -> np.ndarray:
        return nhwc(self.arrays[name])

    def strings(self) -> list[list[bytes]]:
        groups = 1 + self.weights.model().has_hyperprior
        return [[self.arrays[f"strings/{group}/{i}"].tobytes() for i in range(len(self.x))] for group in range(groups)]


def nhwc(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def checkpoint_bytes(architecture: str) -> bytes:
    plain = GOLDEN / f"{architecture}.pth.tar"
    return plain.read_bytes() if plain.exists() else lzma.decompress(Path(f"{plain}.xz").read_bytes())


def _load_weights(architecture: str) -> Weights:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{architecture}.pth.tar"
        path.write_bytes(checkpoint_bytes(architecture))
        return from_pytorch(path, metadata={"quality": 3, "metric": "mse"}, integer=False)


golden_case = functools.cache(GoldenCase)


@pytest.fixture(params=ARCHITECTURES, scope="session")
def golden(request) -> GoldenCase:
    """Each architecture in turn."""
    return golden_case(request.param)


@pytest.fixture(scope="session")
def golden_of():
    """A function from architecture name to its recorded case."""
    return golden_case


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def golden_checkpoint():
    """A function from architecture name to the bytes of its PyTorch checkpoint."""
    return checkpoint_bytes


@pytest.fixture
def photo(golden_of) -> np.ndarray:
    """A photograph of odd size, uint8 [101, 75, 3]."""
    return np.rint(golden_of("mbt2018-mean").x[0, :101, :75] * 255).astype(np.uint8)


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)


@pytest.fixture(scope="session")
def integer_weights_of():
    """A function from architecture name to the weights of its recorded case, with integer networks."""
    return functools.cache(lambda architecture: quantize_entropy(golden_case(architecture).weights))
