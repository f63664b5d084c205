"""The coder's own fuzzers under sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

CODER = Path(__file__).parents[2] / "coder"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(
    ("name", "sanitizers", "cases"),
    [
        ("fuzz_decoder", "address,undefined", 200_000),
        ("fuzz_batch", "address,undefined", 20_000),
        ("fuzz_batch", "thread", 5000),
        ("fuzz_lanes", "address,undefined", 20_000),
        ("fuzz_autoregressive", "address,undefined", 1000),
        ("fuzz_autoregressive", "thread", 300),
    ],
)
def test_nothing_is_read_or_written_where_it_should_not_be(tmp_path, name, sanitizers, cases):
    program = tmp_path / name
    sources = [CODER / "fuzz" / f"{name}.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    assert len(sources) > 1
    sanitize = [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    compiler = ["g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", *sanitize, "-I", CODER / "include"]
    subprocess.run([*compiler, *sources, "-o", program], check=True)
    result = subprocess.run([program, str(cases), "1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{cases} cases passed\n"
