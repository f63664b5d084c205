"""A small picture of odd size, and programs that stand in for those that no package has."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxcompress
from jaxcompress.evaluate.classical import Options, create

DEMO = Path(jaxcompress.__file__).parent / "demo" / "kingfisher.png"
PACKAGES = {
    "opj": ("libopenjp2-tools", "opj_compress"),
    "ffmpeg-jpeg2000": ("ffmpeg", "ffmpeg"),
    "jxl": ("libjxl-tools", "cjxl"),
    "av1": ("aom-tools", "aomenc"),
    "x265": ("x265", "x265"),
    "hm": None,
    "vtm": None,
    "bpg": None,
}

# It "codes" by copying the one of `picture.*` and `coded.*` that is there to the other, and records how it was called.
STAND_IN = """#!{python} -ES
import json, os, pathlib, sys
folder, name, arguments = pathlib.Path(__file__).parent, pathlib.Path(__file__).name, sys.argv[1:]
if arguments in (["--help"], ["-h"]):
    print({banner!r})
    sys.exit(1)
files = {{argument for argument in arguments if argument.startswith(("picture.", "coded."))}}
(source,) = [file for file in files if os.path.exists(file)]
(target,) = files - {{source}}
data = pathlib.Path(source).read_bytes()
record = {{"arguments": arguments, "folder": os.getcwd(), "files": os.listdir(), "bytes": len(data)}}
(folder / (name + ".json")).write_text(json.dumps(record))
faults = folder / (name + ".fault")
fault = faults.read_text() if faults.exists() else ""
if fault == "status":
    for number in range(20):
        print("line", number)
    print("Unknown option: -x", file=sys.stderr)
    sys.exit(3)
if fault == "signal":
    os.kill(os.getpid(), 9)
if fault == "sleep":
    import time
    time.sleep(60)
if fault == "empty":
    data = b""
if fault == "short":
    data = data[:-1]
if fault == "garbage":
    data = b"garbage"
if fault != "nothing":
    pathlib.Path(target).write_bytes(data)
"""


class StandIns:
    """A folder of programs."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, name: str, banner: str = "") -> Path:
        path = self.folder / name
        path.write_text(STAND_IN.format(python=sys.executable, banner=banner))
        path.chmod(0o755)
        return path

    def set_fault(self, name: str, fault: str) -> None:
        (self.folder / f"{name}.fault").write_text(fault)

    def record(self, name: str) -> dict:
        return json.loads((self.folder / f"{name}.json").read_text())


@pytest.fixture
def stand_ins(tmp_path) -> StandIns:
    folder = tmp_path / "programs with a blank"
    folder.mkdir()
    return StandIns(folder)


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """The folder in which temporary ones are made, which have to be gone at the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(scope="session")
def bird() -> np.ndarray:
    """A photograph of odd size, uint8 [75, 91, 3]."""
    with Image.open(DEMO) as picture:
        return np.asarray(picture.convert("RGB").crop((350, 150, 441, 225)))


@pytest.fixture(scope="session")
def psnr():
    """A function of two pictures."""

    def compute(a, b):
        error = np.mean((a.astype(np.float64) - b) ** 2)
        return 10 * np.log10(255**2 / error) if error else np.inf

    return compute


@pytest.fixture(scope="session")
def make():
    """A function that makes a codec by its name, or skips the test where its programs are not installed."""

    def create_or_skip(name, **options):
        if name in PACKAGES:
            package, program = PACKAGES[name]
            for needed, source in ((program, package), *([("ffmpeg", "ffmpeg")] if name == "x265" else [])):
                if shutil.which(needed) is None:
                    pytest.skip(f"needs {needed}: install the Debian package {source}")
        return create(name, Options(**options))

    return create_or_skip
