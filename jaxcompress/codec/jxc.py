"""Pictures to `.jxc` files and back."""

from collections.abc import Sequence

import numpy as np

from jaxcompress.codec import container
from jaxcompress.codec.coded_string import CodedString, EntropyMode
from jaxcompress.codec.errors import BitstreamError, WeightsMismatchError
from jaxcompress.codec.networks import NetworksByDevice
from jaxcompress.codec.pixels import PaddedPicture, to_pixels
from jaxcompress.codec.windows import Area, Size, coarsen, intersect, within
from jaxcompress.models import Layout
from jaxcompress.ops import Padding, centered_padding
from jaxcompress.weights import Weights

# Latents in a chunk of y, each way: 1024 x 1024 pixels.
_CHUNK = 64

MIN_CHUNK = 16
"""Latents along a side of a chunk, at least, unless y has fewer: each chunk costs a run of networks."""


MAX_CHUNK = 256
"""Latents along a side of a chunk, at most: a chunk is held in memory as a whole."""


class JxcCoder:
    """Writes and reads `.jxc` files.

    Args:
        weights: trained weights.
        layout: of their model.
        networks: of the weights.
        mode: what new files get their scales and means from.
    """

    def __init__(self, weights: Weights, layout: Layout, networks: NetworksByDevice, mode: EntropyMode):
        self._weights = weights
        self._layout = layout
        self._networks = networks
        self._mode = mode
        self._bits_fingerprints = {
            each: weights.bits_fingerprint(integer=each == EntropyMode.INTEGER) for each in networks.here().coders
        }
        self._synthesis_fingerprint = weights.synthesis_fingerprint()

    def analyse(self, image: np.ndarray, numbers: dict[str, int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents y `[h, w, M]` and z (None without a hyperprior) of a uint8 picture."""
        picture = PaddedPicture(image, self._padding(*image.shape[:2]))
        return self._networks.here().transforms.analyse(picture, numbers)

    def encode(self, image: np.ndarray, icc_profile: bytes, threads: int, numbers: dict[str, int]) -> bytes:
        """The bytes of a file, of a uint8 picture, at the given numbers of the model's settings."""
        height, width = image.shape[:2]
        latents = self._networks.here().coders[self._mode]
        y, z = self.analyse(image, numbers)
        chunk = chunk_size(y.shape)
        strings = latents.encode(y, z, chunk, native=True, threads=threads, numbers=numbers)
        header = container.Header(
            architecture=self._weights.architecture,
            n=self._weights.n,
            m=self._weights.m,
            width=width,
            height=height,
            channels=1 if image.ndim == 2 else 3,
            bit_depth=8,
            padding=self._padding(height, width),
            bits_fingerprint=self._bits_fingerprints[self._mode],
            synthesis_fingerprint=self._synthesis_fingerprint,
            chunk_size=chunk,
            icc_profile=icc_profile,
            entropy_mode=self._mode,
            symbol_order=latents.native_order,
            settings=tuple(sorted(numbers.items())),
        )
        return container.pack(header, strings)

    def decode(self, header: container.Header, strings: Sequence[CodedString], area: Area, threads: int) -> np.ndarray:
        """The pixels of an area of a file's picture, from the strings that it depends on."""
        self.check_header(header)
        stride, numbers = self._layout.last.stride, dict(header.settings)
        shape = header.padded_height // stride, header.padded_width // stride
        rows, columns = area = within(area, (-header.padding[0], -header.padding[2]))
        cells = coarsen(area, stride)
        networks = self._networks.here()
        y_hat = networks.coders[header.entropy_mode].decode(
            strings,
            shape,
            header.chunk_size,
            order=header.symbol_order,
            threads=threads,
            numbers=numbers,
            area=networks.transforms.latents_needed(shape, cells),
        )
        pixels = np.empty((rows.stop - rows.start, columns.stop - columns.start, header.channels), np.uint8)
        for place, x_hat in networks.transforms.synthesise(y_hat, numbers, cells):
            if seen := intersect(place, area):
                part = x_hat[within(seen, (place[0].start, place[1].start))]
                pixels[within(seen, (rows.start, columns.start))] = to_pixels(part, header.channels)
        return pixels if header.channels == 3 else pixels[..., 0]

    def check_header(self, header: container.Header) -> None:
        """Raises WeightsMismatchError or BitstreamError unless a file was written with these weights."""
        if header.entropy_mode not in self._bits_fingerprints:
            raise WeightsMismatchError(
                "the file was coded with integer networks, which the weights at hand lack: give the weights that it "
                "was written with"
            )
        fingerprints = self._bits_fingerprints[header.entropy_mode], self._synthesis_fingerprint
        mine = (self._weights.architecture, self._weights.n, self._weights.m, *fingerprints)
        theirs = (header.architecture, header.n, header.m, header.bits_fingerprint, header.synthesis_fingerprint)
        if mine != theirs:
            describe = "{} n={} m={} bits {} synthesis {}".format
            raise WeightsMismatchError(
                f"the file was written with other weights ({describe(*theirs)}) than those at hand "
                f"({describe(*mine)}); give the matching ones"
            )
        if header.padding != self._padding(header.height, header.width):
            raise BitstreamError(f"the file's padding {header.padding} does not fit its picture and model")
        try:
            self._layout.values(dict(header.settings))
        except ValueError as error:
            raise BitstreamError(
                f"the file has the settings {dict(header.settings)}; {self._weights.architecture} has "
                f"{', '.join(setting.name for setting in self._layout.settings) or 'none'} ({error})"
            ) from error
        stride = self._layout.last.stride
        shape = header.padded_height // stride, header.padded_width // stride
        for chunk, side in zip(header.chunk_size, shape, strict=True):
            if not min(side, MIN_CHUNK) <= chunk <= MAX_CHUNK:
                height, width = header.chunk_size
                raise BitstreamError(
                    f"the file's chunks are {height} x {width} latents; expected {MIN_CHUNK} to {MAX_CHUNK} each way"
                )

    def _padding(self, height: int, width: int) -> Padding:
        return centered_padding(height, width, self._layout.stride)


def chunk_size(shape: tuple[int, ...]) -> Size:
    """Height and width of the chunks that y `[h, w, ...]` is coded in."""
    return min(shape[0], _CHUNK), min(shape[1], _CHUNK)
