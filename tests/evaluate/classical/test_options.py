"""Names, options and what codecs refuse."""

import pytest

from jaxcompress.evaluate import PictureCodec
from jaxcompress.evaluate.classical import CODECS, Options, create, names

NEED_CONFIG = ("hm", "vtm")


def create_any(name, tmp_path, **options):
    config = tmp_path / "intra.cfg"
    config.touch()
    return create(name, Options(**({"config": config} if name in NEED_CONFIG else {}), **options))


def test_names():
    expected = "jpeg webp jpeg2000 avif opj ffmpeg-jpeg2000 jxl av1 x265 hm vtm bpg"
    assert names() == expected.split()
    with pytest.raises(ValueError, match=r"there is no codec 'png'; there are jpeg, webp, .*, bpg$"):
        create("png")


@pytest.mark.parametrize("name", names())
def test_every_codec_says_what_it_is(name, tmp_path):
    codec = create_any(name, tmp_path)
    assert isinstance(codec, PictureCodec)
    assert codec.subsampling == codec.subsamplings[0]
    assert codec.subsampling in codec.description
    assert codec.suffix.startswith(".")
    for subsampling in codec.subsamplings[1:]:
        other = create_any(name, tmp_path, subsampling=subsampling)
        assert other.subsampling == subsampling
        assert other.name == f"{codec.name} {subsampling}"
        assert subsampling in other.description


def test_names_of_curves_differ(tmp_path):
    assert len({create_any(name, tmp_path).name for name in names()}) == len(names())


def test_444_is_the_default_where_it_is_not_said_otherwise():
    others = {name: codec.subsamplings[0] for name, codec in CODECS.items() if codec.subsamplings[0] != "4:4:4"}
    assert others == {"jpeg": "4:2:0", "webp": "4:2:0"}
    assert "4:4:4" in CODECS["jpeg"].subsamplings


@pytest.mark.parametrize("name", names())
def test_qualities_are_settings_in_order(name, tmp_path):
    codec = create_any(name, tmp_path)
    ascending = codec.settings[0] < codec.settings[-1]
    for values in (codec.settings, codec.qualities):
        assert list(values) == sorted(set(values), reverse=not ascending)
    for quality in codec.qualities:
        assert codec.check_quality(quality) == quality
    assert len(codec.qualities) >= 8
    if all(isinstance(setting, int) for setting in codec.settings):
        assert set(codec.qualities) <= set(codec.settings)


def test_the_points_of_published_curves():
    by_fives = list(range(5, 96, 5))
    assert list(CODECS["jpeg"].qualities) == list(CODECS["webp"].qualities) == by_fives
    assert list(CODECS["ffmpeg-jpeg2000"].qualities) == by_fives[::-1]
    assert list(CODECS["av1"].qualities) == [62, 57, 52, 47, 42, 37, 32, 27, 22, 17, 12, 7]
    for name in ("hm", "vtm", "bpg", "x265"):
        assert list(CODECS[name].qualities) == [47, 42, 37, 32, 27, 22, 17, 12]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("webp", {"subsampling": "4:4:4"}, "webp has no subsampling 4:4:4; it has 4:2:0"),
        ("jxl", {"subsampling": "4:2:0"}, "jxl has no subsampling 4:2:0; it has 4:4:4"),
        ("av1", {"subsampling": "4:2:2"}, "av1 has no subsampling 4:2:2; it has 4:4:4, 4:2:0"),
        ("jpeg", {"folder": "/usr/bin"}, "jpeg has no option 'folder': JPEG by Pillow takes subsampling, parameters$"),
        ("jpeg", {"timeout": 3}, "jpeg has no option 'timeout'"),
        ("ffmpeg-jpeg2000", {"folder": "/usr/bin"}, "no option 'folder': .* takes .*encoder, decoder, timeout"),
        ("av1", {"config": "x.cfg"}, "av1 has no option 'config'"),
        ("av1", {"timeout": 0}, "the timeout is 0 s; expected more than 0"),
        ("jpeg", {"parameters": {"effort": 1}}, "jpeg has no parameter 'effort'; it has optimize, progressive"),
        ("jpeg2000", {"parameters": {"effort": 1}}, "jpeg2000 has no parameter 'effort'; it has none"),
        ("jpeg", {"parameters": {"optimize": "yes"}}, "optimize is 'yes'; expected one of true, false"),
        ("webp", {"parameters": {"method": 7}}, "method is 7; expected one of 0, 1, 2, 3, 4, 5, 6"),
        ("hm", {}, r"hm needs a configuration file: cfg/encoder_intra_main_rext\.cfg"),
        ("vtm", {"config": "/nowhere/x.cfg"}, r"there is no configuration file /nowhere/x\.cfg"),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(ValueError, match=message):
        create(name, Options(**options))


def test_parameters_are_values_or_text():
    for parameters in ({"optimize": "true"}, {"optimize": True}):
        codec = create("jpeg", Options(parameters=parameters))
        assert codec.values == {"optimize": True, "progressive": False}
        assert codec.description == "JPEG by Pillow, 4:2:0, optimize true, progressive false"
    assert create("webp", Options(parameters={"method": "6"})).values == {"method": 6}
    assert create("webp", Options(parameters={"method": 6})).values == {"method": 6}


@pytest.mark.parametrize(
    ("name", "quality", "message"),
    [
        ("jpeg", 0, "the quality of jpeg is 0; expected a whole number from 1 to 100"),
        ("jpeg", 101, "is 101"),
        ("jpeg", 50.5, r"is 50\.5; expected a whole number"),
        ("jpeg", "50", "is '50'"),
        ("jpeg", True, "is True"),
        ("jpeg2000", 0.5, r"the compression ratio of jpeg2000 is 0\.5; expected a number from 1\.5 to 1000\.0"),
        ("jxl", float("nan"), r"the distance of jxl is nan; expected a number from 0\.05 to 15\.0"),
    ],
)
def test_other_qualities_are_refused(name, quality, message, bird):
    with pytest.raises(ValueError, match=message):
        create(name).encode(bird, quality)


def test_only_pictures_are_coded(bird):
    for wrong in (bird.astype(float), bird[..., 0], bird[:0], bird[..., [0, 1, 2, 0]]):
        with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\]"):
            create("jpeg").encode(wrong, 50)
