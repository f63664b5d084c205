"""The coder's own fuzzers under the address and undefined-behaviour sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jaxcompress.coder import _rans

CODER = Path(__file__).parents[2] / "coder"
EMULATION = Path(__file__).parent / "emulation"
COMPILER = ["g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", CODER / "include"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


def compiled(program, sources, *options):
    assert len(sources) > 1
    subprocess.run([*COMPILER, *SANITIZE, *options, *sources, "-o", program], check=True)
    return program


def output_of(program, cases):
    result = subprocess.run([program, str(cases), "1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
@needs_compiler
def test_nothing_is_read_or_written_out_of_bounds(tmp_path):
    sources = [CODER / "fuzz" / "fuzz_decoder.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    program = compiled(tmp_path / "fuzz_decoder", sources)
    assert output_of(program, 200_000) == "200000 cases passed\n"


@pytest.mark.slow
@needs_compiler
def test_lanes_read_and_write_nothing_out_of_bounds(tmp_path):
    sources = [CODER / "fuzz" / "fuzz_lanes.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    program = compiled(tmp_path / "fuzz_lanes", sources)
    assert output_of(program, 10_000) == f"10000 cases passed by {' '.join(_rans.lane_isas())}\n"


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif("avx2" not in _rans.lane_isas(), reason="needs AVX2")
def test_lanes_of_avx512_on_every_processor(tmp_path):
    """What AVX-512 does is done in plain C++, so that this runs where there is none."""
    kernel = CODER / "src" / "lanes_avx512.cpp"
    emulated = tmp_path / "lanes_avx512.o"
    subprocess.run([*COMPILER, *SANITIZE, "-mavx2", "-I", EMULATION, "-c", kernel, "-o", emulated], check=True)
    others = sorted(set((CODER / "src").glob("*.cpp")) - {kernel})
    sources = [CODER / "fuzz" / "fuzz_lanes.cpp", emulated, *others]
    program = compiled(tmp_path / "fuzz_lanes", sources, "-D__builtin_cpu_supports(name)=1")
    assert output_of(program, 3_000) == "3000 cases passed by scalar avx2 avx512\n"
