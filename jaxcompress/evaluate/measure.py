"""Distortions by the names they have in files."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcompress import metrics
from jaxcompress.metric_table import DISTORTIONS


def _ms_ssim_rgb(original: np.ndarray, decoded: np.ndarray) -> float:
    # With 255 for peak and in float32, as CompressAI computes it.
    a, b = (picture[None].astype(np.float32) for picture in (original, decoded))
    return float(metrics.ms_ssim(a, b, peak=255.0)[0])


def _ssim_rgb(original: np.ndarray, decoded: np.ndarray) -> float:
    return float(metrics.ssim(original[None], decoded[None], peak=255.0)[0])


_FUNCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "psnr-rgb": metrics.psnr,
    "ms-ssim-rgb": _ms_ssim_rgb,
    "ssim-rgb": _ssim_rgb,
    "psnr-y": metrics.psnr_y,
    "psnr-yuv": metrics.psnr_yuv,
}

METRICS = {key: _FUNCTIONS[key] for key in DISTORTIONS}
"""Functions of two pictures, uint8 `[H, W, 3]`: the original and what was decoded."""

DEFAULT_METRICS = tuple(key for key, value in DISTORTIONS.items() if value.by_default)


def check_metrics(names: Sequence[str]) -> None:
    """Raises ValueError unless all are in `METRICS`."""
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise ValueError(f"metrics are {', '.join(names) or 'none'}; expected some of {', '.join(METRICS)}")


def measure(original: np.ndarray, decoded: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Compares two pictures.

    Args:
        original: uint8 `[H, W, 3]`.
        decoded: likewise.
        names: of `METRICS`.

    Returns:
        The value of each.

    Raises:
        ValueError: the pictures differ in shape, or are too small for a metric.
    """
    return {name: METRICS[name](original, decoded) for name in names}
