"""The coder's own fuzzers under sanitizers: of addresses and undefined behaviour, and of threads."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jaxcompress.coder import instruction_sets

CODER = Path(__file__).parents[2] / "coder"
EMULATION = Path(__file__).parent / "emulation"
LANES = instruction_sets("lanes")
COMPILER = ["g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", CODER / "include"]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")]


def sanitize(kinds):
    return [f"-fsanitize={kinds}", "-fno-sanitize-recover=all"]


def run_fuzzer(program, sources, cases, *options):
    """What a fuzzer says when it has passed."""
    assert len(sources) > 1
    subprocess.run([*COMPILER, *options, *sources, "-o", program], check=True)
    result = subprocess.run([program, str(cases), "1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    ("name", "kinds", "cases"),
    [
        ("fuzz_decoder", "address,undefined", 200_000),
        ("fuzz_batch", "address,undefined", 20_000),
        ("fuzz_batch", "thread", 5000),
        ("fuzz_lanes", "address,undefined", 10_000),
        ("fuzz_autoregressive", "address,undefined", 400),
        ("fuzz_autoregressive", "thread", 150),
        ("fuzz_repair_latents", "address,undefined", 500),
        ("fuzz_repair_latents", "thread", 100),
    ],
)
def test_nothing_is_read_or_written_where_it_should_not_be(tmp_path, name, kinds, cases):
    sources = [CODER / "fuzz" / f"{name}.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    passed = f" by {' '.join(LANES)}" if name == "fuzz_lanes" else ""
    assert run_fuzzer(tmp_path / name, sources, cases, *sanitize(kinds)) == f"{cases} cases passed{passed}\n"


@pytest.mark.skipif("avx2" not in LANES, reason="needs AVX2")
def test_lanes_of_avx512_on_every_processor(tmp_path):
    # What AVX-512 does is done in plain C++, so that this runs where there is none.
    kernel = CODER / "src" / "lanes_avx512.cpp"
    emulated = tmp_path / "lanes_avx512.o"
    options = sanitize("address,undefined")
    subprocess.run([*COMPILER, *options, "-mavx2", "-I", EMULATION, "-c", kernel, "-o", emulated], check=True)
    others = sorted(set((CODER / "src").glob("*.cpp")) - {kernel})
    sources = [CODER / "fuzz" / "fuzz_lanes.cpp", emulated, *others]
    found = run_fuzzer(tmp_path / "fuzz_lanes", sources, 3000, *options, "-D__builtin_cpu_supports(name)=1")
    assert found == "3000 cases passed by avx512 avx2 portable\n"
