"""Validation as users will see it: real files, written and read by a `Codec`."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcompress import metrics
from jaxcompress.codec import Codec, write_picture
from jaxcompress.integer import UnsupportedNetworkError, quantize_entropy
from jaxcompress.models import CompressionModel
from jaxcompress.train.step import with_solved_quantiles
from jaxcompress.weights import Weights

_SAMPLES = 4
_logger = logging.getLogger("jaxcompress")


@dataclasses.dataclass(frozen=True)
class Validation:
    """What a codec made of a picture, or means over pictures.

    Attributes:
        bpp: bits of the file for each pixel, header counted.
        psnr: dB, of 8-bit pictures.
        mse: on the [0, 1] scale.
        ms_ssim: NaN if the picture is too small for it.
    """

    bpp: float
    psnr: float
    mse: float
    ms_ssim: float

    def loss(self, *, lmbda: float, metric: str) -> float:
        """Rate plus weighted distortion, see `rate_distortion`.

        Args:
            lmbda: weight of the distortion.
            metric: "mse" or "ms-ssim".
        """
        return self.bpp + lmbda * (255**2 * self.mse if metric == "mse" else 1 - self.ms_ssim)


def export(
    architecture: str, model: CompressionModel, params: Any, *, metadata: Mapping[str, Any] | None = None
) -> Weights:
    """Makes weights of trained parameters: quantiles solved exactly, coding tables built, networks made integer.

    Args:
        architecture: name to store.
        model: the module that was trained.
        params: its parameters.
        metadata: what to store of their origin.
    """
    weights = Weights.from_params(architecture, model, with_solved_quantiles(params), metadata=metadata)
    if not model.layout.decides_by_networks:
        return weights
    try:
        return quantize_entropy(weights)
    except UnsupportedNetworkError as error:
        _logger.warning("files will decode only where floating-point arithmetic agrees: %s", error)
        return weights


def validate(weights: Weights, pictures: Sequence[np.ndarray]) -> tuple[list[Validation], list[np.ndarray]]:
    """Codes pictures to files and back.

    Args:
        weights: to code with.
        pictures: uint8 `[H, W, 3]`, preferably of one size: each size compiles anew.

    Returns:
        Figures of each picture, and the decoded pictures.
    """
    codec = Codec(weights)
    files = codec.compress_batch(pictures)
    decoded = codec.decompress_batch(files)
    return [_compare(*item) for item in zip(pictures, decoded, files, strict=True)], decoded


def _compare(picture: np.ndarray, decoded: np.ndarray, data: bytes) -> Validation:
    height, width = picture.shape[:2]
    similarity = np.nan
    if min(height, width) >= metrics.MS_SSIM_MIN_SIDE:
        similarity = metrics.ms_ssim(*(p[None].astype(np.float32) / 255 for p in (picture, decoded)))[0]
    return Validation(
        bpp=metrics.bits_per_pixel(data, height, width),
        psnr=metrics.psnr(picture, decoded),
        mse=float(np.mean((picture / 255 - decoded / 255) ** 2)),
        ms_ssim=float(similarity),
    )


def write_samples(path: Path, pictures: Sequence[np.ndarray], decoded: Sequence[np.ndarray]) -> None:
    """Writes a PNG of the first few pictures, originals above what was decoded.

    Args:
        path: of the file; its folder is made.
        pictures: uint8 `[H, W, 3]`, of one size.
        decoded: likewise.
    """
    path.parent.mkdir(exist_ok=True)
    rows = [np.concatenate(list(row[:_SAMPLES]), axis=1) for row in (pictures, decoded)]
    write_picture(path, np.concatenate(rows, axis=0), overwrite=True)
