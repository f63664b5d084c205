"""Pictures to CompressAI's strings and files, and back."""

from collections.abc import Sequence

import numpy as np

from jaxcompress.codec import compressai_format
from jaxcompress.codec.coded_string import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import WeightsMismatchError
from jaxcompress.codec.networks import NetworksByDevice
from jaxcompress.codec.pixels import PaddedPicture
from jaxcompress.codec.tiled import Signal
from jaxcompress.codec.windows import Size
from jaxcompress.models import Layout
from jaxcompress.ops import centered_padding
from jaxcompress.weights import Weights


class CompressAICoder:
    """Writes and reads files of CompressAI's example codec.

    Args:
        weights: trained weights.
        layout: of their model.
        networks: of the weights.
    """

    def __init__(self, weights: Weights, layout: Layout, networks: NetworksByDevice):
        self._weights = weights
        self._layout = layout
        self._networks = networks

    def check_model(self) -> None:
        """Raises ValueError for a model with settings, for which CompressAI's strings have no place."""
        if self._layout.settings:
            raise ValueError(
                f"CompressAI's strings are for models of one rate, and {self._weights.architecture} has the settings "
                f"{', '.join(setting.name for setting in self._layout.settings)}: use compress, or other weights"
            )

    def encode(self, image: np.ndarray, threads: int) -> bytes:
        """The bytes of a file, of a uint8 picture."""
        if image.ndim != 3:
            raise ValueError("CompressAI's format has no grey pictures: convert to RGB, or use format='jxc'")
        compressai_format.number_of(self._weights.architecture)  # raises before the work
        height, width = image.shape[:2]
        padding = centered_padding(height, width, compressai_format.PADDING_MULTIPLE)
        strings, shape = encode_strings(self._networks, PaddedPicture(image, padding), threads)
        metadata = self._weights.metadata
        quality, metric = metadata.get("quality"), metadata.get("metric")
        if not isinstance(quality, int) or not isinstance(metric, str):
            raise ValueError(
                f"CompressAI's format names a quality and a metric, but the weights say quality {quality!r}, metric "
                f"{metric!r}: give --quality and --metric (or put them in the weights' metadata)"
            )
        header = compressai_format.Header(self._weights.architecture, metric, quality, height, width, shape)
        return compressai_format.pack(header, strings)

    def decode(self, data: bytes, max_pixels: int, layout: str | None, threads: int) -> np.ndarray:
        """The uint8 pixels of a file's picture."""
        header, strings = compressai_format.unpack(data, layout=layout, max_pixels=max_pixels)
        if len(strings) != len(self._layout.latents):
            raise WeightsMismatchError(
                f"the file has {len(strings)} strings, of {header.architecture}; the weights at hand are of "
                f"{self._weights.architecture}, which makes {len(self._layout.latents)}"
            )
        compressai_format.check_shape(header, self._layout.stride)
        top, _, left, _ = centered_padding(header.height, header.width, compressai_format.PADDING_MULTIPLE)
        x_hat = decode_strings(self._networks, self._layout, strings, header.shape, threads)
        x_hat = x_hat[top : top + header.height, left : left + header.width]
        return (x_hat * 255).astype(np.uint8)  # truncated, as CompressAI does


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
