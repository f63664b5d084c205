"""Formats of Pillow's."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxcompress.evaluate import CodecError, MissingExecutableError
from jaxcompress.evaluate.classical import CODECS, Options, create

NAMES = ("jpeg", "webp", "jpeg2000", "avif")


def through(codec, pixels, quality):
    encoded = codec.encode(pixels, quality)
    assert encoded.seconds > 0
    decoded = codec.decode(encoded.data, quality, pixels.shape[:2])
    assert decoded.seconds > 0
    assert decoded.pixels.dtype == np.uint8
    return encoded.data, decoded.pixels


@pytest.mark.parametrize("name", NAMES)
def test_more_bits_are_a_better_picture(name, bird, psnr):
    for subsampling in CODECS[name].subsamplings:
        codec = create(name, Options(subsampling=subsampling))
        qualities = (40, 10, 1.5) if name == "jpeg2000" else (20, 60, 100)
        files, pictures = zip(*(through(codec, bird, quality) for quality in qualities), strict=True)
        assert len(files[0]) < len(files[1]) < len(files[2])
        values = [psnr(bird, picture) for picture in pictures]
        assert values[0] < values[1] < values[2]
        assert values[2] > (45 if subsampling == "4:4:4" else 30)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 2), (33, 17)])
def test_any_size(name, shape, bird, psnr):
    codec = create(name)
    pixels = bird[: shape[0], : shape[1]]
    assert psnr(pixels, through(codec, pixels, codec.settings[-1])[1]) > 36


@pytest.mark.parametrize(("subsampling", "blocks"), [("4:2:0", (2, 2)), ("4:2:2", (2, 1)), ("4:4:4", (1, 1))])
def test_subsampling_of_jpeg_is_in_the_file(subsampling, blocks, bird):
    data = create("jpeg", Options(subsampling=subsampling)).encode(bird, 50).data
    with Image.open(io.BytesIO(data)) as picture:
        assert [layer[1:3] for layer in picture.layer] == [blocks, (1, 1), (1, 1)]


@pytest.mark.parametrize(("subsampling", "x", "y"), [("4:4:4", 0, 0), ("4:2:0", 1, 1), ("4:2:2", 1, 0)])
def test_subsampling_of_avif_is_in_the_file(subsampling, x, y, bird):
    data = create("avif", Options(subsampling=subsampling)).encode(bird, 50).data
    flags = data[data.index(b"av1C") + 6]  # tier, high and twelve bits, monochrome, x, y, position (2 bits)
    assert (flags >> 3 & 1, flags >> 2 & 1) == (x, y)


def test_jpeg_and_webp_are_what_pillow_saves_by_default(bird):
    for name, form in (("jpeg", "JPEG"), ("webp", "WEBP")):
        file = io.BytesIO()
        Image.fromarray(bird).save(file, form, quality=40)
        assert create(name).encode(bird, 40).data == file.getvalue()


def test_jpeg_2000_transforms_colours_and_keeps_to_the_ratio(bird, psnr):
    large = np.tile(bird, (4, 4, 1))
    data, pixels = through(create("jpeg2000"), large, 20)
    assert len(data) * 8 == pytest.approx(24 / 20 * large[..., 0].size, rel=0.05)
    style = data.index(b"\xff\x52")  # COD: length, style, progression, layers (2 bytes), colour transform, ..., wavelet
    assert data[style + 8] == 1
    assert data[style + 13] == 0  # 9-7 irreversible
    assert psnr(large, pixels) > 25


def test_parameters_reach_the_file(bird):
    def size(name, quality, **parameters):
        return len(create(name, Options(parameters=parameters)).encode(np.tile(bird, (3, 3, 1)), quality).data)

    assert size("jpeg", 50, optimize=True) < size("jpeg", 50)
    assert size("jpeg", 50, progressive=True) not in (size("jpeg", 50), size("jpeg", 50, optimize=True))
    assert size("webp", 50, method=6) < size("webp", 50, method=0)
    assert len({size("avif", 50, speed=speed) for speed in (4, 9)}) == 2
    assert len({size("avif", 50, tune=tune) for tune in ("psnr", "default")}) == 2


def test_versions():
    assert set(create("jpeg").versions()) == {"Pillow", "libjpeg-turbo"}
    for name in NAMES:
        assert all(version[0].isdigit() for version in create(name).versions().values())


def test_a_pillow_without_the_format_is_told(monkeypatch):
    Image.init()
    monkeypatch.delitem(Image.SAVE, "AVIF")
    with pytest.raises(MissingExecutableError, match=r"Pillow .* has no AVIF: pip install --upgrade pillow"):
        create("avif").versions()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_told(name, bird):
    codec = create(name)
    with pytest.raises(CodecError, match=f"Pillow could not read this {codec.format} file"):
        codec.decode(b"nothing of the kind", 50, (75, 91))
    data = codec.encode(bird, codec.qualities[-1]).data
    with pytest.raises(CodecError, match=r"decoded a picture \[75, 91, 3\]; \[75, 90, 3\] had been coded"):
        codec.decode(data, 50, (75, 90))


def test_what_pillow_cannot_write_is_told():
    with pytest.raises(CodecError, match="Pillow could not write this picture as WEBP"):
        create("webp").encode(np.zeros((1, 16384, 3), np.uint8), 50)  # a pixel more than it can have
