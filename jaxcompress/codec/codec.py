"""Pictures to bitstreams and back: `Codec`."""

import functools
import mmap
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from jaxcompress.codec import compressai_format, container
from jaxcompress.codec.container import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import BitstreamError, WeightsMismatchError
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.pixels import PaddedPicture, checked_picture, to_pixels
from jaxcompress.codec.tiled import Signal
from jaxcompress.codec.transforms import Transforms
from jaxcompress.codec.windows import Area, coarsen, intersect, within
from jaxcompress.models import CompressionModel
from jaxcompress.ops import centered_padding
from jaxcompress.weights import Weights, check_weights

# Latents in a chunk of y, each way: 1024 x 1024 pixels.
_CHUNK = 64
_PROCESSORS = os.cpu_count() or 1


class Codec:
    """Codes pictures with one set of weights. Safe to share between threads.

    Args:
        weights: trained weights, see `jaxcompress.load`.
        model: the module the parameters belong to, if it is none of `jaxcompress.models`.
        entropy: what `.jxc` files get their scales and means from: "integer", networks in exact integer arithmetic, so
            that every device decodes them; or "float", the networks that were trained. If not given "integer" where the
            weights have such networks. Decoding does what the file says, and CompressAI's strings are always "float".
        progress: show bars on standard error for work that takes longer than a second.

    Raises:
        ValueError: the weights do not fit the model, or have no integer networks.

    Example:
        codec = Codec(jaxcompress.load("weights.safetensors"))
        data = codec.compress(image)        # uint8 [H, W, 3] -> bytes
        image = codec.decompress(data)
    """

    def __init__(
        self,
        weights: Weights,
        *,
        model: CompressionModel | None = None,
        entropy: str | None = None,
        progress: bool = False,
    ):
        self.weights = weights
        self.model = model or weights.model()
        check_weights(weights, self.model)
        self._entropy = _entropy_mode(entropy, weights)
        # One coder for each way to compute scales and means: a file says which it needs.
        modes = [EntropyMode.FLOAT] if weights.integer is None else [EntropyMode.FLOAT, EntropyMode.INTEGER]
        params = jax.device_put(dict(weights.params))
        windows = windows_of(self.model)
        self._transforms = Transforms(self.model, params, windows, progress=progress)
        self._coders = {
            mode: LatentCoder(weights, self.model, params, windows.hyper_synthesis, mode, progress=progress)
            for mode in modes
        }
        self._bits_fingerprints = {
            mode: weights.bits_fingerprint(integer=mode == EntropyMode.INTEGER) for mode in modes
        }
        self._synthesis_fingerprint = weights.synthesis_fingerprint()
        self._latents = self._coders[EntropyMode.FLOAT]

    # ---------------------------------------------------------------- pictures and files

    def compress(self, image: np.ndarray, *, format: str = "jxc", icc_profile: bytes = b"") -> bytes:
        """Codes a picture.

        Args:
            image: uint8 `[H, W, 3]` (sRGB) or `[H, W]` (grey), at least 1 x 1.
            format: "jxc", or "compressai" for the container of CompressAI's example codec (colour only; the weights'
                metadata must tell quality and metric, which that format stores).
            icc_profile: colour profile to keep in a `.jxc`.

        Returns:
            The bytes of a file.

        Raises:
            ValueError: the picture is of another type or shape, or the format is unknown.
        """
        return self._compress(image, format, icc_profile, threads=_PROCESSORS)

    def _compress(self, image: np.ndarray, format: str, icc_profile: bytes = b"", *, threads: int) -> bytes:
        image = checked_picture(image)
        if format == "jxc":
            return self._compress_jxc(image, icc_profile, threads)
        if format == "compressai":
            return self._compress_compressai(image)
        raise ValueError(f"format is {format!r}; expected 'jxc' or 'compressai'")

    def decompress(
        self, data: bytes, *, max_pixels: int = container.MAX_PIXELS, layout: str | None = None
    ) -> np.ndarray:
        """Decodes a file of either format.

        Args:
            data: the bytes of a `.jxc` file, or of CompressAI's example codec.
            max_pixels: refuse larger pictures.
            layout: of a CompressAI file, see `compressai_format`; found out if not given.

        Returns:
            uint8 `[H, W, 3]`, or `[H, W]` if the picture was grey.

        Raises:
            WeightsMismatchError: the file was written with other weights.
            BitstreamError: the file is damaged or too large, or was coded where floating-point arithmetic differs.
        """
        return self._decompress(data, max_pixels, layout, threads=_PROCESSORS)

    def _decompress(self, data: bytes, max_pixels: int, layout: str | None = None, *, threads: int) -> np.ndarray:
        if data[:4] == container.MAGIC:
            header, strings = container.unpack(data, max_pixels=max_pixels)
            return self._decode(header, strings, (slice(0, header.height), slice(0, header.width)), threads)
        return self._decompress_compressai(data, max_pixels, layout)

    def decompress_crop(
        self,
        data: bytes | mmap.mmap,
        left: int,
        top: int,
        width: int,
        height: int,
        *,
        max_pixels: int = container.MAX_PIXELS,
    ) -> np.ndarray:
        """Decodes a rectangle of a `.jxc` file's picture: the same pixels as `decompress` gives there.

        Only what the rectangle depends on is read and decoded: the header, z, and the chunks of y around it.

        Args:
            data: the bytes of the file; a map of it in memory (`mmap`) spares reading the rest.
            left: first column, from 0.
            top: first row, from 0.
            width: columns, at least 1.
            height: rows, at least 1.
            max_pixels: refuse files of larger pictures.

        Returns:
            uint8 `[height, width, 3]`, or `[height, width]` if the picture was grey.

        Raises:
            ValueError: the rectangle is empty, or not wholly in the picture.
            BitstreamError: see `decompress`; also for files of CompressAI's example codec, which have no chunks.
        """
        header, strings = container.unpack(data, max_pixels=max_pixels, in_part=True)
        rows, columns = slice(top, top + height), slice(left, left + width)
        if not (0 <= top < rows.stop <= header.height and 0 <= left < columns.stop <= header.width):
            raise ValueError(
                f"the rectangle x={left} y={top} width={width} height={height} is not in the picture of "
                f"{header.width} x {header.height} pixels"
            )
        return self._decode(header, strings, (rows, columns), _PROCESSORS)

    def _decompress_compressai(self, data: bytes, max_pixels: int, layout: str | None) -> np.ndarray:
        header, strings = compressai_format.unpack(data, layout=layout, max_pixels=max_pixels)
        if len(strings) != 1 + self.model.has_hyperprior:
            raise WeightsMismatchError(
                f"the file has {len(strings)} strings, of {header.architecture}; the weights at hand are of "
                f"{self.weights.architecture}, which makes {1 + self.model.has_hyperprior}"
            )
        top, _, left, _ = centered_padding(header.height, header.width, compressai_format.PADDING_MULTIPLE)
        x_hat = self.decompress_strings([[string] for string in strings], header.shape)[0]
        x_hat = x_hat[top : top + header.height, left : left + header.width]
        return (x_hat * 255).astype(np.uint8)  # truncated, as CompressAI does

    def compress_batch(self, images: Sequence[np.ndarray], *, format: str = "jxc") -> list[bytes]:
        """Codes several pictures, of any sizes, on all processors: `compress` of each, in order.

        Args:
            images: see `compress`.
            format: see `compress`.

        Returns:
            The bytes of a file for each.
        """
        compress = functools.partial(self._compress, format=format, threads=1)
        with ThreadPoolExecutor(_PROCESSORS) as pool:
            return list(pool.map(compress, images))

    def decompress_batch(self, files: Sequence[bytes], *, max_pixels: int = container.MAX_PIXELS) -> list[np.ndarray]:
        """Decodes several files on all processors: `decompress` of each, in order.

        Args:
            files: see `decompress`.
            max_pixels: see `decompress`.

        Returns:
            A picture for each.
        """
        decompress = functools.partial(self._decompress, max_pixels=max_pixels, threads=1)
        with ThreadPoolExecutor(_PROCESSORS) as pool:
            return list(pool.map(decompress, files))

    def _compress_jxc(self, image: np.ndarray, icc_profile: bytes, threads: int) -> bytes:
        height, width = image.shape[:2]
        padding = centered_padding(height, width, self.model.stride)
        latents = self._coders[self._entropy]
        y, z = self.analyse(image)
        chunk = chunk_size(y.shape)
        strings = latents.encode(y, z, chunk, native=True, threads=threads)
        header = container.Header(
            architecture=self.weights.architecture,
            n=self.weights.n,
            m=self.weights.m,
            width=width,
            height=height,
            channels=1 if image.ndim == 2 else 3,
            bit_depth=8,
            padding=padding,
            bits_fingerprint=self._bits_fingerprints[self._entropy],
            synthesis_fingerprint=self._synthesis_fingerprint,
            chunk_size=chunk,
            icc_profile=icc_profile,
            entropy_mode=self._entropy,
            symbol_order=latents.native_order,
        )
        return container.pack(header, strings)

    def analyse(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents that a picture is coded as.

        Args:
            image: see `compress`.

        Returns:
            y, float32 `[h, w, M]`, and z `[h / 4, w / 4, N]` if the model has one.
        """
        height, width = image.shape[:2]
        return self._transforms.analyse(PaddedPicture(image, centered_padding(height, width, self.model.stride)))

    def _decode(self, header: container.Header, strings: Sequence[CodedString], area: Area, threads: int) -> np.ndarray:
        """The pixels of an area of a `.jxc` file's picture."""
        self.check_header(header)
        shape = header.padded_height // 16, header.padded_width // 16
        padded = within(area, (-header.padding[0], -header.padding[2]))
        cells = coarsen(padded, 16)
        y_hat = self._coders[header.entropy_mode].decode(
            strings,
            shape,
            header.chunk_size,
            order=header.symbol_order,
            threads=threads,
            area=self._transforms.latents_needed(shape, cells),
        )
        rows, columns = padded
        pixels = np.empty((rows.stop - rows.start, columns.stop - columns.start, header.channels), np.uint8)
        for place, x_hat in self._transforms.synthesise(y_hat, cells):
            if seen := intersect(place, padded):
                x_hat = x_hat[within(seen, (place[0].start, place[1].start))]
                pixels[within(seen, (rows.start, columns.start))] = to_pixels(x_hat, header.channels)
        return pixels if header.channels == 3 else pixels[..., 0]

    def check_header(self, header: container.Header) -> None:
        """Raises WeightsMismatchError or BitstreamError unless a `.jxc` file was written with these weights."""
        if header.entropy_mode not in self._coders:
            raise WeightsMismatchError(
                "the file was coded with integer networks, which the weights at hand lack: give the weights that it "
                "was written with"
            )
        fingerprints = self._bits_fingerprints[header.entropy_mode], self._synthesis_fingerprint
        mine = (self.weights.architecture, self.weights.n, self.weights.m, *fingerprints)
        theirs = (header.architecture, header.n, header.m, header.bits_fingerprint, header.synthesis_fingerprint)
        if mine != theirs:
            describe = "{} n={} m={} bits {} synthesis {}".format
            raise WeightsMismatchError(
                f"the file was written with other weights ({describe(*theirs)}) than those at hand "
                f"({describe(*mine)}); give the matching ones"
            )
        if header.padding != centered_padding(header.height, header.width, self.model.stride):
            raise BitstreamError(f"the file's padding {header.padding} does not fit its picture and model")

    def _compress_compressai(self, image: np.ndarray) -> bytes:
        if image.ndim != 3:
            raise ValueError("CompressAI's format has no grey pictures: convert to RGB, or use format='jxc'")
        height, width = image.shape[:2]
        padding = centered_padding(height, width, compressai_format.PADDING_MULTIPLE)
        strings, shape = self._strings(PaddedPicture(image, padding))
        metadata = self.weights.metadata
        quality, metric = metadata.get("quality"), metadata.get("metric")
        if not isinstance(quality, int) or not isinstance(metric, str):
            raise ValueError(
                f"CompressAI's format names a quality and a metric, but the weights say quality {quality!r}, metric "
                f"{metric!r}: give --quality and --metric (or put them in the weights' metadata)"
            )
        header = compressai_format.Header(self.weights.architecture, metric, quality, height, width, shape)
        return compressai_format.pack(header, strings)

    # ---------------------------------------------------------------- CompressAI's strings

    def compress_strings(self, x: np.ndarray) -> tuple[list[list[bytes]], tuple[int, int]]:
        """Codes a batch to CompressAI's strings.

        Args:
            x: float32 `[N, H, W, 3]` in [0, 1], sides a multiple of the model's stride.

        Returns:
            Strings by group (y, then z if there is one) and picture, and the shape (height, width) of the deepest
            latent: what CompressAI's `compress` returns as "strings" and "shape".

        Raises:
            ValueError: `x` has another shape.
        """
        x = np.asarray(x, np.float32)
        self.model.check_call(x, training=False, as_coded=False)
        if not len(x):
            raise ValueError(f"x has shape {x.shape}; expected at least one picture")
        strings, shapes = zip(*map(self._strings, x), strict=True)
        return [list(group) for group in zip(*strings, strict=True)], shapes[0]

    def _strings(self, picture: Signal) -> tuple[list[bytes], tuple[int, int]]:
        """CompressAI's strings of one padded picture, and the shape of its deepest latent."""
        y, z = self._transforms.analyse(picture)
        shape = (y if z is None else z).shape
        strings = self._latents.encode(y, z, (y.shape[0], y.shape[1]), native=False, threads=_PROCESSORS)
        return [bytes(string.data) for string in reversed(strings)], (shape[0], shape[1])

    def decompress_strings(self, strings: Sequence[Sequence[bytes]], shape: tuple[int, int]) -> np.ndarray:
        """Decodes CompressAI's strings.

        Args:
            strings: by group and picture, as `compress_strings` returns them.
            shape: (height, width) of the deepest latent.

        Returns:
            x_hat, float32 `[N, H, W, 3]` in [0, 1].

        Raises:
            BitstreamError: a string is damaged, or does not belong to these weights and this shape.
        """
        groups = 1 + self.model.has_hyperprior
        if len(strings) != groups or len({len(group) for group in strings}) != 1 or not strings[0]:
            raise ValueError(
                f"strings has {[len(group) for group in strings]} pictures by group; {self.weights.architecture} "
                f"makes {groups} groups of equal size"
            )
        up = 4 if self.model.has_hyperprior else 1
        y_shape = int(shape[0]) * up, int(shape[1]) * up
        if min(y_shape) < 1:
            raise ValueError(f"shape is {tuple(shape)}; expected the positive height and width of the deepest latent")
        pictures = []
        for picture in zip(*strings, strict=True):
            coded = [CodedString(string) for string in reversed(picture)]
            y_hat = self._latents.decode(coded, y_shape, y_shape, order=SymbolOrder.RASTER, threads=_PROCESSORS)
            x_hat = np.empty((16 * y_shape[0], 16 * y_shape[1], 3), np.float32)
            for area, part in self._transforms.synthesise(y_hat):
                x_hat[area] = part
            pictures.append(x_hat)
        return np.stack(pictures)


def chunk_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the chunks that y `[h, w, ...]` is coded in."""
    return min(shape[0], _CHUNK), min(shape[1], _CHUNK)


def _entropy_mode(entropy: str | None, weights: Weights) -> EntropyMode:
    if entropy is None:
        return EntropyMode.FLOAT if weights.integer is None else EntropyMode.INTEGER
    if entropy not in ("integer", "float"):
        raise ValueError(f"entropy is {entropy!r}; expected 'integer' or 'float'")
    if entropy == "integer":
        weights.require_integer()
    return EntropyMode[entropy.upper()]
