"""Codecs of pictures that are programs: JPEG 2000, JPEG XL, BPG."""

from typing import ClassVar

import numpy as np

from jaxcompress.evaluate.classical.executable import ExecutableCodec
from jaxcompress.evaluate.classical.options import Parameter
from jaxcompress.evaluate.classical.programs import Program

_OPENJPEG = ("install the Debian package libopenjp2-tools", "-h", r"openjp2 library v([\w.+-]*\w)")
_JPEG_XL = ("install the Debian package libjxl-tools", "--version", r"jxl v([\w.+-]+)")
_LIBBPG = (
    "build libbpg from https://bellard.org/bpg, and name the folder with bpgenc and bpgdec",
    "-h",
    r"coder version ([\w.]+)",
)
_QUIET = ("-loglevel", "error", "-y")
FFMPEG = Program(("ffmpeg",), "install the Debian package ffmpeg", "-version", r"ffmpeg version (\S+)", in_folder=False)


class OpenJpeg(ExecutableCodec):
    """JPEG 2000 by the programs of OpenJPEG: irreversible wavelet and colour transform, at a compression ratio.

    The ratio is of 24 bits: 24 bits per pixel divided by it are what a file has, as exactly as the coder can.
    """

    key = "opj"
    title = "JPEG 2000 (OpenJPEG)"
    about = "JPEG 2000 by opj_compress"
    suffix = ".jp2"
    quality_name = "compression ratio"
    encoder = Program(("opj_compress",), *_OPENJPEG)
    decoder = Program(("opj_decompress",), *_OPENJPEG)
    picture = "picture.ppm"
    settings = tuple(round(ratio, 2) for ratio in np.geomspace(1000, 1.5, 200).tolist())
    qualities = tuple(range(190, 9, -10))

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        resolutions = min(6, min(shape).bit_length())  # 6 are its default, and too many for a small picture
        return ["-i", self.picture, "-o", self.coded, "-r", str(quality), "-I", "-n", str(resolutions)]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return ["-i", self.coded, "-o", self.picture]


class FfmpegJpeg2000(ExecutableCodec):
    """JPEG 2000 as CompressAI runs it, for curves that are equal to its published ones.

    ffmpeg gives OpenJPEG planes of BT.601 in limited range, which loses some, and makes files half as large as the
    ratio says: 12 bits per pixel divided by it. `opj` and `jpeg2000` code the same picture better.
    """

    key = "ffmpeg-jpeg2000"
    title = "JPEG 2000 (ffmpeg)"
    about = "JPEG 2000 by ffmpeg's libopenjpeg"
    suffix = ".jp2"
    quality_name = "compression ratio"
    encoder = decoder = FFMPEG
    picture = "picture.ppm"
    settings = tuple(range(500, 0, -1))
    qualities = tuple(range(95, 4, -5))
    fields = ("encoder", "decoder", "timeout")

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        codec = ["-vcodec", "jpeg2000", "-pix_fmt", "yuv444p", "-c:v", "libopenjpeg"]
        return [*_QUIET, "-i", self.picture, *codec, "-compression_level", str(quality), self.coded]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return [*_QUIET, "-i", self.coded, self.picture]


class JpegXl(ExecutableCodec):
    """JPEG XL by libjxl, at a distance, in one thread. It has colours of its own, all in full resolution."""

    key = "jxl"
    title = "JPEG XL"
    about = "JPEG XL by cjxl"
    suffix = ".jxl"
    quality_name = "distance"
    encoder = Program(("cjxl",), *_JPEG_XL)
    decoder = Program(("djxl",), *_JPEG_XL)
    picture = "picture.ppm"
    parameters: ClassVar = {"effort": Parameter(7, "1 is fast, 9 is small", tuple(range(1, 10)))}
    settings = tuple(round(distance, 3) for distance in np.geomspace(15, 0.05, 200).tolist())
    qualities = (15.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.0, 0.7, 0.5)

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        effort = str(self.values["effort"])
        return [self.picture, self.coded, "-d", str(quality), "-e", effort, "--num_threads=0", "--quiet"]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return [self.coded, self.picture, "--num_threads=0", "--quiet"]


class Bpg(ExecutableCodec):
    """BPG, which is intra HEVC in a small file of its own, by libbpg; as CompressAI ran it."""

    key = "bpg"
    title = "BPG"
    about = "BPG by bpgenc"
    suffix = ".bpg"
    quality_name = "QP"
    subsamplings = ("4:4:4", "4:2:0", "4:2:2")
    encoder = Program(("bpgenc",), *_LIBBPG)
    decoder = Program(("bpgdec",), *_LIBBPG)
    picture = "picture.png"
    parameters: ClassVar = {
        "encoder": Parameter("x265", "of HEVC; jctvc, that is HM, is slower and smaller", ("x265", "jctvc")),
        "colour": Parameter("ycbcr", "`ycbcr` is BT.601", ("ycbcr", "ycbcr_bt709", "rgb")),
        "level": Parameter(8, "effort: 1 is fast, 9 is small", tuple(range(1, 10))),
    }
    settings = tuple(range(51, -1, -1))
    qualities = tuple(range(47, 11, -5))

    def encode_command(self, quality: int | float, shape: tuple[int, int]) -> list[str]:
        """See `ExecutableCodec`."""
        subsampling, values = self.subsampling.replace(":", ""), self.values
        how = ["-f", subsampling, "-e", str(values["encoder"]), "-c", str(values["colour"]), "-b", "8"]
        return ["-o", self.coded, "-q", str(quality), *how, "-m", str(values["level"]), self.picture]

    def decode_command(self) -> list[str]:
        """See `ExecutableCodec`."""
        return ["-o", self.picture, self.coded]
