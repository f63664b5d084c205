"""Validation as users will see it: real files, written and read by a `Codec`."""

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxcompress import metrics
from jaxcompress.codec import Codec, write_picture
from jaxcompress.codec.rate import numbers_of
from jaxcompress.integer import UnsupportedNetworkError, quantize_entropy
from jaxcompress.models import CompressionModel
from jaxcompress.train.recipe import Recipe
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


def validate(
    weights: Weights, pictures: Sequence[np.ndarray], *, quality: int | None = None
) -> tuple[list[Validation], list[np.ndarray]]:
    """Codes pictures to files and back.

    Args:
        weights: to code with.
        pictures: uint8 `[H, W, 3]`, preferably of one size: each size compiles anew.
        quality: from 1, of models whose rate is a setting; the default of the model if not given.

    Returns:
        Figures of each picture, and the decoded pictures.
    """
    codec = Codec(weights)
    files = codec.compress_batch(pictures, quality=quality)
    decoded = codec.decompress_batch(files)
    return [_compare(*item) for item in zip(pictures, decoded, files, strict=True)], decoded


class Report(NamedTuple):
    """What a validation found, at all qualities that the recipe names.

    Attributes:
        loss: mean of the recipe's `validation_loss`.
        figures: by name, such as "validation/bpp", or "validation/quality=50/bpp" where there are several qualities.
        summary: the same in a line for people.
        decoded: pictures of this process, at the middle one of the qualities.
    """

    loss: float
    figures: dict[str, float]
    summary: str
    decoded: list[np.ndarray]


def report_on(
    recipe: Recipe, model: CompressionModel, weights: Weights, pictures: Sequence[np.ndarray], *, count: int
) -> Report:
    """Validates weights at all qualities that a recipe names.

    Args:
        recipe: names the qualities and weighs the results.
        model: the module.
        weights: to code with.
        pictures: those of this process.
        count: number of pictures of all processes.
    """
    qualities = recipe.validation_qualities(model)
    losses: list[float] = []
    figures: dict[str, float] = {}
    lines: list[str] = []
    decoded: list[list[np.ndarray]] = []
    for quality in qualities:
        results, pictures_back = validate(weights, pictures, quality=quality)
        decoded.append(pictures_back)
        mean = _mean_over_processes(results, count=count)
        numbers = numbers_of(model.layout, quality)
        settings = {name: float(value[0]) for name, value in model.layout.values(numbers).items()}
        losses.append(recipe.validation_loss(mean, **settings))
        label = f"quality={quality}/" if len(qualities) > 1 else ""
        found = {f"validation/{label}{name}": value for name, value in dataclasses.asdict(mean).items()}
        figures |= {name: value for name, value in found.items() if not math.isnan(value)}
        lines.append(f"{mean.bpp:.4f} bpp, {mean.psnr:.3f} dB")
        if not math.isnan(mean.ms_ssim):
            lines[-1] += f", MS-SSIM {mean.ms_ssim:.4f}"
    return Report(float(np.mean(losses)), figures, "; ".join(lines), decoded[len(decoded) // 2])


def _mean_over_processes(results: Sequence[Validation], *, count: int) -> Validation:
    """Mean over the pictures of all processes, of which this one has some."""
    figures = np.zeros((4,)) + sum(np.array(dataclasses.astuple(result)) for result in results)
    if jax.process_count() > 1:
        figures = np.asarray(multihost_utils.process_allgather(figures)).sum(axis=0)
    return Validation(*(figures / count).tolist())


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
