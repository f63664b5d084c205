"""Tests the wheel in dist/ as users get it: outside the checkout, without torch, with the oldest or newest packages.

    python tools/test_wheel.py oldest newest

For each, makes an environment with the packages that pyproject.toml allows, and runs tests there. `make test-wheel`
does all of it. The Python that runs this needs torch, to convert the recorded networks for environments without.
"""

import argparse
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from jaxcompress.convert import from_pytorch

ROOT = Path(__file__).resolve().parents[1]
# What the tests need of their own.
PYTEST = ("pytest>=8.3", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "hypothesis>=6.120")
# Every layer between an array and a file, networks as StableHLO, the numbers of CompressAI, and training steps.
TESTS = (
    "test_package.py",
    "coder/test_golden.py",
    "coder/test_lanes.py",
    "codec/test_codec.py",
    "export/test_export.py",
    "parity/test_golden_streams.py",
    "train/test_step.py",
)


def oldest_packages() -> list[str]:
    """The lower bounds of pyproject.toml, as constraints; of the packages that those need, pip takes the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    return [re.sub(r">=([\w.]+)", r"==\1", requirement) for requirement in requirements]


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Runs a program, and ends this one if it fails."""
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    if status := subprocess.run(words, cwd=cwd, check=False).returncode:
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


def test_wheel(wheel: Path, packages: str, folder: Path) -> None:
    """Installs the wheel with the packages of a kind, and runs the tests."""
    environment, constraints = folder / packages, folder / f"{packages}.txt"
    constraints.write_text("\n".join(oldest_packages() if packages == "oldest" else []))
    run(sys.executable, "-m", "venv", environment)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:")
    run(*install, "--constraint", constraints, f"{wheel}[train]", *PYTEST)
    run(python, "-m", "pip", "check")
    run(python, "-m", "pip", "list")
    tests = [f"tests/{name}" for name in TESTS]
    options = ("-q", "-n", "auto", "--dist", "loadfile", "-m", "not slow")
    run(python, "-P", "-m", "pytest", *options, *tests, cwd=folder)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="+", choices=("oldest", "newest"))
    chosen = parser.parse_args().packages
    wheels = list(ROOT.glob("dist/*.whl"))
    if len(wheels) != 1:
        sys.exit(f"dist holds {len(wheels)} wheels, expected one; run: make dist")
    with tempfile.TemporaryDirectory() as folder:
        copy_tests(Path(folder))
        for packages in chosen:
            test_wheel(wheels[0], packages, Path(folder))


if __name__ == "__main__":
    main()
