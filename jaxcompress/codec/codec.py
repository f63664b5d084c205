"""Pictures to bitstreams and back: `Codec`."""

import functools
import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxcompress.codec import container
from jaxcompress.codec.batch import ordered_map
from jaxcompress.codec.coded_string import EntropyMode
from jaxcompress.codec.compressai_strings import CompressAICoder, decode_strings, encode_strings
from jaxcompress.codec.jxc import JxcCoder
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.networks import NetworksByDevice
from jaxcompress.codec.pixels import checked_picture
from jaxcompress.codec.rate import CodedPicture, RateCoder, Target
from jaxcompress.metrics import bits_per_pixel
from jaxcompress.processors import PROCESSORS
from jaxcompress.weights import Weights


class Codec:
    """Codes pictures with one set of weights. Safe to share between threads.

    Networks run on JAX's default device: that of `jax.default_device` where a thread has set it, with a copy of the
    parameters for each device that is ever used.

    Args:
        weights: trained weights, see `jaxcompress.load`, which takes models of your own.
        entropy: what `.jxc` files get their scales and means from: "integer", networks in exact integer arithmetic, so
            that every device decodes them; or "float", the networks that were trained. If not given "integer" where the
            weights have such networks. Decoding does what the file says, and CompressAI's strings are always "float".
        winograd: compute the transforms g_a and g_s of `.jxc` files with fewer multiplications, see
            `ops.winograd_conv2d`: pictures lose less than 0.0005 dB, and a latent or a pixel may be rounded to the
            other side. If not given, on CPUs, where it is faster. What decides bits is not computed so, nor are
            CompressAI's strings.
        progress: show bars on standard error for work that takes longer than a second.

    Raises:
        ValueError: `entropy` is "integer" and the weights have no integer networks; or the model has latents of another
            kind than y alone or y after one hyper-latent.

    Example:
        codec = Codec(jaxcompress.load("weights.safetensors"))
        data = codec.compress(image)        # uint8 [H, W, 3] -> bytes
        image = codec.decompress(data)
    """

    def __init__(
        self,
        weights: Weights,
        *,
        entropy: str | None = None,
        winograd: bool | None = None,
        progress: bool = False,
    ):
        self.weights = weights
        self.model = weights.model()
        self._networks = NetworksByDevice(weights, self.model, winograd=winograd, progress=progress)
        self._jxc = JxcCoder(weights, self.model.layout, self._networks, _entropy_mode(entropy, weights))
        self._compressai = CompressAICoder(weights, self.model.layout, self._networks)
        self._rates = RateCoder(self._jxc, self.model.layout, weights.architecture)

    @property
    def _coders(self) -> dict[EntropyMode, LatentCoder]:
        return self._networks.here().coders

    @property
    def _latents(self) -> LatentCoder:
        return self._coders[EntropyMode.FLOAT]

    # ---------------------------------------------------------------- pictures and files

    @property
    def qualities(self) -> range:
        """Whole qualities that `compress` takes, from the fewest bits to the most; empty for models of one rate."""
        return self._rates.qualities

    @property
    def default_quality(self) -> float | None:
        """The quality that `compress` takes if it is not told another; None for models of one rate."""
        return self._rates.default_quality

    def compress(
        self,
        image: np.ndarray,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        nearest: bool = False,
        format: str = "jxc",
        icc_profile: bytes = b"",
        threads: int = PROCESSORS,
    ) -> bytes:
        """Codes a picture.

        Args:
            image: uint8 `[H, W, 3]` (sRGB) or `[H, W]` (grey), at least 1 x 1.
            quality: for models whose rate can be set, a number from 1 to 100; `default_quality` if not given.
            bpp: instead of a quality, bits per pixel of the file: met within 2 %, or by the nearest quality.
            psnr: instead of a quality, PSNR of the decoded picture in decibels: met within 0.05 dB, or by the nearest
                quality.
            nearest: where no quality gives so few or so many bits or decibels, take the lowest or the highest.
            format: "jxc", or "compressai" for the container of CompressAI's example codec (colour only; the weights'
                metadata must tell quality and metric, which that format stores).
            icc_profile: colour profile to keep in a `.jxc`.
            threads: of the entropy coder; for several pictures see `compress_batch`.

        Returns:
            The bytes of a file.

        Raises:
            ValueError: the picture is of another type or shape, or the format is unknown; or quality and targets do
                not belong together, or to this model.
            TargetError: no quality gives so few or so many bits or decibels.
        """
        return self.code(
            image,
            quality=quality,
            bpp=bpp,
            psnr=psnr,
            nearest=nearest,
            format=format,
            icc_profile=icc_profile,
            threads=threads,
        ).data

    def code(
        self,
        image: np.ndarray,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        nearest: bool = False,
        format: str = "jxc",
        icc_profile: bytes = b"",
        threads: int = PROCESSORS,
    ) -> CodedPicture:
        """Codes a picture as `compress` does, and says what was reached: quality, bits per pixel, PSNR."""
        image = checked_picture(image)
        if format == "jxc":
            target = Target.of(quality=quality, bpp=bpp, psnr=psnr)
            return self._rates.code(image, target, nearest=nearest, icc_profile=icc_profile, threads=threads)
        if format != "compressai":
            raise ValueError(f"format is {format!r}; expected 'jxc' or 'compressai'")
        if (quality, bpp, psnr) != (None, None, None):
            raise ValueError("CompressAI's format is for models of one rate; leave out quality, bpp and psnr")
        data = self._compressai.encode(image, threads)
        return CodedPicture(data, None, bits_per_pixel(data, *image.shape[:2]))

    def check_target(
        self, *, quality: float | None = None, bpp: float | None = None, psnr: float | None = None
    ) -> Target | None:
        """Checks what `compress` is asked for, without a picture.

        Args:
            quality: see `compress`.
            bpp: see `compress`.
            psnr: see `compress`.

        Returns:
            What a file can be held against; None if nothing is asked for.

        Raises:
            ValueError: the model cannot give it, or several are given.
        """
        target = Target.of(quality=quality, bpp=bpp, psnr=psnr)
        self._rates.check(target)
        return target

    def decompress(
        self,
        data: bytes | container.JxcFile,
        *,
        max_pixels: int = container.MAX_PIXELS,
        layout: str | None = None,
        threads: int = PROCESSORS,
    ) -> np.ndarray:
        """Decodes a file of either format.

        Args:
            data: the bytes of a `.jxc` file, or of CompressAI's example codec; or a `.jxc` file that
                `container.unpack` has read, which is not read again.
            max_pixels: refuse larger pictures; of a file that has been read, `container.unpack` has done so.
            layout: of a CompressAI file, see `compressai_format`; found out if not given.
            threads: of the entropy coder; for several files see `decompress_batch`.

        Returns:
            uint8 `[H, W, 3]`, or `[H, W]` if the picture was grey.

        Raises:
            WeightsMismatchError: the file was written with other weights.
            BitstreamError: the file is damaged or too large, or was coded where floating-point arithmetic differs.
        """
        if not isinstance(data, container.JxcFile) and data[:4] != container.MAGIC:
            return self._compressai.decode(data, max_pixels, layout, threads)
        header, strings = _unpacked(data, max_pixels)
        return self._jxc.decode(header, strings, (slice(0, header.height), slice(0, header.width)), threads)

    def decompress_crop(
        self,
        data: bytes | mmap.mmap | container.JxcFile,
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
            data: the bytes of the file; a map of it in memory (`mmap`) spares reading the rest. Or what
                `container.unpack` has read, which is not read again.
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
        header, strings = _unpacked(data, max_pixels, in_part=True)
        rows, columns = slice(top, top + height), slice(left, left + width)
        if not (0 <= top < rows.stop <= header.height and 0 <= left < columns.stop <= header.width):
            raise ValueError(
                f"the rectangle x={left} y={top} width={width} height={height} is not in the picture of "
                f"{header.width} x {header.height} pixels"
            )
        return self._jxc.decode(header, strings, (rows, columns), PROCESSORS)

    def compress_batch(self, images: Iterable[np.ndarray], *, jobs: int = PROCESSORS, **options: Any) -> list[bytes]:
        """Codes several pictures, of any sizes, on all processors and devices: `compress` of each, in order.

        Args:
            images: see `compress`; any iterable, such as a generator that reads files.
            jobs: pictures at a time.
            options: of `compress`, such as `quality` and `format`; every picture gets one thread.

        Returns:
            The bytes of a file for each.

        Raises:
            ValueError: as `compress` for the first picture that fails.
        """
        return list(self.iter_compressed(images, jobs=jobs, **options))

    def iter_compressed(
        self, images: Iterable[np.ndarray], *, jobs: int = PROCESSORS, **options: Any
    ) -> Iterator[bytes]:
        """`compress_batch` that yields one file after the other, with at most twice `jobs` pictures in memory."""
        return ordered_map(functools.partial(self.compress, threads=1, **options), images, jobs=jobs)

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

    def analyse(
        self, image: np.ndarray, *, numbers: Mapping[str, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents that a picture is coded as.

        Args:
            image: see `compress`.
            numbers: of the model's settings, see `models.Setting`; their defaults if not given.

        Returns:
            y, float32 `[h, w, M]`, and z `[h', w', N]` if the model has one.

        Raises:
            ValueError: the picture is of another type or shape, or the model has other settings.
        """
        return self._jxc.analyse(checked_picture(image), dict(numbers or self.model.layout.default_numbers))

    def check_header(self, header: container.Header) -> None:
        """Checks that a `.jxc` file can be decoded here.

        Args:
            header: of the file, from `container.unpack`.

        Raises:
            BitstreamError: the file has what this version does not know.
            WeightsMismatchError: it was written with other weights.
        """
        self._jxc.check_header(header)

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
        self._compressai.check_model()
        x = np.asarray(x, np.float32)
        self.model.check_call(x, training=False, as_coded=False)
        if not len(x):
            raise ValueError(f"x has shape {x.shape}; expected at least one picture")
        strings, shapes = zip(*(encode_strings(self._networks, picture, PROCESSORS) for picture in x), strict=True)
        return [list(group) for group in zip(*strings, strict=True)], shapes[0]

    def decompress_strings(self, strings: Sequence[Sequence[bytes]], shape: tuple[int, int]) -> np.ndarray:
        """Decodes CompressAI's strings.

        Args:
            strings: by group and picture, as `compress_strings` returns them.
            shape: (height, width) of the deepest latent.

        Returns:
            x_hat, float32 `[N, H, W, 3]` in [0, 1].

        Raises:
            BitstreamError: a string is damaged, or does not belong to these weights and this shape.
            ValueError: groups of strings that are too few, too many, or of unequal lengths; a shape that is none.
        """
        groups = len(self.model.layout.latents)
        if len(strings) != groups or len({len(group) for group in strings}) != 1 or not strings[0]:
            raise ValueError(
                f"strings has {[len(group) for group in strings]} pictures by group; {self.weights.architecture} "
                f"makes {groups} groups of equal size"
            )
        height, width = int(shape[0]), int(shape[1])
        if min(height, width) < 1:
            raise ValueError(f"shape is {tuple(shape)}; expected the positive height and width of the deepest latent")
        pictures = zip(*strings, strict=True)
        return np.stack([self._decode_strings(picture, (height, width)) for picture in pictures])

    def _decode_strings(self, strings: Sequence[bytes], shape: tuple[int, int]) -> np.ndarray:
        return decode_strings(self._networks, self.model.layout, strings, shape, PROCESSORS)


def _unpacked(
    data: bytes | mmap.mmap | container.JxcFile, max_pixels: int, *, in_part: bool = False
) -> container.JxcFile:
    if isinstance(data, container.JxcFile):
        return data
    return container.unpack(data, max_pixels=max_pixels, in_part=in_part)


def _entropy_mode(entropy: str | None, weights: Weights) -> EntropyMode:
    if entropy is None:
        return EntropyMode.FLOAT if weights.integer is None else EntropyMode.INTEGER
    if entropy not in ("integer", "float"):
        raise ValueError(f"entropy is {entropy!r}; expected 'integer' or 'float'")
    if entropy == "integer":
        weights.require_integer()
    return EntropyMode[entropy.upper()]
