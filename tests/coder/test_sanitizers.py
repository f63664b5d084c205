"""The coder's own fuzzers under the address and undefined-behaviour sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

CODER = Path(__file__).parents[2] / "coder"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(("fuzzer", "cases"), [("fuzz_decoder", "200000"), ("fuzz_lanes", "20000")])
def test_nothing_is_read_or_written_out_of_bounds(tmp_path, fuzzer, cases):
    program = tmp_path / fuzzer
    sources = [CODER / "fuzz" / f"{fuzzer}.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    assert len(sources) > 1
    compiler = ["g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", *SANITIZE, "-I", CODER / "include"]
    subprocess.run([*compiler, "-pthread", *sources, "-o", program], check=True)
    result = subprocess.run([program, cases, "1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{cases} cases passed\n"
