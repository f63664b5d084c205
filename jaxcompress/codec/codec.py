"""Pictures to bitstreams and back: `Codec`."""

import functools
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress.codec import compressai_format, container
from jaxcompress.codec.batch import default_device, ordered_map
from jaxcompress.codec.container import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.errors import BitstreamError, WeightsMismatchError
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.pixels import checked_picture, crop, pad, to_float
from jaxcompress.models import CompressionModel
from jaxcompress.ops import Padding, centered_padding
from jaxcompress.processors import PROCESSORS
from jaxcompress.weights import Weights, check_weights

# Latents in a chunk of y, each way: 1024 x 1024 pixels.
_CHUNK = 64


class Codec:
    """Codes pictures with one set of weights. Safe to share between threads.

    Networks run on JAX's default device: that of `jax.default_device` where a thread has set it, with a copy of the
    parameters for each device that is ever used.

    Args:
        weights: trained weights, see `jaxcompress.load`.
        model: the module the parameters belong to, if it is none of `jaxcompress.models`.
        entropy: what `.jxc` files get their scales and means from: "integer", networks in exact integer arithmetic, so
            that every device decodes them; or "float", the networks that were trained. If not given "integer" where the
            weights have such networks. Decoding does what the file says, and CompressAI's strings are always "float".
        progress: show a bar on standard error while an autoregressive model of your own codes.

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
        self._bits_fingerprints = {
            mode: weights.bits_fingerprint(integer=mode == EntropyMode.INTEGER) for mode in modes
        }
        self._synthesis_fingerprint = weights.synthesis_fingerprint()
        self._progress = progress
        self._coders_of: dict[Any, dict[EntropyMode, LatentCoder]] = {}  # by device
        self._lock = threading.Lock()
        _ = self._coders  # those of the default device, so that what is wrong with them is told now

    @property
    def _coders(self) -> dict[EntropyMode, LatentCoder]:
        """Those of this thread's default device."""
        device = default_device()
        with self._lock:
            if device not in self._coders_of:
                params = jax.device_put(dict(self.weights.params))
                self._coders_of[device] = {
                    mode: LatentCoder(self.weights, self.model, params, mode, progress=self._progress)
                    for mode in self._bits_fingerprints
                }
            return self._coders_of[device]

    @property
    def _latents(self) -> LatentCoder:
        return self._coders[EntropyMode.FLOAT]

    # ---------------------------------------------------------------- pictures and files

    def compress(
        self, image: np.ndarray, *, format: str = "jxc", icc_profile: bytes = b"", threads: int = PROCESSORS
    ) -> bytes:
        """Codes a picture.

        Args:
            image: uint8 `[H, W, 3]` (sRGB) or `[H, W]` (grey), at least 1 x 1.
            format: "jxc", or "compressai" for the container of CompressAI's example codec (colour only; the weights'
                metadata must tell quality and metric, which that format stores).
            icc_profile: colour profile to keep in a `.jxc`.
            threads: of the entropy coder; for several pictures see `compress_batch`.

        Returns:
            The bytes of a file.

        Raises:
            ValueError: the picture is of another type or shape, or the format is unknown.
        """
        image = checked_picture(image)
        if format == "jxc":
            return self._compress_jxc(image, icc_profile, threads)
        if format == "compressai":
            return self._compress_compressai(image)
        raise ValueError(f"format is {format!r}; expected 'jxc' or 'compressai'")

    def decompress(
        self,
        data: bytes,
        *,
        max_pixels: int = container.MAX_PIXELS,
        layout: str | None = None,
        threads: int = PROCESSORS,
    ) -> np.ndarray:
        """Decodes a file of either format.

        Args:
            data: the bytes of a `.jxc` file, or of CompressAI's example codec.
            max_pixels: refuse larger pictures.
            layout: of a CompressAI file, see `compressai_format`; found out if not given.
            threads: of the entropy coder; for several files see `decompress_batch`.

        Returns:
            uint8 `[H, W, 3]`, or `[H, W]` if the picture was grey.

        Raises:
            WeightsMismatchError: the file was written with other weights.
            BitstreamError: the file is damaged or too large, or was coded where floating-point arithmetic differs.
        """
        if data[:4] == container.MAGIC:
            return self._decompress_jxc(*container.unpack(data, max_pixels=max_pixels), threads)
        header, strings = compressai_format.unpack(data, layout=layout, max_pixels=max_pixels)
        if len(strings) != 1 + self.model.has_hyperprior:
            raise WeightsMismatchError(
                f"the file has {len(strings)} strings, of {header.architecture}; the weights at hand are of "
                f"{self.weights.architecture}, which makes {1 + self.model.has_hyperprior}"
            )
        padding = centered_padding(header.height, header.width, compressai_format.PADDING_MULTIPLE)
        x_hat = self.decompress_strings([[string] for string in strings], header.shape)[0]
        return (crop(x_hat, padding) * 255).astype(np.uint8)  # truncated, as CompressAI does

    def compress_batch(
        self, images: Iterable[np.ndarray], *, format: str = "jxc", jobs: int = PROCESSORS
    ) -> list[bytes]:
        """Codes several pictures, of any sizes, on all processors and devices: `compress` of each, in order.

        Args:
            images: see `compress`; any iterable, such as a generator that reads files.
            format: see `compress`.
            jobs: pictures at a time.

        Returns:
            The bytes of a file for each.

        Raises:
            ValueError: as `compress` for the first picture that fails.
        """
        return list(self.iter_compressed(images, format=format, jobs=jobs))

    def iter_compressed(
        self, images: Iterable[np.ndarray], *, format: str = "jxc", jobs: int = PROCESSORS
    ) -> Iterator[bytes]:
        """`compress_batch` that yields one file after the other, with at most twice `jobs` pictures in memory."""
        compress = functools.partial(self.compress, format=format, threads=1)
        return ordered_map(compress, images, jobs=jobs)

    def decompress_batch(
        self, files: Iterable[bytes], *, max_pixels: int = container.MAX_PIXELS, jobs: int = PROCESSORS
    ) -> list[np.ndarray]:
        """Decodes several files on all processors and devices: `decompress` of each, in order.

        Args:
            files: see `decompress`; any iterable.
            max_pixels: see `decompress`.
            jobs: files at a time.

        Returns:
            A picture for each.

        Raises:
            BitstreamError: as `decompress` for the first file that fails.
        """
        return list(self.iter_decompressed(files, max_pixels=max_pixels, jobs=jobs))

    def iter_decompressed(
        self, files: Iterable[bytes], *, max_pixels: int = container.MAX_PIXELS, jobs: int = PROCESSORS
    ) -> Iterator[np.ndarray]:
        """`decompress_batch` that yields one picture after the other, with at most twice `jobs` in memory."""
        decompress = functools.partial(self.decompress, max_pixels=max_pixels, threads=1)
        return ordered_map(decompress, files, jobs=jobs)

    def _compress_jxc(self, image: np.ndarray, icc_profile: bytes, threads: int) -> bytes:
        height, width = image.shape[:2]
        padding = centered_padding(height, width, self.model.stride)
        latents = self._coders[self._entropy]
        y, z = self.analyse(image)
        chunk = chunk_size(y.shape)
        strings, checksum = latents.encode(y, z, chunk, native=True, threads=threads)
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
            parameters_checksum=checksum,
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
        padding = centered_padding(height, width, self.model.stride)
        return self._latents.analyse(pad(to_float(image), padding))

    def _decompress_jxc(self, header: container.Header, strings: list[CodedString], threads: int) -> np.ndarray:
        self.check_header(header)
        shape = header.padded_height // 16, header.padded_width // 16
        latents = self._coders[header.entropy_mode]
        y_hat = latents.decode(
            strings,
            shape,
            header.chunk_size,
            order=header.symbol_order,
            threads=threads,
            checksum=header.parameters_checksum,
        )
        x_hat = latents.synthesise(y_hat)
        pixels = crop(x_hat, Padding(*header.padding)) * 255
        if header.channels == 1:
            pixels = pixels.mean(axis=-1)
        return np.rint(pixels).astype(np.uint8)

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
        strings, shape = self.compress_strings(pad(to_float(image), padding)[None])
        metadata = self.weights.metadata
        quality, metric = metadata.get("quality"), metadata.get("metric")
        if not isinstance(quality, int) or not isinstance(metric, str):
            raise ValueError(
                f"CompressAI's format names a quality and a metric, but the weights say quality {quality!r}, metric "
                f"{metric!r}: give --quality and --metric (or put them in the weights' metadata)"
            )
        header = compressai_format.Header(self.weights.architecture, metric, quality, height, width, shape)
        return compressai_format.pack(header, [group[0] for group in strings])

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
        pictures = []
        for picture in x:  # one by one: a batch may compute other bits than the decoder, which sees single pictures
            y, z = self._latents.analyse(picture)
            shape = (y if z is None else z).shape
            strings, _ = self._latents.encode(y, z, y.shape[:2], native=False, threads=PROCESSORS)
            pictures.append([string.data for string in reversed(strings)])
        return [list(group) for group in zip(*pictures, strict=True)], (shape[0], shape[1])

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
            y_hat = self._latents.decode(coded, y_shape, y_shape, order=SymbolOrder.RASTER, threads=PROCESSORS)
            pictures.append(self._latents.synthesise(y_hat))
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
