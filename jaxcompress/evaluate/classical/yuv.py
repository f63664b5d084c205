"""Pictures as planes of luma and chroma: BT.709, full range, 8 bits (ITU-T H.273, matrix 1)."""

import numpy as np

SUBSAMPLINGS = ("4:4:4", "4:2:0")
_RED, _BLUE = 0.2126, 0.0722
_GREEN = 1 - _RED - _BLUE
_MIDDLE = 128.0  # chroma of grey


def coded_size(shape: tuple[int, int], subsampling: str) -> tuple[int, int]:
    """Height and width of the planes of luma, which are even in 4:2:0.

    Args:
        shape: height and width of the picture.
        subsampling: one of `SUBSAMPLINGS`.
    """
    height, width = shape
    return (height, width) if subsampling == "4:4:4" else (height + height % 2, width + width % 2)


def planes_bytes(shape: tuple[int, int], subsampling: str) -> int:
    """Bytes that the planes take, by the same arguments as `coded_size`."""
    height, width = coded_size(shape, subsampling)
    return 3 * height * width if subsampling == "4:4:4" else 3 * height * width // 2


def to_planes(pixels: np.ndarray, subsampling: str) -> bytes:
    """Planes Y, Cb and Cr, one after another, rounded to the nearest numbers.

    In 4:2:0, a sample of chroma is the mean of the four that it stands for; a picture of odd height or width is made
    even before, by its last row or column once more.

    Args:
        pixels: uint8 `[H, W, 3]`, sRGB.
        subsampling: one of `SUBSAMPLINGS`.
    """
    (height, width), (rows, columns) = pixels.shape[:2], coded_size(pixels.shape[:2], subsampling)
    even = np.pad(pixels, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge").astype(np.float64)
    red, green, blue = np.moveaxis(even, -1, 0)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    chroma = [(blue - luma) / (2 * (1 - _BLUE)) + _MIDDLE, (red - luma) / (2 * (1 - _RED)) + _MIDDLE]
    if subsampling == "4:2:0":
        chroma = [plane.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)) for plane in chroma]
    return b"".join(_round(plane).tobytes() for plane in (luma, *chroma))


def from_planes(planes: bytes, shape: tuple[int, int], subsampling: str) -> np.ndarray:
    """The picture, rounded to the nearest numbers.

    In 4:2:0, chroma between samples is interpolated linearly, with samples in the middle of the four pixels that each
    stands for.

    Args:
        planes: as `to_planes` gives them.
        shape: height and width of the picture.
        subsampling: one of `SUBSAMPLINGS`.

    Returns:
        uint8 `[H, W, 3]`, sRGB.

    Raises:
        ValueError: the planes are of another size.
    """
    expected = planes_bytes(shape, subsampling)
    if len(planes) != expected:
        raise ValueError(
            f"{len(planes)} bytes are no {subsampling} planes of {shape[0]}x{shape[1]}; expected {expected}"
        )
    rows, columns = coded_size(shape, subsampling)
    samples = np.frombuffer(planes, np.uint8).astype(np.float64)
    luma = samples[: rows * columns].reshape(rows, columns)
    if subsampling == "4:4:4":
        blueness, redness = samples[rows * columns :].reshape(2, rows, columns) - _MIDDLE
    else:
        halves = samples[rows * columns :].reshape(2, rows // 2, columns // 2) - _MIDDLE
        blueness, redness = _double(_double(halves, 1), 2)
    red = luma + 2 * (1 - _RED) * redness
    blue = luma + 2 * (1 - _BLUE) * blueness
    green = (luma - _RED * red - _BLUE * blue) / _GREEN
    return _round(np.stack([red, green, blue], axis=-1))[: shape[0], : shape[1]]


def _double(samples: np.ndarray, axis: int) -> np.ndarray:
    """Twice as many samples along an axis, a quarter of a distance to each side of the old ones."""
    pad = [(0, 0)] * samples.ndim
    pad[axis] = (1, 1)
    padded = np.moveaxis(np.pad(samples, pad, mode="edge"), axis, 0)
    before, here, after = padded[:-2], padded[1:-1], padded[2:]
    pairs = np.stack([0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after], axis=1)
    return np.moveaxis(pairs.reshape(-1, *pairs.shape[2:]), 0, axis)


def _round(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)
