"""Codecs whose programs are Debian packages; without those, the tests of each are skipped."""

import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from jaxcompress.evaluate import CodecError, MissingExecutableError
from jaxcompress.evaluate.classical import Options, create

QUALITIES = {
    "opj": (40, 10, 1.5),
    "ffmpeg-jpeg2000": (20, 5, 1),
    "jxl": (8.0, 2.0, 0.05),
    "av1": (60, 40, 10),
    "x265": (40, 30, 8),
}
FAST = {"jxl": {"effort": 3}, "av1": {"cpu-used": 6}, "x265": {"preset": "fast"}}
CASES = [(name, "4:4:4") for name in QUALITIES] + [("av1", "4:2:0"), ("x265", "4:2:0")]


@pytest.mark.parametrize(("name", "subsampling"), CASES)
def test_more_bits_are_a_better_picture(name, subsampling, make, bird, psnr, temporary):
    codec = make(name, subsampling=subsampling, parameters=FAST.get(name, {}))
    sizes, values = [], []
    for quality in QUALITIES[name]:
        encoded = codec.encode(bird, quality)
        decoded = codec.decode(encoded.data, quality, bird.shape[:2])
        assert encoded.seconds > 0
        assert decoded.seconds > 0
        assert decoded.pixels.dtype == np.uint8
        sizes.append(len(encoded.data))
        values.append(psnr(bird, decoded.pixels))
    assert sizes[0] < sizes[1] < sizes[2]
    assert values[0] < values[1] < values[2]
    assert values[2] > (38 if subsampling == "4:4:4" else 26)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("name", QUALITIES)
def test_versions(name, make):
    versions = make(name).versions()
    expected = {
        "opj": {"opj_compress", "opj_decompress"},
        "ffmpeg-jpeg2000": {"ffmpeg"},
        "jxl": {"cjxl", "djxl"},
        "av1": {"aomenc", "aomdec"},
        "x265": {"x265", "ffmpeg"},
    }
    assert set(versions) == expected[name]
    assert all(version[0].isdigit() and version[-1].isalnum() for version in versions.values())


@pytest.mark.parametrize("name", ["opj", "jxl", "av1"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (33, 17)])
def test_small_pictures(name, shape, make, bird, psnr):
    codec = make(name, parameters=FAST.get(name, {}))
    pixels, quality = bird[: shape[0], : shape[1]], QUALITIES[name][-1]
    decoded = codec.decode(codec.encode(pixels, quality).data, quality, shape)
    assert psnr(pixels, decoded.pixels) > 36


@pytest.mark.parametrize("name", ["ffmpeg-jpeg2000", "x265"])
def test_what_is_too_small_is_told(name, make, bird):
    with pytest.raises(CodecError, match=r"exit status|killed by|wrote no file"):
        make(name).encode(bird[:1, :1], QUALITIES[name][0])


@pytest.mark.parametrize(("name", "subsampling"), [case for case in CASES if case[0] in ("av1", "x265")])
def test_subsampling_and_depth_are_in_the_file(name, subsampling, make, bird, tmp_path):
    codec = make(name, subsampling=subsampling, parameters=FAST[name])
    if shutil.which("ffprobe") is None:
        pytest.skip("needs ffprobe: install the Debian package ffmpeg")
    file = tmp_path / f"coded{codec.suffix}"
    file.write_bytes(codec.encode(bird, QUALITIES[name][1]).data)
    command = ["ffprobe", "-loglevel", "error", "-show_streams", "-of", "json", str(file)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    size = (75, 91) if subsampling == "4:4:4" else (76, 92)
    assert (stream["height"], stream["width"]) == size
    assert stream["pix_fmt"] == f"yuv{subsampling.replace(':', '')}p"
    assert stream["codec_name"] == {"av1": "av1", "x265": "hevc"}[name]


def test_containers_of_av1(make, bird):
    fast = FAST["av1"]
    files = {container: make("av1", parameters={**fast, "container": container}) for container in ("webm", "obu")}
    data = {container: codec.encode(bird, 40).data for container, codec in files.items()}
    assert data["webm"].startswith(b"\x1a\x45\xdf\xa3")
    assert data["obu"].startswith(b"\x12\x00")  # a temporal delimiter
    assert 400 < len(data["webm"]) - len(data["obu"]) < 650
    pictures = [codec.decode(data[container], 40, bird.shape[:2]).pixels for container, codec in files.items()]
    assert np.array_equal(*pictures)
    assert [codec.suffix for codec in files.values()] == [".webm", ".obu"]


def test_jpeg_2000_of_the_program_is_that_of_pillow(make, bird, psnr):
    large = np.tile(bird, (4, 4, 1))
    ours, theirs = (codec.encode(large, 20).data for codec in (make("opj"), create("jpeg2000")))
    assert len(ours) == pytest.approx(len(theirs), rel=0.01)
    with Image.open(io.BytesIO(ours)) as a, Image.open(io.BytesIO(theirs)) as b:
        assert psnr(np.asarray(a), large) == pytest.approx(psnr(np.asarray(b), large), abs=0.05)


def test_jpeg_2000_of_ffmpeg_has_half_the_bits(make, bird):
    large = np.tile(bird, (4, 4, 1))
    assert len(make("ffmpeg-jpeg2000").encode(large, 10).data) * 8 / large[..., 0].size == pytest.approx(1.2, rel=0.05)


def test_effort_reaches_the_programs(make, bird):
    for name, quality, parameter, values in (
        ("jxl", 2.0, "effort", (3, 7)),
        ("av1", 40, "cpu-used", (3, 8)),
        ("x265", 30, "preset", ("ultrafast", "slow")),
    ):
        files = [make(name, parameters={**FAST[name], parameter: value}).encode(bird, quality).data for value in values]
        assert files[0] != files[1], parameter


@pytest.mark.parametrize("name", QUALITIES)
def test_what_is_no_file_is_told(name, make, bird, temporary):
    with pytest.raises(CodecError, match=r"coded\..*: (exit status \d+|it wrote no file)\n  .+"):
        make(name).decode(b"nothing of the kind", QUALITIES[name][0], (75, 91))
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("opj", "libopenjp2-tools"),
        ("ffmpeg-jpeg2000", "ffmpeg"),
        ("jxl", "libjxl-tools"),
        ("av1", "aom-tools"),
        ("x265", "x265"),
    ],
)
def test_missing_programs_are_told_with_their_packages(name, package, bird, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    codec = create(name)
    message = rf"there is no \w+ on PATH; install the Debian package {package}$"
    for call in (codec.versions, lambda: codec.encode(bird, QUALITIES[name][0])):
        with pytest.raises(MissingExecutableError, match=message):
            call()


def test_x265_needs_ffmpeg_too(monkeypatch, stand_ins):
    stand_ins.add("x265")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingExecutableError, match="there is no ffmpeg on PATH; install the Debian package ffmpeg"):
        create("x265", Options(folder=stand_ins.folder)).versions()
