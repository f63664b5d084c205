"""Learned codecs under test."""

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress import metrics
from jaxcompress.codec import Codec, container
from jaxcompress.codec.pixels import PaddedPicture
from jaxcompress.codec.rate import numbers_of
from jaxcompress.evaluate.codec import Decoded, Encoded, PictureCodec, Quality
from jaxcompress.evaluate.complexity import complexity
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding
from jaxcompress.weights import Weights

_T = TypeVar("_T")


RATE_QUALITIES = (10, 25, 40, 60, 80)
"""Qualities of the curve of a model whose rate can be set, unless others are asked for."""


class LearnedCodec(PictureCodec):
    """Weights of one architecture at several qualities, or one network for all of them.

    Args:
        weights: by quality, from the fewest bits to the most. Those of a model whose rate can be set stand alone, under
            any name: the qualities are those of `Codec.qualities`.
        name: of the curve; the architecture and the metric that was trained for if not given.
        estimate: code nothing: bits are what the likelihoods say, pictures what the model makes of its own latents.
        entropy: as of `Codec`.

    Raises:
        ValueError: there are no weights, or of several architectures.
    """

    subsampling = "4:4:4"
    suffix = ".jxc"

    def __init__(
        self, weights: Mapping[Quality, Weights], *, name: str = "", estimate: bool = False, entropy: str | None = None
    ):
        architectures = {each.architecture for each in weights.values()}
        if len(architectures) != 1:
            raise ValueError(f"weights are of the architectures {sorted(architectures)}; a curve needs those of one")
        self._made = {quality: Codec(each, entropy=entropy) for quality, each in weights.items()}
        self._estimate = estimate
        self._first: dict[tuple[str, int, tuple[int, int]], _First] = {}
        self._lock = threading.Lock()
        first = next(iter(weights.values()))
        self.name = name or curve_name(first)
        self.description = "bits estimated by the likelihoods" if estimate else "real files"
        self.settings = self.qualities = tuple(weights)
        self._only = next(iter(self._made.values())) if len(self._made) == 1 else None
        if self._only and self._only.qualities:
            self.settings, self.qualities = tuple(self._only.qualities), RATE_QUALITIES
        else:
            self._only = None

    def versions(self) -> dict[str, str]:
        """JAX and what runs it."""
        return {"jax": jax.__version__, "jaxlib": jax.lib.__version__, "numpy": np.__version__}

    def facts(self) -> dict[str, Any]:
        """Device, weights and complexity."""
        device = jax.devices()[0]
        weights = {str(quality): _describe(codec) for quality, codec in self._made.items()}
        return {"device": f"{device.platform} ({device.device_kind})", "weights": weights}

    def encode(self, pixels: np.ndarray, quality: Quality) -> Encoded:
        """See `PictureCodec`."""
        codec, shape = self._codec(quality), (pixels.shape[0], pixels.shape[1])
        if self._estimate:
            (bits, x_hat), seconds, compiling = self._timed(
                "estimate", codec, shape, lambda: self._run(quality, pixels)
            )
            # Half for each, as nothing tells what is whose.
            decoded = Decoded(np.rint(x_hat * 255).astype(np.uint8), seconds / 2)
            return Encoded(b"", seconds / 2, compiling, estimated_bits=bits, reconstruction=decoded)
        data, seconds, compiling = self._timed(
            "encode", codec, shape, lambda: codec.compress(pixels, quality=self._rate(quality))
        )
        bits, _ = self._run(quality, pixels)
        return Encoded(data, seconds, compiling, container.header_bytes(data), bits)

    def decode(self, data: bytes, quality: Quality, shape: tuple[int, int]) -> Decoded:
        """See `PictureCodec`."""
        codec = self._codec(quality)
        return Decoded(*self._timed("decode", codec, shape, lambda: codec.decompress(data)))

    def _codec(self, quality: Quality) -> Codec:
        return self._only or self._made[quality]

    def _rate(self, quality: Quality) -> float | None:
        """What a codec's `compress` takes: a quality of one network for all of them, nothing otherwise."""
        return float(quality) if self._only else None

    def _run(self, quality: Quality, pixels: np.ndarray) -> tuple[float, np.ndarray]:
        """Estimated bits, and the reconstruction `[H, W, 3]` in [0, 1]."""
        codec = self._codec(quality)
        height, width = pixels.shape[:2]
        padding = centered_padding(height, width, codec.model.stride)
        padded = PaddedPicture(pixels, padding)
        x = padded[slice(0, padded.shape[0]), slice(0, padded.shape[1])]
        layout = codec.model.layout
        settings = layout.values(numbers_of(layout, self._rate(quality)))
        bits, x_hat = _estimate(codec.model, codec.weights.variables, x[None], settings)
        top, left = padding.top, padding.left
        return float(bits), np.asarray(x_hat[0])[top : top + height, left : left + width]

    def _timed(
        self, what: str, codec: Codec, shape: tuple[int, int], call: Callable[[], _T]
    ) -> tuple[_T, float, float]:
        """The result, the seconds of a call that compiles nothing, and what compiling took."""
        with self._lock:
            first = self._first.setdefault((what, id(codec), shape), _First())
        with first.lock:  # others that need the same program wait here, not while they are timed
            compiling = 0.0
            if not first.done:
                start = time.perf_counter()
                call()
                compiling = time.perf_counter() - start
                first.done = True
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
        return result, seconds, max(compiling - seconds, 0.0) if compiling else 0.0


class _First:
    """Whether a program has run before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False


def curve_name(weights: Weights) -> str:
    """What the curve of weights is called, such as "mbt2018-mean-mse"."""
    metric = weights.metadata.get("metric")
    return f"{weights.architecture}-{metric}" if metric else weights.architecture


def _describe(codec: Codec) -> dict[str, Any]:
    """What tells weights from others, and what running them costs."""
    weights = codec.weights
    return {
        "architecture": weights.architecture,
        "n": weights.n,
        "m": weights.m,
        **weights.fingerprints(),
        **{key: weights.metadata[key] for key in ("quality", "metric", "lambda") if key in weights.metadata},
        "complexity": [dataclasses.asdict(stage) for stage in complexity(codec.model)],
    }


@functools.partial(jax.jit, static_argnums=0)
def _estimate(
    model: CompressionModel, variables: Any, x: jax.Array, settings: Mapping[str, Any]
) -> tuple[jax.Array, jax.Array]:
    """Bits by the likelihoods of a batch of one, and the clamped reconstruction."""
    out: Any = model.apply(variables, x, **settings)
    return metrics.estimated_bits_per_pixel(out.likelihoods, 1), jnp.clip(out.x_hat, 0, 1)
