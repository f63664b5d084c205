"""Pictures to CompressAI's strings and back."""

from collections.abc import Sequence

import numpy as np

from jaxcompress.codec.coded_string import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.networks import NetworksByDevice
from jaxcompress.codec.tiled import Signal
from jaxcompress.codec.windows import Size
from jaxcompress.models import Layout


def encode_strings(networks: NetworksByDevice, picture: Signal, threads: int) -> tuple[list[bytes], Size]:
    """Strings of y and z (if there is one) of one padded picture, and the shape of its deepest latent."""
    here = networks.here()
    y, z = here.plain_transforms.analyse(picture, {})
    shape = (y if z is None else z).shape
    whole = y.shape[0], y.shape[1]
    strings = here.coders[EntropyMode.FLOAT].encode(y, z, whole, native=False, threads=threads)
    return [bytes(string.data) for string in reversed(strings)], (shape[0], shape[1])


def decode_strings(
    networks: NetworksByDevice, layout: Layout, strings: Sequence[bytes], shape: Size, threads: int
) -> np.ndarray:
    """The inverse: x_hat `[H, W, 3]` in [0, 1], padding included."""
    here = networks.here()
    up, stride = layout.stride // layout.last.stride, layout.last.stride
    whole = up * shape[0], up * shape[1]
    coded = [CodedString(string) for string in reversed(strings)]
    y_hat = here.coders[EntropyMode.FLOAT].decode(coded, whole, whole, order=SymbolOrder.RASTER, threads=threads)
    x_hat = np.empty((stride * whole[0], stride * whole[1], 3), np.float32)
    for area, part in here.plain_transforms.synthesise(y_hat, {}):
        x_hat[area] = part
    return x_hat
