"""Tests wheels as users get them: outside the checkout, without torch, with the oldest and the newest packages allowed.

    python tools/test_wheel.py [PYTHON:RESOLUTION ...]

For each, builds a wheel from the source distribution in dist/ and runs the tests in an environment of its own. PYTHON
is a path or a name; RESOLUTION is `lowest-direct` (the lower bounds of pyproject.toml) or `highest`. Left out, both
with the Python that runs this. It needs `uv`, and torch to convert the recorded networks for environments without.
"""

import argparse
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jaxcompress.convert import from_pytorch

ROOT = Path(__file__).resolve().parents[1]
UV = (sys.executable, "-m", "uv", "--quiet")
# What the tests need of their own; as new as the packages under test allow.
PYTEST = ("pytest>=8.3", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "hypothesis>=6.120")
# Every layer between an array and a file, the numbers of CompressAI, and training steps.
TESTS = (
    "test_package.py",
    "coder/test_golden.py",
    "coder/test_integer.py",
    "coder/test_lanes.py",
    "codec/test_codec.py",
    "codec/test_integer_codec.py",
    "parity/test_golden_streams.py",
    "train/test_step.py",
    "train/test_folder.py",
    "zoo",
    "cli/test_cli.py",
)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Runs a program, and ends this one if it fails."""
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    status = subprocess.run(words, cwd=cwd, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"}).returncode
    if status:
        sys.exit(f"{words[0]} ended with {status}")


def copy_tests(folder: Path) -> None:
    """Copies the tests, with the recorded networks as weights that need no torch."""
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    golden = folder / "tests" / "golden"
    for packed in golden.glob("*.pth.tar.xz"):
        checkpoint = packed.with_suffix("")
        checkpoint.write_bytes(lzma.decompress(packed.read_bytes()))
        weights = from_pytorch(checkpoint, metadata={"quality": 3, "metric": "mse"}, integer=False)
        weights.save(golden / f"{packed.name.removesuffix('.pth.tar.xz')}.safetensors")


def test_wheel(python: str, resolution: str, source: Path, folder: Path) -> None:
    """Builds a wheel, installs it with the packages of a resolution, and runs the tests."""
    wheels = folder / f"wheels-{Path(python).name}"
    if not wheels.exists():
        run(*UV, "build", "--wheel", "--python", python, "--out-dir", wheels, source)
    (wheel,) = wheels.glob("*.whl")
    environment = folder / f"{wheels.name}-{resolution}"
    run(*UV, "venv", "--python", python, environment)
    own = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = (*UV, "pip", "install", "--python", own)
    run(*install, "--only-binary", ":all:", "--resolution", resolution, "-r", "pyproject.toml", "--extra", "train")
    run(*install, "--no-deps", wheel)
    run(*install, *PYTEST)
    run(*UV, "pip", "check", "--python", own)
    run(UV[0], "-m", "uv", "pip", "list", "--python", own)
    tests = [f"tests/{name}" for name in TESTS]
    options = ("-q", "-n", "auto", "--dist", "loadfile", "-m", "not slow")
    run(own, "-P", "-m", "pytest", *options, *tests, cwd=folder)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [f"{sys.executable}:{resolution}" for resolution in ("lowest-direct", "highest")]
    parser.add_argument("cases", nargs="*", default=default, metavar="PYTHON:RESOLUTION")
    cases = [case.rpartition(":") for case in parser.parse_args().cases]
    sources = list(ROOT.glob("dist/*.tar.gz"))
    if len(sources) != 1:
        sys.exit(f"dist holds {len(sources)} source distributions, expected one; run: make dist")
    with tempfile.TemporaryDirectory() as folder:
        copy_tests(Path(folder))
        for python, _, resolution in cases:
            test_wheel(python, resolution, sources[0], Path(folder))


if __name__ == "__main__":
    main()
