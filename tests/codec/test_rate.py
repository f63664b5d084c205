"""Files of a wanted quality, size or PSNR."""

from pathlib import Path

import jax
import numpy as np
import pytest

import jaxcompress
from jaxcompress import Codec, metrics, zoo
from jaxcompress.architecture_table import TABLE
from jaxcompress.codec import CodedPicture, TargetError, container, read_picture
from jaxcompress.codec.rate import Target, search

KINGFISHER = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"


@pytest.fixture(scope="module")
def codec():
    return Codec(zoo.load("light"))


@pytest.fixture(scope="module")
def crop():
    return read_picture(KINGFISHER).pixels[160:352, 256:448]


def bpp_of(data, picture):
    return metrics.bits_per_pixel(data, *picture.shape[:2])


def test_more_quality_is_more_bits_and_a_better_picture(codec, crop):
    files = [codec.compress(crop, quality=quality) for quality in (10, 50, 90)]
    assert len(files[0]) < len(files[1]) < len(files[2])
    worst, middle, best = (metrics.psnr(crop, codec.decompress(data)) for data in files)
    assert worst + 1 < middle < best - 1


def test_the_default_quality_is_the_default_of_the_setting(codec, crop):
    assert codec.compress(crop) == codec.compress(crop, quality=codec.default_quality)
    assert codec.code(crop).quality == codec.default_quality == TABLE["light"].default_quality


def test_the_file_says_its_quality(codec, crop):
    assert container.unpack(codec.compress(crop, quality=7)).header.settings == (("rate", 9),)  # of 144


def test_all_qualities_run_one_program(codec, crop, caplog):
    with jax.log_compiles():
        jax.jit(lambda x: x + 1)(np.float32(1))
        assert "Compiling" in caplog.text
        codec.decompress(codec.compress(crop, quality=20))
        caplog.clear()
        codec.decompress(codec.compress(crop, quality=80))
    assert "Compiling" not in caplog.text


@pytest.mark.parametrize("target", [0.4, 0.7])
def test_a_size_is_met(codec, crop, target):
    coded = codec.code(crop, bpp=target)
    assert coded.bpp == pytest.approx(target, rel=0.02)
    assert coded.bpp == bpp_of(coded.data, crop)
    assert coded.data == codec.compress(crop, bpp=target) == codec.compress(crop, quality=coded.quality)


def test_a_psnr_is_met(codec, crop):
    coded = codec.code(crop, psnr=31)
    assert coded.psnr == pytest.approx(31, abs=0.05)
    assert coded.psnr == metrics.psnr(crop, codec.decompress(coded.data))


def test_a_grey_picture_meets_its_target(codec, crop):
    coded = codec.code(crop[..., 1], psnr=31)
    assert coded.psnr == pytest.approx(31, abs=0.05)


@pytest.mark.parametrize(("target", "end"), [({"bpp": 9}, 100), ({"bpp": 0.001}, 1), ({"psnr": 60}, 100)])
def test_a_target_beyond_the_ends_is_refused_unless_the_nearest_will_do(codec, crop, target, end):
    with pytest.raises(TargetError, match=r"cannot be reached: quality 1 gives .*, and quality 100 gives .*nearest"):
        codec.compress(crop, **target)
    assert codec.code(crop, **target, nearest=True).quality == end


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 0}, "quality is 0; expected a number from 1 to 100"),
        ({"quality": 0.5}, "quality is 0.5; expected a number from 1 to 100"),
        ({"quality": 101}, "quality is 101; expected a number from 1 to 100"),
        ({"quality": float("nan")}, "quality is nan; expected a number from 1 to 100"),
        ({"psnr": "30"}, "psnr is '30'; expected a number"),
        ({"quality": True}, "quality is True; expected a number"),
        ({"bpp": -1}, "bpp is -1; expected a positive number"),
        ({"psnr": float("nan")}, "psnr is nan; expected a positive number"),
        ({"bpp": 1, "psnr": 30}, "bpp=1 and psnr=30 are asked for at once"),
        ({"quality": 3, "bpp": 1}, "quality=3 and bpp=1 are asked for at once"),
        ({"quality": 3, "format": "compressai"}, "CompressAI's format is for models of one rate"),
    ],
)
def test_bad_requests_are_told(codec, crop, options, message):
    with pytest.raises(ValueError, match=message):
        codec.compress(crop, **options)


@pytest.mark.parametrize("options", [{"quality": 3}, {"bpp": 0.5}, {"psnr": 30}])
def test_models_of_one_rate_say_so(golden_of, photo, options):
    codec = golden_of("mbt2018-mean").codec
    assert len(codec.qualities) == 0
    assert codec.default_quality is None
    with pytest.raises(ValueError, match="is for models whose rate can be set, and these weights of mbt2018-mean"):
        codec.compress(photo, **options)


def test_batches_take_the_same_options(codec, crop):
    files = codec.compress_batch([crop, crop[:100]], quality=30)
    assert files == [codec.compress(crop, quality=30), codec.compress(crop[:100], quality=30)]


def curve(*values):
    """A function from quality to a file with these rates, and the list of the qualities that were coded."""
    coded = []

    def code(quality):
        coded.append(quality)
        return CodedPicture(b"", quality, values[quality - 1])

    return code, coded


@pytest.mark.parametrize("place", range(100))
def test_every_quality_is_found_in_few_steps(place):
    values = np.geomspace(0.1, 100, 100)
    code, coded = curve(*values)
    assert search(code, 100, Target("bpp", values[place])).quality == place + 1
    assert len(coded) <= 7


def test_between_two_qualities_the_nearer_is_taken():
    code, _ = curve(1.0, 2.0, 4.0, 8.0)
    assert search(code, 4, Target("bpp", 2.9)).quality == 2
    assert search(code, 4, Target("bpp", 3.1)).quality == 3


def test_just_beyond_an_end_is_near_enough():
    code, _ = curve(1.0, 2.0, 4.0)
    assert search(code, 3, Target("bpp", 4.05)).quality == 3
    assert search(code, 3, Target("bpp", 0.99)).quality == 1
    with pytest.raises(TargetError, match=r"5\.0000 bpp cannot be reached: quality 1 gives 1\.0000 bpp, and quality 3"):
        search(code, 3, Target("bpp", 5.0))
