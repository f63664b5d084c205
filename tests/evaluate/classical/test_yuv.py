"""Planes of YCbCr."""

import numpy as np
import pytest

from jaxcompress.evaluate.classical import yuv


def planes_of(pixels, subsampling="4:4:4"):
    rows, columns = yuv.coded_size(pixels.shape[:2], subsampling)
    data = np.frombuffer(yuv.to_planes(pixels, subsampling), np.uint8)
    half = (rows, columns) if subsampling == "4:4:4" else (rows // 2, columns // 2)
    return data[: rows * columns].reshape(rows, columns), *data[rows * columns :].reshape(2, *half)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [  # 0.2126 R + 0.7152 G + 0.0722 B; (B - Y) / 1.8556 + 128; (R - Y) / 1.5748 + 128
        ((0, 0, 0), (0, 128, 128)),
        ((255, 255, 255), (255, 128, 128)),
        ((77, 77, 77), (77, 128, 128)),
        ((255, 0, 0), (54, 99, 255)),
        ((0, 255, 0), (182, 30, 12)),
        ((0, 0, 255), (18, 255, 116)),
        ((10, 200, 90), (152, 95, 38)),  # 151.66, 94.77, 38.05: not what truncation gives
    ],
)
def test_numbers_of_bt709(rgb, expected):
    pixels = np.array([[rgb]], np.uint8)
    assert yuv.to_planes(pixels, "4:4:4") == bytes(expected)
    decoded = yuv.from_planes(bytes(expected), (1, 1), "4:4:4")
    assert np.abs(decoded.astype(int) - pixels).max() <= 1


def test_grey_is_exact(psnr):
    grey = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    for subsampling in yuv.SUBSAMPLINGS:
        flat = np.repeat(np.repeat(grey, 2, axis=0), 2, axis=1)
        assert np.array_equal(yuv.from_planes(yuv.to_planes(flat, subsampling), (32, 32), subsampling), flat)


def test_rounding_loses_little_and_favours_neither_side(bird, psnr):
    decoded = yuv.from_planes(yuv.to_planes(bird, "4:4:4"), bird.shape[:2], "4:4:4")
    assert psnr(bird, decoded) > 52.5  # truncating both ways: below 44
    assert abs((decoded.astype(int) - bird).mean()) < 0.05
    assert decoded.dtype == np.uint8


def test_chroma_is_the_mean_of_four():
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, 2:] = 200
    pixels[0, 0] = (0, 0, 255)  # Cb 255.5
    luma, blueness, redness = planes_of(pixels, "4:2:0")
    assert luma.tolist() == [[18, 0, 200, 200], [0, 0, 200, 200]]
    assert blueness.tolist() == [[160, 128]]  # 128 + 127.5 / 4
    assert redness.tolist() == [[125, 128]]  # 128 - 11.69 / 4


def test_chroma_between_samples_is_linear():
    planes = bytes(2 * 6 * [100]) + bytes([100, 140, 140]) + bytes(3 * [128])
    decoded = yuv.from_planes(planes, (2, 6), "4:2:0")
    chroma = np.array([100, 110, 130, 140, 140, 140])  # edges stay; between, a quarter and three
    assert decoded[0, :, 2].tolist() == decoded[1, :, 2].tolist() == np.rint(100 + 1.8556 * (chroma - 128)).tolist()
    assert np.array_equal(yuv.from_planes(planes, (6, 2), "4:2:0")[..., 2], decoded[..., 2].T)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 2), (3, 7), (8, 6)])
@pytest.mark.parametrize("subsampling", yuv.SUBSAMPLINGS)
def test_any_size(shape, subsampling, bird, psnr):
    pixels = bird[: shape[0], : shape[1]]
    rows, columns = yuv.coded_size(shape, subsampling)
    planes = yuv.to_planes(pixels, subsampling)
    if subsampling == "4:2:0":
        assert rows % 2 == columns % 2 == 0
        assert len(planes) == rows * columns * 3 // 2
    assert (rows - shape[0], columns - shape[1]) <= (1, 1)
    assert len(planes) == yuv.planes_bytes(shape, subsampling)
    decoded = yuv.from_planes(planes, shape, subsampling)
    assert decoded.shape == pixels.shape
    assert psnr(pixels, decoded) > 28


def test_planes_of_another_size_are_refused():
    with pytest.raises(ValueError, match="11 bytes are no 4:4:4 planes of 2x2; expected 12"):
        yuv.from_planes(bytes(11), (2, 2), "4:4:4")
