"""The setting of a codec that comes nearest to a rate or a distortion."""

import dataclasses

import numpy as np

from jaxcompress.evaluate.codec import Decoded, Encoded, PictureCodec, Quality
from jaxcompress.evaluate.measure import METRICS

# So few settings are all tried: weights need not be in the order of their rates.
_FEW = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """A picture coded at the setting that was found.

    Attributes:
        quality: the setting.
        value: what was asked for, at this setting.
        encoded: the coded picture.
        decoded: what it decodes to; None if only bits were asked for.
        tries: how many settings were tried.
    """

    quality: Quality
    value: float
    encoded: Encoded
    decoded: Decoded | None
    tries: int


def find_close(
    codec: PictureCodec, pixels: np.ndarray, metric: str, target: float, *, count_header: bool = True
) -> Found:
    """Searches a codec's settings by bisection.

    Args:
        codec: any; more bits are taken to give a better picture.
        pixels: uint8 `[H, W, 3]`.
        metric: "bpp", or one of `METRICS`.
        target: of the metric.
        count_header: whether "bpp" counts the header of a learned codec's file.

    Returns:
        The setting with the value nearest to the target, of all that were tried: a codec's curve has bumps, and the
        last one tried is not always the best.

    Raises:
        ValueError: the metric is unknown, or the target is no finite number.
        CodecError: the codec failed.
    """
    if metric != "bpp" and metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; expected bpp or one of {', '.join(METRICS)}")
    if not np.isfinite(target):
        raise ValueError(f"target is {target}; expected a finite number")
    tried: dict[int, Found] = {}

    def value_at(place: int) -> float:
        if place not in tried:
            tried[place] = _try(codec, pixels, codec.settings[place], metric, count_header)
        return tried[place].value

    low, high = 0, len(codec.settings) - 1
    if len(codec.settings) <= _FEW:
        low, high = 0, 0
        for place in range(len(codec.settings)):
            value_at(place)
    while low < high:  # the first setting that reaches the target
        middle = (low + high) // 2
        if value_at(middle) < target:
            low = middle + 1
        else:
            high = middle
    for place in {max(low - 1, 0), low}:
        value_at(place)
    best = min(tried.values(), key=lambda found: abs(found.value - target))
    return dataclasses.replace(best, tries=len(tried))


def _try(codec: PictureCodec, pixels: np.ndarray, quality: Quality, metric: str, count_header: bool) -> Found:
    encoded = codec.encode(pixels, quality)
    height, width = pixels.shape[:2]
    if metric == "bpp":
        return Found(quality, encoded.bits(count_header=count_header) / (height * width), encoded, None, 1)
    decoded = encoded.reconstruction or codec.decode(encoded.data, quality, (height, width))
    return Found(quality, METRICS[metric](pixels, decoded.pixels), encoded, decoded, 1)
