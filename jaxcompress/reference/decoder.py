"""From the bytes of a file to its latents and its picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxcompress.reference.container import File, read_file
from jaxcompress.reference.latents import decode_strings
from jaxcompress.reference.light import run_light_synthesis
from jaxcompress.reference.synthesis import run_synthesis
from jaxcompress.reference.weights import arrays_below, bits_fingerprint, read_weights, synthesis_fingerprint


def decode_latents(data: bytes, weights: str | Path | Mapping[str, np.ndarray]) -> np.ndarray:
    """Decodes the latents of a `.jxc` file: exactly those that were coded.

    Args:
        data: the bytes of the file.
        weights: path of the weights file, or its tensors by name.

    Returns:
        y_hat, float32 `[h, w, M]`.

    Raises:
        ValueError: the file is damaged, needs other weights, or has entropy mode 0 and a hyperprior.
    """
    file, arrays = read_file(data), read_weights(weights)
    _expect_fingerprint("bits", file.bits_fingerprint, bits_fingerprint(arrays, file.entropy_mode))
    return decode_strings(file, arrays)


def decode(data: bytes, weights: str | Path | Mapping[str, np.ndarray]) -> np.ndarray:
    """Decodes the picture of a `.jxc` file.

    Args:
        data: the bytes of the file.
        weights: path of the weights file, or its tensors by name.

    Returns:
        uint8 `[height, width, 3]`, or `[height, width]` if it is grey.

    Raises:
        ValueError: see `decode_latents`.
    """
    file, arrays = read_file(data), read_weights(weights)
    _expect_fingerprint("synthesis", file.synthesis_fingerprint, synthesis_fingerprint(arrays))
    y_hat = decode_latents(data, arrays)
    if file.name == "light":
        rate = file.architecture.settings["rate"].value(file.settings["rate"])
        return _to_picture(file, run_light_synthesis(arrays_below(arrays, "params/"), y_hat, rate))
    return _to_picture(file, run_synthesis(file.name, arrays_below(arrays, "params/g_s/"), y_hat))


def _to_picture(file: File, x_hat: np.ndarray) -> np.ndarray:
    """Pixels, without the padding; grey is the mean of the channels."""
    top, left = file.padding.top, file.padding.left
    x_hat = np.clip(x_hat[top : top + file.height, left : left + file.width], 0, 1)
    if file.channels == 1:
        x_hat = x_hat.mean(axis=-1)
    return np.rint(255 * x_hat).astype(np.uint8)


def _expect_fingerprint(what: str, needed: str, given: str) -> None:
    if needed != given:
        raise ValueError(f"the file needs weights with the {what} fingerprint {needed}; those given have {given}")
