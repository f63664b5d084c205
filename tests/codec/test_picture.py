import io

import numpy as np
import pytest
from PIL import Image

from jaxcompress.codec import read_picture, write_picture

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), np.uint8)


def stored(image: Image.Image, kind: str = "PNG", **options) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    buffer.seek(0)
    return buffer


def test_colour_and_grey_come_back_unchanged():
    np.testing.assert_array_equal(read_picture(stored(Image.fromarray(RGB))).pixels, RGB)
    np.testing.assert_array_equal(read_picture(stored(Image.fromarray(RGB[..., 0]))).pixels, RGB[..., 0])


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    np.testing.assert_array_equal(read_picture(stored(Image.fromarray(RGB), exif=exif)).pixels, np.rot90(RGB, -1))


def test_sixteen_bits_are_scaled_and_rounded():
    values = np.array([[0, 128, 129, 32768, 65407, 65408, 65535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(read_picture(stored(Image.fromarray(values))).pixels, expected)


def test_sixteen_bits_with_a_transparent_value_keep_their_greys():
    values = np.array([[0, 65535, 30000, 40000]], np.uint16)
    data = stored(Image.fromarray(values), transparency=0)
    assert read_picture(data).pixels[0, :, 0].tolist() == [255, 255, 117, 156]
    data.seek(0)
    assert read_picture(data, background=(9, 0, 0)).pixels[0, 0].tolist() == [9, 0, 0]


@pytest.mark.parametrize("values", [np.float32([[0.5, np.nan]]), np.int32([[0, 70000]]), np.int32([[-1, 5]])])
def test_numbers_of_unknown_range_are_refused(values):
    with pytest.raises(ValueError, match=r"floating-point|expected 8 or 16 bits"):
        read_picture(stored(Image.fromarray(values), "TIFF"))


def test_palettes_become_colours():
    image = Image.fromarray(RGB).quantize(4)
    np.testing.assert_array_equal(read_picture(stored(image)).pixels, np.asarray(image.convert("RGB")))


def test_cmyk_becomes_rgb():
    image = Image.fromarray(RGB).convert("CMYK")
    picture = read_picture(stored(image, "TIFF")).pixels
    np.testing.assert_array_equal(picture, np.asarray(image.convert("RGB")))


def test_one_bit_becomes_grey():
    image = Image.fromarray(RGB[..., 0] > 128)
    np.testing.assert_array_equal(read_picture(stored(image)).pixels, np.where(RGB[..., 0] > 128, 255, 0))


def test_transparency_shows_the_background():
    alpha = np.zeros((5, 7, 1), np.uint8)
    alpha[:2] = 255
    image = Image.fromarray(np.concatenate([RGB, alpha], -1))
    white = read_picture(stored(image)).pixels
    np.testing.assert_array_equal(white[:2], RGB[:2])
    np.testing.assert_array_equal(white[2:], 255)
    red = read_picture(stored(image), background=(255, 0, 0)).pixels
    assert (red[2:] == [255, 0, 0]).all()


def test_transparent_grey_becomes_colour_only_for_a_reason():
    image = Image.fromarray(np.stack([RGB[..., 0], np.full((5, 7), 255, np.uint8)], -1))
    assert (read_picture(stored(image)).pixels[..., 0] == RGB[..., 0]).all()


def test_colour_profiles_are_returned():
    assert read_picture(stored(Image.fromarray(RGB), icc_profile=b"profile")).icc_profile == b"profile"


@pytest.mark.parametrize(
    "data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", stored(Image.fromarray(RGB)).getvalue()[:-30]]
)
def test_what_is_no_image_raises(data, tmp_path):
    with pytest.raises(ValueError, match="no image that can be read"):
        read_picture(io.BytesIO(data))
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"broken\.png"):
        read_picture(path)


def test_a_missing_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")


def test_written_files_hold_the_pixels_and_are_not_replaced_unasked(tmp_path):
    path = tmp_path / "picture.png"
    write_picture(path, RGB, icc_profile=b"profile")
    again = read_picture(path)
    np.testing.assert_array_equal(again.pixels, RGB)
    assert again.icc_profile == b"profile"
    with pytest.raises(FileExistsError, match="--force"):
        write_picture(path, RGB)
    write_picture(path, RGB[::-1], overwrite=True)
    np.testing.assert_array_equal(read_picture(path).pixels, RGB[::-1])
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_picture(tmp_path / "link.png", RGB)
    (tmp_path / "link.png").unlink()
    with pytest.raises(ValueError, match="suffix"):
        write_picture(tmp_path / "picture.doc", RGB)
    assert [file.name for file in tmp_path.iterdir()] == ["picture.png"]
