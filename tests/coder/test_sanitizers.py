"""The coder's own fuzzers under sanitizers: of addresses and undefined behaviour, and of threads."""

import shutil
import subprocess
from pathlib import Path

import pytest

from jaxcompress.coder import _rans

CODER = Path(__file__).parents[2] / "coder"
EMULATION = Path(__file__).parent / "emulation"
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
        ("fuzz_integer", "address,undefined", 600),
        ("fuzz_integer", "thread", 150),
    ],
)
def test_nothing_is_read_or_written_where_it_should_not_be(tmp_path, name, kinds, cases):
    sources = [CODER / "fuzz" / f"{name}.cpp", *sorted((CODER / "src").glob("*.cpp"))]
    sets = {"fuzz_lanes": _rans.lane_isas, "fuzz_integer": _rans.integer_instruction_sets}
    passed = f" by {' '.join(sets[name]())}" if name in sets else ""
    assert run_fuzzer(tmp_path / name, sources, cases, *sanitize(kinds)) == f"{cases} cases passed{passed}\n"


@pytest.mark.skipif("avx2" not in _rans.lane_isas(), reason="needs AVX2")
@pytest.mark.parametrize(
    ("fuzzer", "kernel", "cases", "passed"),
    [
        ("fuzz_lanes", "lanes_avx512", 3000, "scalar avx2 avx512"),
        ("fuzz_integer", "integers_avx512vnni", 100, "avx512vnni avx2 portable"),
    ],
)
def test_avx512_on_every_processor(tmp_path, fuzzer, kernel, cases, passed):
    # What AVX-512 does is done in plain C++, so that this runs where there is none.
    source = CODER / "src" / f"{kernel}.cpp"
    emulated = tmp_path / "emulated.o"
    options = sanitize("address,undefined")
    subprocess.run([*COMPILER, *options, "-mavx2", "-I", EMULATION, "-c", source, "-o", emulated], check=True)
    others = sorted(set((CODER / "src").glob("*.cpp")) - {source})
    sources = [CODER / "fuzz" / f"{fuzzer}.cpp", emulated, *others]
    found = run_fuzzer(tmp_path / fuzzer, sources, cases, *options, "-D__builtin_cpu_supports(name)=1")
    assert found == f"{cases} cases passed by {passed}\n"
