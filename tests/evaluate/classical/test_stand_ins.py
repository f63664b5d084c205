"""HM, VTM and BPG, whose programs no package has, with programs that stand in for them."""

import os

import numpy as np
import pytest

from jaxcompress.evaluate import CodecError, MissingExecutableError
from jaxcompress.evaluate.classical import Options, create, yuv

REFERENCE = {
    "hm": (
        "TAppEncoderStatic",
        "TAppDecoderStatic",
        "HM software: {} Version [16.20] (including RExt)[Linux]",
        "16.20",
    ),
    "vtm": ("EncoderAppStatic", "DecoderAppStatic", "VVCSoftware: VTM {} Version 9.1 [Linux][GCC 9.3.0]", "9.1"),
    "bpg": ("bpgenc", "bpgdec", "BPG Image {} version 0.9.8\nusage: bpg", "0.9.8"),
}


@pytest.fixture(params=REFERENCE)
def codec_of(request, stand_ins, tmp_path):
    """Makes a codec from the folder of stand-ins."""
    encoder, decoder, banner, _ = REFERENCE[request.param]
    stand_ins.add(encoder, banner.format("Encoder"))
    stand_ins.add(decoder, banner.format("Decoder"))
    config = tmp_path / "intra.cfg"
    config.touch()

    def make(**options):
        configs = {} if request.param == "bpg" else {"config": config}
        return create(request.param, Options(**{"folder": stand_ins.folder, **configs, **options}))

    return make


def test_pictures_pass_through(codec_of, stand_ins, bird, psnr, temporary):
    codec = codec_of()
    encoder, decoder, _, version = REFERENCE[codec.key]
    encoded = codec.encode(bird, 32)
    decoded = codec.decode(encoded.data, 32, bird.shape[:2])
    assert encoded.seconds > 0
    assert decoded.seconds > 0
    assert psnr(bird, decoded.pixels) > 52
    assert codec.versions() == {encoder: version, decoder: version}
    for name in (encoder, decoder):
        folder = stand_ins.record(name)["folder"]
        assert folder.startswith(str(temporary))
        assert not os.path.exists(folder)
    assert set(stand_ins.record(encoder)["files"]) == {codec.picture, "stdout.txt", "stderr.txt"}
    assert set(stand_ins.record(decoder)["files"]) == {codec.coded, "stdout.txt", "stderr.txt"}


@pytest.mark.parametrize("name", ["hm", "vtm"])
@pytest.mark.parametrize(("subsampling", "digits"), [("4:4:4", "444"), ("4:2:0", "420")])
def test_command_lines_of_reference_software(name, subsampling, digits, stand_ins, bird, tmp_path, monkeypatch, psnr):
    encoder, decoder = REFERENCE[name][:2]
    for program in (encoder, decoder):
        stand_ins.add(program)
    config = tmp_path / "intra.cfg"
    config.touch()
    monkeypatch.chdir(tmp_path)  # relative paths are from here, though programs run elsewhere
    options = Options(config="intra.cfg", folder=stand_ins.folder.name, subsampling=subsampling)
    codec = create(name, options)
    decoded = codec.decode(codec.encode(bird, 27).data, 27, bird.shape[:2])
    height, width = yuv.coded_size(bird.shape[:2], subsampling)
    assert (height, width) == {"4:4:4": (75, 91), "4:2:0": (76, 92)}[subsampling]

    def line(text):
        return [str(config) if word == "CONFIG" else word for word in text.split()]

    more = " --SEIDecodedPictureHash --Level=5.1" if name == "hm" else ""
    assert stand_ins.record(encoder)["arguments"] == line(
        f"-i picture.yuv -c CONFIG -q 27 -o /dev/null -b coded.bin -wdt {width} -hgt {height} -fr 1 -f 1 "
        f"--InputChromaFormat={digits} --InputBitDepth=8 --ConformanceWindowMode=1{more}"
    )
    assert stand_ins.record(decoder)["arguments"] == line("-b coded.bin -o picture.yuv -d 8")
    assert stand_ins.record(encoder)["bytes"] == {"4:4:4": 3 * 75 * 91, "4:2:0": 76 * 92 * 3 // 2}[subsampling]
    assert psnr(bird, decoded.pixels) > (52 if subsampling == "4:4:4" else 25)
    assert codec.description.endswith(f"{subsampling}, intra.cfg")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "-f 444 -e x265 -c ycbcr -b 8 -m 8"),
        ({"subsampling": "4:2:0"}, "-f 420 -e x265 -c ycbcr -b 8 -m 8"),
        ({"parameters": {"encoder": "jctvc", "colour": "rgb", "level": "9"}}, "-f 444 -e jctvc -c rgb -b 8 -m 9"),
    ],
)
def test_command_lines_of_bpg(options, expected, stand_ins, bird):
    stand_ins.add("bpgenc")
    stand_ins.add("bpgdec")
    codec = create("bpg", Options(folder=stand_ins.folder, **options))
    decoded = codec.decode(codec.encode(bird, 37).data, 37, bird.shape[:2])
    assert np.array_equal(decoded.pixels, bird)
    assert stand_ins.record("bpgenc")["arguments"] == f"-o coded.bpg -q 37 {expected} picture.png".split()
    assert stand_ins.record("bpgdec")["arguments"] == ["-o", "picture.png", "coded.bpg"]


def test_other_names_of_programs(stand_ins, bird, tmp_path):
    config = tmp_path / "intra.cfg"
    config.touch()
    for name, encoder, decoder in (("hm", "TAppEncoder", "TAppDecoder"), ("vtm", "EncoderApp", "DecoderApp")):
        stand_ins.add(encoder)
        stand_ins.add(decoder)
        codec = create(name, Options(folder=stand_ins.folder, config=config))
        codec.decode(codec.encode(bird, 27).data, 27, bird.shape[:2])
        assert codec.versions() == {encoder: "unknown", decoder: "unknown"}


def test_programs_by_their_paths(stand_ins, bird, monkeypatch):
    mine, other = stand_ins.add("my encoder"), stand_ins.add("decoder")
    monkeypatch.chdir(stand_ins.folder)
    codec = create("bpg", Options(encoder=mine, decoder="./decoder"))
    codec.decode(codec.encode(bird, 37).data, 37, bird.shape[:2])
    assert set(codec.versions()) == {"my encoder", other.name}


def test_missing_programs_are_told(codec_of, stand_ins, bird, monkeypatch):
    codec = codec_of()
    encoder, decoder = REFERENCE[codec.key][:2]
    (stand_ins.folder / decoder).unlink()
    data = codec.encode(bird, 32).data
    for call in (codec.versions, lambda: codec.decode(data, 32, bird.shape[:2])):
        with pytest.raises(MissingExecutableError, match=rf"there is no {decoder}.* in .*; build .* from https://"):
            call()
    codec = codec_of(folder=None, encoder=stand_ins.folder / "nothing")
    with pytest.raises(MissingExecutableError, match=r"there is no program .*/nothing, or it may not be run; build"):
        codec.encode(bird, 32)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingExecutableError, match=rf"there is no {encoder}.* on PATH"):
        codec_of(folder=None).versions()


def test_a_program_of_another_machine_is_told(codec_of, stand_ins, bird):
    codec = codec_of()
    path = stand_ins.folder / REFERENCE[codec.key][0]
    path.write_bytes(b"\x7fELF of another machine")
    with pytest.raises(MissingExecutableError, match=r"does not run here: .*Exec format error.*; build"):
        codec.versions()
    with pytest.raises(CodecError, match=r"does not run here: .*Exec format error"):
        codec.encode(bird, 32)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("status", r"(?s) coded\..*: exit status 3\n  line 15\n.*\n  line 19\n  Unknown option: -x$"),
        ("signal", "killed by signal 9, without a word$"),
        ("nothing", "it wrote no file, without a word$"),
        ("sleep", r"given up after 0\.5 seconds"),
    ],
)
def test_failures_are_told(codec_of, stand_ins, bird, fault, message, temporary):
    codec = codec_of(timeout=0.5 if fault == "sleep" else None)
    encoder, decoder = REFERENCE[codec.key][:2]
    stand_ins.set_fault(encoder, fault)
    with pytest.raises(CodecError, match=message) as told:
        codec.encode(bird, 32)
    assert str(told.value).startswith(str(stand_ins.folder / encoder))
    stand_ins.set_fault(decoder, fault)
    with pytest.raises(CodecError, match=message) as told:
        codec.decode(b"coded", 32, bird.shape[:2])
    assert str(told.value).startswith(str(stand_ins.folder / decoder))
    assert not list(temporary.iterdir())


def test_an_empty_file_is_no_code(codec_of, stand_ins, bird, temporary):
    codec = codec_of()
    stand_ins.set_fault(REFERENCE[codec.key][0], "empty")
    with pytest.raises(CodecError, match="it wrote no file"):
        codec.encode(bird, 32)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("fault", ["short", "garbage", "empty"])
def test_what_is_no_picture_is_told(codec_of, stand_ins, bird, fault, temporary):
    codec = codec_of()
    data = codec.encode(bird, 32).data
    stand_ins.set_fault(REFERENCE[codec.key][1], fault)
    with pytest.raises(CodecError, match="what it wrote is no such picture: "):
        codec.decode(data[:-50] if codec.key == "bpg" else data, 32, bird.shape[:2])
    assert not list(temporary.iterdir())


def test_a_picture_of_another_size_is_told(codec_of, bird):
    codec = codec_of()
    data = codec.encode(bird, 32).data
    with pytest.raises(
        CodecError, match=r"no such picture: 20475 bytes are no 4:4:4 planes|\[75, 91, 3\]; \[70, 91, 3\]"
    ):
        codec.decode(data, 32, (70, 91))
