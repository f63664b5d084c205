"""Codecs of video, of which a picture is the only frame: AV1, HEVC, VVC."""

import os
from pathlib import Path
from typing import ClassVar

from jaxcompress.evaluate.classical.executable import PlanarCodec
from jaxcompress.evaluate.classical.options import Options, Parameter
from jaxcompress.evaluate.classical.pictures import FFMPEG
from jaxcompress.evaluate.classical.programs import Program

_AOM = "install the Debian package aom-tools"
_X265_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip


class Av1(PlanarCodec):
    """AV1 by libaom, as CompressAI ran it: two passes, slowest, at a level of constant quality.

    Planes are rounded, and the file counts with its container, as in CompressAI's published curve. The container WebM
    takes some 500 bytes, a hundredth of a bit per pixel on Kodak; OBU takes next to nothing.
    """

    key = "av1"
    title = "AV1"
    about = "AV1 by aomenc"
    quality_name = "cq-level"
    encoder = Program(("aomenc",), _AOM, "--help", r"AV1 Encoder v?([\w.+-]+)")
    decoder = Program(("aomdec",), _AOM, "--help", r"AV1 Decoder v?([\w.+-]+)")
    parameters: ClassVar = {
        "cpu-used": Parameter(0, "0 is slow and small, 9 is fast", tuple(range(10))),
        "container": Parameter("webm", "of the file", ("webm", "obu")),
    }
    settings = tuple(range(63, -1, -1))
    qualities = tuple(range(62, 6, -5))

    def __init__(self, options: Options):
        """See `ClassicalCodec`."""
        super().__init__(options)
        self.suffix = f".{self.values['container']}"

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        height, width = shape
        source = ["-w", str(width), "-h", str(height), "--fps=1/1", "--limit=1", "--input-bit-depth=8", "--skip=0"]
        chroma = "--i444" if self.subsampling == "4:4:4" else "--i420"
        effort = [f"--cpu-used={self.values['cpu-used']}", "--threads=1", "--passes=2"]
        goal = ["--end-usage=q", f"--cq-level={quality}", "--tune=psnr", "--psnr", "--bit-depth=8"]
        return [*source, chroma, *effort, *goal, f"--{self.values['container']}", "-o", self.coded, self.picture]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return [self.coded, "-o", self.picture, "--rawvideo", "--output-bit-depth=8"]


class X265(PlanarCodec):
    """HEVC by x265, slowest and for PSNR, at a constant QP, in a bare stream; ffmpeg, found on PATH, decodes."""

    key = "x265"
    title = "HEVC (x265)"
    about = "HEVC by x265"
    suffix = ".hevc"
    quality_name = "QP"
    encoder = Program(("x265",), "install the Debian package x265", "--version", r"encoder version (\S+)")
    decoder = FFMPEG
    parameters: ClassVar = {"preset": Parameter("placebo", "effort", _X265_PRESETS)}
    settings = tuple(range(51, -1, -1))
    qualities = tuple(range(47, 11, -5))

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        height, width = shape
        chroma = f"i{self.subsampling.replace(':', '')}"
        source = ["--input", self.picture, "--input-res", f"{width}x{height}", "--fps", "1", "--input-csp", chroma]
        depth = ["--input-depth", "8", "-D", "8", "--frames", "1", "--keyint", "1"]
        effort = ["--preset", str(self.values["preset"]), "--tune", "psnr", "--no-info"]
        return [*source, *depth, "--qp", str(quality), *effort, "-o", self.coded]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        chroma = f"yuv{self.subsampling.replace(':', '')}p"
        return ["-loglevel", "error", "-y", "-i", self.coded, "-f", "rawvideo", "-pix_fmt", chroma, self.picture]


class _ReferenceSoftware(PlanarCodec):
    """The software of a standard, which takes a configuration file.

    Attributes:
        config_name: of the file in the software's `cfg` that makes it code frames one by one.
    """

    config_name: ClassVar[str]
    suffix = ".bin"
    quality_name = "QP"
    fields = (*PlanarCodec.fields, "config")

    def __init__(self, options: Options):
        """See `ClassicalCodec`; also raises ValueError if there is no configuration file."""
        super().__init__(options)
        if options.config is None:
            raise ValueError(f"{self.key} needs a configuration file: cfg/{self.config_name} of its source code")
        if not Path(options.config).is_file():
            raise ValueError(f"there is no configuration file {options.config}")
        self.config = Path(options.config).absolute()
        self.description += f", {self.config.name}"

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        height, width = shape
        files = ["-i", self.picture, "-c", str(self.config), "-q", str(quality), "-o", os.devnull, "-b", self.coded]
        frames = ["-wdt", str(width), "-hgt", str(height), "-fr", "1", "-f", "1"]
        planes = [f"--InputChromaFormat={self.subsampling.replace(':', '')}", "--InputBitDepth=8"]
        return [*files, *frames, *planes, "--ConformanceWindowMode=1"]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return ["-b", self.coded, "-o", self.picture, "-d", "8"]


class Hm(_ReferenceSoftware):
    """HEVC by its reference software, HM, as CompressAI ran it but for options that only some versions of it have.

    A hash of the picture is in the file, as it is in CompressAI's published curve: some 60 bytes.
    """

    _source = (
        "build HM, version 16.20 or later, from https://vcgit.hhi.fraunhofer.de/jvet/HM, and name the folder with "
        "TAppEncoderStatic and TAppDecoderStatic"
    )
    key = "hm"
    title = "HEVC (HM)"
    about = "HEVC by HM"
    config_name = "encoder_intra_main_rext.cfg"
    encoder = Program(("TAppEncoderStatic", "TAppEncoder"), _source, "--help", r"Encoder Version \[([^\]]+)")
    decoder = Program(("TAppDecoderStatic", "TAppDecoder"), _source, "--help", r"Decoder Version \[([^\]]+)")
    settings = tuple(range(51, -1, -1))
    qualities = tuple(range(47, 11, -5))

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        return [*super().encode_command(quality, shape), "--SEIDecodedPictureHash", "--Level=5.1"]


class Vtm(_ReferenceSoftware):
    """VVC by its reference software, VTM, as CompressAI ran it; an hour of it codes a few dozen pictures."""

    _source = (
        "build VTM from https://vcgit.hhi.fraunhofer.de/jvet/VVCSoftware_VTM, and name the folder with "
        "EncoderAppStatic and DecoderAppStatic"
    )
    key = "vtm"
    title = "VVC (VTM)"
    about = "VVC by VTM"
    config_name = "encoder_intra_vtm.cfg"
    encoder = Program(("EncoderAppStatic", "EncoderApp"), _source, "--help", r"Encoder Version (\S+)")
    decoder = Program(("DecoderAppStatic", "DecoderApp"), _source, "--help", r"Decoder Version (\S+)")
    settings = tuple(range(63, -1, -1))
    qualities = tuple(range(47, 11, -5))
