"""From the strings of a file to the latents."""

import zlib
from collections.abc import Mapping

import numpy as np

from jaxcompress.reference.architectures import HYPER_STRIDE
from jaxcompress.reference.container import File, String
from jaxcompress.reference.integer import Networks
from jaxcompress.reference.lanes import decode_lanes
from jaxcompress.reference.rans import RansDecoder, decode_rans
from jaxcompress.reference.tables import Row, read_rows
from jaxcompress.reference.weights import arrays_below


def decode_strings(file: File, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The latents of a picture, float32 `[h, w, M]`.

    Args:
        file: what `read_file` returned.
        arrays: the weights.

    Raises:
        ValueError: a string cannot be one of this model, or its checksum is wrong.
    """
    if not file.architecture.has_hyperprior:
        return _decode_factorized(file, arrays)
    if file.entropy_mode == 0:
        raise ValueError(
            "the file has tables from floating-point networks (entropy mode 0), which this decoder does not compute"
        )
    z, *strings = file.strings
    networks = Networks(arrays_below(arrays, "integer/"))
    height, width = (side // HYPER_STRIDE for side in file.latent_shape)
    symbols = _decode_channels(z, (height, width), read_rows(arrays, file.architecture.z_tables))
    number = next(iter(file.settings.values()), 0)
    hyper = networks.run_hyper_synthesis(symbols, number)
    rows = read_rows(arrays, "gaussian_conditional")

    y_hat = _empty_latents(file, networks.channels)
    for string, chunk in zip(strings, file.chunks, strict=True):
        if file.architecture.prior == "hyperprior":
            symbols, means = _decode_gaussian(string, hyper[chunk], networks, rows, number)
        elif file.architecture.prior == "raster":
            symbols, means = _decode_with_context(string, hyper[chunk], networks, rows, file.symbol_order)
        else:
            symbols, means = _decode_in_passes(string, hyper[chunk], networks, rows, number)
        y_hat[chunk] = symbols.astype(np.float32) + (means / 64).astype(np.float32)
    return y_hat


def _decode_factorized(file: File, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Without side information: a table and a median for each channel."""
    rows = read_rows(arrays, "entropy_bottleneck")
    medians = arrays["params/entropy_bottleneck/quantiles"][:, 0, 1]
    y_hat = _empty_latents(file, len(rows))
    for string, chunk in zip(file.strings, file.chunks, strict=True):
        y_hat[chunk] = _decode_channels(string, y_hat[chunk].shape[:2], rows).astype(np.float32) + medians
    return y_hat


def _empty_latents(file: File, channels: int) -> np.ndarray:
    if file.m != channels:
        raise ValueError(f"the file has latents of {file.m} channels; the weights have {channels}")
    return np.zeros((*file.latent_shape, channels), np.float32)


def _decode_channels(string: String, shape: tuple[int, int], rows: list[Row]) -> np.ndarray:
    """Symbols `[h, w, C]` of a string that has one table for each channel."""
    _check_crc(string)
    symbols = _decode_string(string, [row for row in rows for _ in range(shape[0] * shape[1])])
    return np.array(symbols).reshape(len(rows), *shape).transpose(1, 2, 0)


def _decode_gaussian(
    string: String, hyper: np.ndarray, networks: Networks, rows: list[Row], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Symbols and means in 64ths `[h, w, M]` of a chunk whose tables follow from z alone."""
    indexes, means = networks.indexes_and_means(hyper, number)
    parameters = indexes.astype(np.uint8).tobytes() + (b"" if means is None else means.astype("<i4").tobytes())
    _check_crc(string, parameters)
    height, width, channels = indexes.shape
    found = _decode_string(string, [rows[i] for i in indexes.transpose(2, 0, 1).ravel()])
    symbols = np.array(found).reshape(channels, height, width).transpose(1, 2, 0)
    return symbols, np.zeros_like(symbols) if means is None else means


def _decode_with_context(
    string: String, side: np.ndarray, networks: Networks, rows: list[Row], order: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same, where tables and means follow from z and from the positions before."""
    _check_crc(string, side.astype("<i4").tobytes())
    decoder = RansDecoder(string.data)
    height, width = side.shape[:2]
    size = len(networks.context[0].kernel)
    symbols = np.zeros((height, width, networks.channels), np.int64)
    means = np.zeros_like(symbols)
    seen = np.zeros((height + size - 1, width + size - 1, networks.channels), np.int64)  # with a frame of zeros
    for row, column in _positions(height, width, size, order):
        outputs = networks.run_context(seen[row : row + size, column : column + size], side[row, column])
        indexes, found = networks.indexes_and_means(outputs)
        means[row, column] = 0 if found is None else found
        symbols[row, column] = [decoder.symbol(rows[i]) for i in indexes]
        latents = 64 * symbols[row, column] + means[row, column]
        seen[row + size // 2, column + size // 2] = networks.shift_latents(latents)
    decoder.finish()
    return symbols, means


def _decode_in_passes(
    string: String, side: np.ndarray, networks: Networks, rows: list[Row], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same, where tables and means follow from z and from the passes before, at a number of the setting."""
    _check_crc(string, side.astype("<i4").tobytes())
    decoder = RansDecoder(string.data)
    symbols = np.zeros((*side.shape[:2], networks.channels), np.int64)
    means = np.zeros_like(symbols)
    order = _passes(symbols.shape, len(networks.passes))
    for count in range(len(networks.passes)):
        outputs = networks.run_pass(count, 64 * symbols + means, side, number)
        indexes, found = networks.indexes_and_means(outputs, number)
        for channel, row, column in np.argwhere(order.transpose(2, 0, 1) == count):
            place = row, column, channel
            symbols[place] = decoder.symbol(rows[indexes[place]])
            means[place] = 0 if found is None else found[place]
    decoder.finish()
    return symbols, means


def _passes(shape: tuple[int, ...], count: int) -> np.ndarray:
    """The pass of each latent `[h, w, C]`: channels have as many parts, and positions of 2x2 cells as many classes."""
    height, width, channels = shape
    rows, columns = np.mgrid[:height, :width] % 2
    classes = np.array({2: [[0, 1], [1, 0]], 4: [[0, 2], [3, 1]]}[count])[rows, columns]
    return (classes[..., None] + np.arange(channels) * count // channels) % count


def _positions(height: int, width: int, size: int, order: int) -> list[tuple[int, int]]:
    """Rows and columns in raster order (0) or in wavefronts (1), for a context of `size` x `size`."""
    positions = [(row, column) for row in range(height) for column in range(width)]
    slope = (size + 1) // 2
    return sorted(positions, key=lambda p: (p[1] + slope * p[0], p[0])) if order == 1 else positions


def _decode_string(string: String, rows: list[Row]) -> list[int]:
    return (decode_lanes if string.stream_format == 1 else decode_rans)(string.data, rows)


def _check_crc(string: String, parameters: bytes = b"") -> None:
    """Compares the checksum of a string, which goes on from that of the parameters it was coded with."""
    if zlib.crc32(string.data, zlib.crc32(parameters)) != string.checksum:
        why = ", or the integer networks were not computed as by its writer" if parameters else ""
        raise ValueError(f"the checksum of a string is wrong: it is damaged{why}")
