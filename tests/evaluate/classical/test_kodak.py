"""The Kodak pictures at points of CompressAI's published curves."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

KODAK = os.environ.get("JAXCOMPRESS_KODAK")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not KODAK, reason="needs the folder with the 24 Kodak pictures, named by JAXCOMPRESS_KODAK"),
]


@pytest.fixture(scope="module")
def kodak() -> list[np.ndarray]:
    paths = sorted(Path(KODAK).glob("kodim*.png"))
    assert len(paths) == 24
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


@pytest.fixture(scope="module")
def means(kodak, psnr):
    """A function of codec and quality: bits per pixel and PSNR, in means over the pictures."""

    def compute(codec, quality, pictures=kodak):
        rows = []
        for pixels in pictures:
            data = codec.encode(pixels, quality).data
            decoded = codec.decode(data, quality, pixels.shape[:2])
            rows.append((len(data) * 8 / pixels[..., 0].size, psnr(pixels, decoded.pixels)))
        return tuple(np.mean(rows, axis=0))

    return compute


@pytest.mark.parametrize(
    ("quality", "bpp", "decibels"),
    [(5, 0.23442, 28.32842), (50, 0.72182, 33.23755), (75, 0.99839, 35.10417), (95, 2.92848, 41.75925)],
)
def test_webp_is_equal(quality, bpp, decibels, make, means):
    assert means(make("webp"), quality) == pytest.approx((bpp, decibels), abs=6e-6)


# Published with an older libjpeg-turbo, which decodes a little worse.
@pytest.mark.parametrize(
    ("quality", "bpp", "decibels"), [(5, 0.22115, 23.77989), (50, 0.90600, 32.05865), (95, 3.40134, 40.55666)]
)
def test_jpeg_is_close(quality, bpp, decibels, make, means):
    rate, value = means(make("jpeg"), quality)
    assert rate == pytest.approx(bpp, abs=0.01)
    assert value == pytest.approx(decibels, abs=0.15)


def test_jpeg_2000_by_ffmpeg_is_equal(make, means):
    assert means(make("ffmpeg-jpeg2000"), 10) == pytest.approx((1.198240, 35.680719), abs=1e-6)


def test_av1_is_close(make, means, kodak):
    # Measured before with aomenc 3.6.0, of planes that were rounded.
    rate, value = means(make("av1"), 32, kodak[:1])
    assert rate == pytest.approx(1.1339, rel=0.01)
    assert value == pytest.approx(33.843, abs=0.05)
