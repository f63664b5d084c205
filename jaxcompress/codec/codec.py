"""Pictures to bitstreams and back: `Codec`."""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcompress import coder
from jaxcompress.codec import autoregressive, compressai_format, container
from jaxcompress.codec.errors import BitstreamError, WeightsMismatchError
from jaxcompress.entropy import bottleneck_medians, build_indexes
from jaxcompress.models import CompressionModel
from jaxcompress.ops import Padding, centered_padding
from jaxcompress.weights import Weights

# Latents in a chunk of y, each way: 1024 x 1024 pixels.
_CHUNK = 64


class Codec:
    """Codes pictures with one set of weights. Safe to share between threads.

    Args:
        weights: trained weights, see `jaxcompress.load`.
        model: the module the parameters belong to, if it is none of `jaxcompress.models`.
        progress: show a bar on standard error while an autoregressive model codes.

    Example:
        codec = Codec(jaxcompress.load("weights.safetensors"))
        data = codec.compress(image)        # uint8 [H, W, 3] -> bytes
        image = codec.decompress(data)
    """

    def __init__(self, weights: Weights, *, model: CompressionModel | None = None, progress: bool = False):
        self.weights = weights
        self._progress = progress
        self.model = model or weights.model()
        self._params = jax.device_put(dict(weights.params))
        self._medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]))
        self._bottleneck_tables = weights.tables["entropy_bottleneck"].coder_tables
        if self.model.has_hyperprior:
            self._gaussian_tables = weights.tables["gaussian_conditional"].coder_tables
            self._scale_table = tuple(weights.tables["gaussian_conditional"].scale_table.tolist())
        self._fingerprints = (weights.bits_fingerprint(), weights.synthesis_fingerprint())

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
        image = _checked_picture(image)
        if format == "jxc":
            return self._compress_jxc(image, icc_profile)
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
        if data[:4] == container.MAGIC:
            return self._decompress_jxc(*container.unpack(data, max_pixels=max_pixels))
        header, strings = compressai_format.unpack(data, layout=layout, max_pixels=max_pixels)
        if len(strings) != 1 + self.model.has_hyperprior:
            raise WeightsMismatchError(
                f"the file has {len(strings)} strings, of {header.architecture}; the weights at hand are of "
                f"{self.weights.architecture}, which makes {1 + self.model.has_hyperprior}"
            )
        padding = centered_padding(header.height, header.width, compressai_format.PADDING_MULTIPLE)
        x_hat = self.decompress_strings([[string] for string in strings], header.shape)[0]
        return (_crop(x_hat, padding) * 255).astype(np.uint8)  # truncated, as CompressAI does

    def compress_batch(self, images: Sequence[np.ndarray], *, format: str = "jxc") -> list[bytes]:
        """Codes several pictures, of any sizes, on all processors: `compress` of each, in order.

        Args:
            images: see `compress`.
            format: see `compress`.

        Returns:
            The bytes of a file for each.
        """
        with ThreadPoolExecutor() as pool:
            return list(pool.map(functools.partial(self.compress, format=format), images))

    def decompress_batch(self, files: Sequence[bytes], *, max_pixels: int = container.MAX_PIXELS) -> list[np.ndarray]:
        """Decodes several files on all processors: `decompress` of each, in order.

        Args:
            files: see `decompress`.
            max_pixels: see `decompress`.

        Returns:
            A picture for each.
        """
        with ThreadPoolExecutor() as pool:
            return list(pool.map(functools.partial(self.decompress, max_pixels=max_pixels), files))

    def _compress_jxc(self, image: np.ndarray, icc_profile: bytes) -> bytes:
        height, width = image.shape[:2]
        padding = centered_padding(height, width, self.model.stride)
        y, z = _analyse(self.model, self._params, _pad(_to_float(image), padding)[None])
        rows, columns = y.shape[1:3]
        chunk = min(rows, _CHUNK), min(columns, _CHUNK)
        strings = self._encode(y[0], z if z is None else z[0], chunk)
        header = container.Header(
            architecture=self.weights.architecture,
            n=self.weights.n,
            m=self.weights.m,
            width=width,
            height=height,
            channels=1 if image.ndim == 2 else 3,
            bit_depth=8,
            padding=padding,
            bits_fingerprint=self._fingerprints[0],
            synthesis_fingerprint=self._fingerprints[1],
            chunk_size=chunk,
            icc_profile=icc_profile,
        )
        return container.pack(header, strings)

    def _decompress_jxc(self, header: container.Header, strings: list[bytes]) -> np.ndarray:
        self._check_header(header)
        shape = header.padded_height // 16, header.padded_width // 16
        x_hat = self._synthesise(self._decode(strings, shape, header.chunk_size))
        pixels = _crop(x_hat, Padding(*header.padding)) * 255
        if header.channels == 1:
            pixels = pixels.mean(axis=-1)
        return np.rint(pixels).astype(np.uint8)

    def _check_header(self, header: container.Header) -> None:
        mine = (self.weights.architecture, self.weights.n, self.weights.m, *self._fingerprints)
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
        strings, shape = self.compress_strings(_pad(_to_float(image), padding)[None])
        metadata = self.weights.metadata
        header = compressai_format.Header(
            self.weights.architecture, metadata.get("metric", "mse"), metadata.get("quality"), height, width, shape
        )
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
        pictures = []
        for picture in x:  # one by one: a batch may compute other bits than the decoder, which sees single pictures
            y, z = _analyse(self.model, self._params, picture[None])
            deepest = (y if z is None else z).shape[1:3]
            pictures.append(self._encode(y[0], z if z is None else z[0], y.shape[1:3])[::-1])
        return [list(group) for group in zip(*pictures, strict=True)], deepest

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
        pictures = zip(*strings, strict=True)
        return np.stack([self._synthesise(self._decode(picture[::-1], y_shape, y_shape)) for picture in pictures])

    # ---------------------------------------------------------------- latents and strings, z first

    def _encode(self, y: jax.Array, z: jax.Array | None, chunk: tuple[int, int]) -> list[bytes]:
        """Strings of one picture: z, if there is one, then the chunks of y."""
        y = np.asarray(y)
        if z is None:
            symbols = autoregressive.to_symbols(np.rint(y - self._medians))
            return [self._encode_channels(symbols[area]) for area in _chunks(y.shape, chunk)]
        z_symbols = autoregressive.to_symbols(np.rint(np.asarray(z) - self._medians))
        z_string = self._encode_channels(z_symbols)
        hyper = self._hyper(z_symbols)
        return [z_string, *(self._encode_gaussian(y, hyper, area) for area in _chunks(y.shape, chunk))]

    def _decode(self, strings: Sequence[bytes], shape: tuple[int, int], chunk: tuple[int, int]) -> np.ndarray:
        """y_hat `[h, w, M]` of one picture: the inverse of `_encode`."""
        y_hat = np.empty((*shape, self.weights.m), np.float32)
        areas = list(_chunks(y_hat.shape, chunk))
        if len(strings) != self.model.has_hyperprior + len(areas):
            raise BitstreamError(f"{len(strings)} strings, where the picture's size and chunks make {len(areas)} of y")
        try:
            if not self.model.has_hyperprior:
                for area, string in zip(areas, strings, strict=True):
                    y_hat[area] = self._decode_channels(string, y_hat[area].shape) + self._medians
            else:
                z_shape = shape[0] // 4, shape[1] // 4, len(self._medians)
                hyper = self._hyper(self._decode_channels(strings[0], z_shape))
                for area, string in zip(areas, strings[1:], strict=True):
                    y_hat[area] = self._decode_gaussian(string, hyper, area)
        except coder.StreamError as error:
            raise BitstreamError(
                f"the strings do not decode ({error}): they are damaged, or were written with other weights or where "
                f"floating-point arithmetic gives other scales"
            ) from error
        return y_hat

    def _encode_channels(self, symbols: np.ndarray) -> bytes:
        """String of `[h, w, C]` symbols under one table for each channel."""
        planes = symbols.transpose(2, 0, 1)
        return coder.encode(planes, _channel_indexes(planes.shape), self._bottleneck_tables)

    def _decode_channels(self, string: bytes, shape: tuple[int, ...]) -> np.ndarray:
        height, width, channels = shape
        indexes = _channel_indexes((channels, height, width))
        return coder.decode(string, indexes, self._bottleneck_tables).transpose(1, 2, 0)

    def _hyper(self, z_symbols: np.ndarray) -> Any:
        """Side information of y: for autoregressive models `[h, w, 2 M]`, else table indexes and means (or None).

        Encoder and decoder both come here with a single picture, so that both run the same compiled program.
        """
        z_hat = (z_symbols.astype(np.float32) + self._medians)[None]
        return jax.tree.map(lambda a: np.asarray(a[0]), _side_information(self.model, self._scale_table, self._params, z_hat))

    def _encode_gaussian(self, y: np.ndarray, hyper: Any, area: tuple[slice, slice]) -> bytes:
        if self.model.is_autoregressive:
            return self._in_raster_order(autoregressive.encode, y[area], hyper[area])
        indexes, means = hyper
        residual = y[area] if means is None else y[area] - means[area]
        symbols = autoregressive.to_symbols(np.rint(residual))
        return coder.encode(symbols.transpose(2, 0, 1), indexes[area].transpose(2, 0, 1), self._gaussian_tables)

    def _decode_gaussian(self, string: bytes, hyper: Any, area: tuple[slice, slice]) -> np.ndarray:
        if self.model.is_autoregressive:
            return self._in_raster_order(autoregressive.decode, string, hyper[area], self.weights.m)
        indexes, means = hyper
        symbols = coder.decode(string, indexes[area].transpose(2, 0, 1), self._gaussian_tables)
        residual = symbols.transpose(1, 2, 0).astype(np.float32)
        return residual if means is None else residual + means[area]

    def _in_raster_order(self, code: Callable, *what: Any) -> Any:
        """Runs one direction of the autoregressive loop."""
        params = {name: self._params[name] for name in ("context_prediction", "entropy_parameters")}
        step = functools.partial(_position, self.model, self._scale_table, params)
        return code(step, self.model.context_size, *what, self._gaussian_tables, progress=self._progress)

    def _synthesise(self, y_hat: np.ndarray) -> np.ndarray:
        """x_hat `[H, W, 3]` in [0, 1], padding included."""
        return np.asarray(_synthesis(self.model, self._params, y_hat[None])[0])


@functools.partial(jax.jit, static_argnums=0)
def _analyse(model: CompressionModel, params: Any, x: jax.Array) -> tuple[jax.Array, jax.Array | None]:
    y = model.apply({"params": params}, x, method="analysis")
    return y, model.apply({"params": params}, y, method="hyper_analysis") if model.has_hyperprior else None


@functools.partial(jax.jit, static_argnums=(0, 1))
def _side_information(model: CompressionModel, scale_table: tuple[float, ...], params: Any, z_hat: jax.Array) -> Any:
    hyper = model.apply({"params": params}, z_hat, method="hyper_synthesis")
    if model.is_autoregressive:
        return hyper
    scales, means = model.apply({"params": params}, hyper, method="gaussian_parameters")
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=(0, 1))
def _position(
    model: CompressionModel, scale_table: tuple[float, ...], params: Any, window: jax.Array, hyper: jax.Array
) -> tuple[jax.Array, jax.Array]:
    scales, means = model.apply({"params": params}, window, hyper, method="position_parameters")
    return build_indexes(scales, np.array(scale_table, np.float32)), means


@functools.partial(jax.jit, static_argnums=0)
def _synthesis(model: CompressionModel, params: Any, y_hat: jax.Array) -> jax.Array:
    return jnp.clip(model.apply({"params": params}, y_hat, method="synthesis"), 0, 1)


def _chunks(shape: tuple[int, ...], chunk: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Rectangles of at most `chunk` latents that cover `[h, w, ...]`, in raster order."""
    for top in range(0, shape[0], chunk[0]):
        for left in range(0, shape[1], chunk[1]):
            yield slice(top, min(top + chunk[0], shape[0])), slice(left, min(left + chunk[1], shape[1]))


def _channel_indexes(shape: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[0], dtype=np.int32)[:, None, None], shape)


def _checked_picture(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or not image.size:
        raise ValueError(
            f"the picture is {image.dtype} of shape {image.shape}; expected uint8 [H, W, 3] or [H, W]: "
            f"jaxcompress.codec.read_picture makes it of an image file"
        )
    return image


def _to_float(image: np.ndarray) -> np.ndarray:
    """uint8 picture, colour or grey, to float32 `[H, W, 3]` in [0, 1]."""
    x = image.astype(np.float32) / np.float32(255)
    return np.repeat(x[..., None], 3, axis=-1) if x.ndim == 2 else x


def _pad(x: np.ndarray, padding: Padding) -> np.ndarray:
    return np.pad(x, ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0)))


def _crop(x: np.ndarray, padding: Padding) -> np.ndarray:
    return x[padding.top : x.shape[0] - padding.bottom, padding.left : x.shape[1] - padding.right]
