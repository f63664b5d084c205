"""The coder's own fuzzers under sanitizers: of addresses and undefined behaviour, and of threads."""

import shutil
import subprocess
from pathlib import Path

import pytest

CODER = Path(__file__).parents[2] / "coder"
MEMORY = "-fsanitize=address,undefined"
THREADS = "-fsanitize=thread"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(
    ("name", "cases", "sanitize"),
    [
        ("fuzz_decoder", 200000, MEMORY),
        ("fuzz_autoregressive", 400, MEMORY),
        ("fuzz_autoregressive", 150, THREADS),
    ],
)
def test_nothing_is_read_or_written_where_it_should_not_be(tmp_path, name, cases, sanitize):
    program = tmp_path / name
    sources = [CODER / "fuzz" / f"{name}.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    assert len(sources) > 1
    options = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", sanitize, "-fno-sanitize-recover=all"]
    subprocess.run(["g++", *options, "-I", CODER / "include", *sources, "-o", program], check=True)
    result = subprocess.run([program, str(cases), "1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{cases} cases passed\n"
