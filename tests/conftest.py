"""Recorded cases and small pictures that the tests share."""

import dataclasses
import functools
import hashlib
import lzma
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcompress import Codec, Weights, load, reference
from jaxcompress.architecture_table import COMPRESSAI
from jaxcompress.codec import container, jxc
from jaxcompress.convert import from_pytorch
from jaxcompress.integer import IntegerLayer, IntegerNetworks, quantize_entropy
from jaxcompress.integer.layer import LEAKY_RANGE, SYMBOL_RANGE
from jaxcompress.models import ARCHITECTURES, create
from jaxcompress.priors import Raster

# A folder with the complete recordings may be named here; the one in the repository leaves out what is large.
GOLDEN = Path(os.environ.get("JAXCOMPRESS_GOLDEN") or Path(__file__).parent / "golden")


# Programs that tests start leave nothing in the home of whoever runs them.
os.environ["JAXCOMPRESS_CACHE"] = "off"
# And find no weights there.
os.environ["JAXCOMPRESS_HOME"] = os.devnull


def pytest_addoption(parser):
    parser.addoption(
        "--reference",
        action="store_true",
        help="decode every .jxc file that a Codec writes with jaxcompress.reference too (where it can), and compare",
    )


@pytest.fixture(autouse=True, scope="session")
def _files_decode_by_the_reference(request, tmp_path_factory):
    """What tests write is kept, and decoded when they are done, so that they notice nothing."""
    if not request.config.getoption("--reference"):
        yield
        return
    compress, folder, files = Codec.compress, tmp_path_factory.mktemp("reference"), {}

    def recording(codec, *args, **options):
        data = compress(codec, *args, **options)
        if data.startswith(container.MAGIC) and _reference_can(codec, container.unpack(data)[0]):
            files[data] = codec, jxc.MIN_CHUNK  # which a test may have lowered
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Codec, "compress", recording)
        yield
        for data, (codec, least_chunk) in files.items():
            for module in (jxc, reference.container):
                patch.setattr(module, "MIN_CHUNK", least_chunk)
            arrays = _saved_arrays(codec.weights, folder / "weights.safetensors")
            found = reference.decode(data, arrays)
            np.testing.assert_allclose(found.astype(int), codec.decompress(data), atol=1, rtol=0)
    print(f"\n{len(files)} files decoded by the reference")


@functools.lru_cache(maxsize=4)
def _saved_arrays(weights, path):
    """What the reference reads of weights, by way of a file."""
    weights.save(path)
    arrays = reference.weights.read_weights(path)
    path.unlink()
    return arrays


def _reference_can(codec, header):
    name = codec.weights.architecture
    known = name in ARCHITECTURES and type(codec.model) is type(create(name, n=2, m=2))
    return known and (header.entropy_mode or codec.model.layout.side is None)


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
        groups = 1 + (self.weights.model().layout.side is not None)
        return [[self.arrays[f"strings/{group}/{i}"].tobytes() for i in range(len(self.x))] for group in range(groups)]


def nhwc(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def checkpoint_bytes(architecture: str) -> bytes:
    plain = GOLDEN / f"{architecture}.pth.tar"
    return plain.read_bytes() if plain.exists() else lzma.decompress(Path(f"{plain}.xz").read_bytes())


def _load_weights(architecture: str) -> Weights:
    converted = GOLDEN / f"{architecture}.safetensors"  # made by tools/test_wheel.py, for environments without torch
    if converted.exists():
        return load(converted)
    pytest.importorskip("torch", reason="checkpoints are read with torch")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{architecture}.pth.tar"
        path.write_bytes(checkpoint_bytes(architecture))
        return from_pytorch(path, metadata={"quality": 3, "metric": "mse"}, integer=False)


golden_case = functools.cache(GoldenCase)


# cheng2020-attn takes longest to compile; cheng2020-anchor has all of it but the attention.
_MOSTLY_FAST = [pytest.param(name, marks=[pytest.mark.slow] * (name == "cheng2020-attn")) for name in COMPRESSAI]


@pytest.fixture(params=_MOSTLY_FAST, scope="session")
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
def with_integers():
    """A function that gives weights integer networks of their sizes, made up, if they have a hyperprior."""

    def make(weights: Weights) -> Weights:
        if weights.model().layout.side is None:
            return weights
        return dataclasses.replace(weights, integer=_make_networks(weights))

    return make


def _numbers(seed, shape, largest):
    """Integers up to `largest` in magnitude, the same for ever."""
    bits = hashlib.shake_256(seed.encode()).digest(2 * int(np.prod(shape)))
    return np.frombuffer(bits, "<u2").astype(np.int64).reshape(shape) % (2 * largest + 1) - largest


def _make_layer(seed, inputs, outputs, shift, *, size=3, factor=1, activation="leaky", input_range=LEAKY_RANGE):
    outputs *= factor**2
    kernel = _numbers(seed, (size, size, inputs, outputs), 100)
    tap_bias = _numbers(f"{seed} taps", (size, size, outputs), 300) if input_range == SYMBOL_RANGE else None
    return IntegerLayer(
        kernel.astype(np.int8),
        _numbers(f"{seed} bias", (outputs,), 10_000).astype(np.int32),
        np.full(outputs, shift, np.int8),
        factor,
        activation,
        None if tap_bias is None else tap_bias.astype(np.int32),
        input_range,
    )


def _make_networks(weights):
    """Integer networks of the sizes of these weights, no number of which comes from floating-point arithmetic."""
    n, m = len(weights.params["entropy_bottleneck"]["quantiles"]), weights.m
    thresholds = np.rint(weights.tables["gaussian_conditional"].scale_table[:-1] * 4096).astype(np.int32)
    hidden = (
        _make_layer("a", n, 8, 6, factor=2, input_range=SYMBOL_RANGE),
        _make_layer("b", 8, 6, 9, factor=2),
    )
    if not isinstance(weights.model().layout.last.prior, Raster):
        return IntegerNetworks((*hidden, _make_layer("c", 6, 2 * m, -1, activation="none")), thresholds, m)
    side, width = _make_layer("c", 6, 20, 0, activation="none"), 2 * m
    kernel = _numbers("d", (5, 5, m, 20), 100).astype(np.int8)
    kernel.reshape(25, m, 20)[12:] = 0
    nothing = np.zeros(20, np.int32)
    first = IntegerLayer(kernel, nothing, np.full(20, 9, np.int8), activation="leaky", input_range=SYMBOL_RANGE)
    context = (first, _make_layer("e", 20, width, -1, size=1, activation="none"))
    return IntegerNetworks((*hidden, side), thresholds, m, context, np.full(m, 4, np.uint8))


@pytest.fixture(scope="session")
def integer_weights_of():
    """A function from architecture name to the weights of its recorded case, with integer networks."""
    return functools.cache(lambda architecture: quantize_entropy(golden_case(architecture).weights))


@pytest.fixture
def small_chunks(monkeypatch) -> Callable[[int], None]:
    """A function after which files are written, and read, in chunks of so few latents each way."""

    def cut(side: int) -> None:
        monkeypatch.setattr(jxc, "_CHUNK", side)
        monkeypatch.setattr(jxc, "MIN_CHUNK", 1)

    return cut
