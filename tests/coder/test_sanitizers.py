"""The coder's own fuzzers under sanitizers: of addresses and undefined behaviour, and of threads."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from jaxcompress.coder import instruction_sets

CODER = Path(__file__).parents[2] / "coder"
EMULATION = Path(__file__).parent / "emulation"
# Of the fuzzers that say by which instruction sets they passed.
KERNELS = {"fuzz_lanes": "lanes", "fuzz_integer": "matrix_i8"}
COMPILER = ["g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-I", CODER / "include"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++"),
    # Whichever comes first compiles the coder.
    pytest.mark.timeout(1800),
]


def sanitize(kinds):
    return [f"-fsanitize={kinds}", "-fno-sanitize-recover=all"]


def compile_object(source, target, *options):
    subprocess.run([*COMPILER, *options, "-c", source, "-o", target], check=True)
    return target


@pytest.fixture(scope="module")
def coder_objects(tmp_path_factory):
    """A function that compiles the coder with some sanitizers: to objects, by the names of their sources."""

    @cache
    def objects(kinds):
        folder = tmp_path_factory.mktemp("objects")
        sources = sorted((CODER / "src").glob("*.cpp"))
        assert len(sources) > 10

        def build(source):
            return compile_object(source, folder / f"{source.stem}.o", *sanitize(kinds))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return dict(zip([source.stem for source in sources], pool.map(build, sources), strict=True))

    return objects


def run_fuzzer(program, kinds, objects, cases):
    """What a fuzzer says when it has passed."""
    fuzzer = CODER / "fuzz" / f"{program.name}.cpp"
    subprocess.run([*COMPILER, *sanitize(kinds), fuzzer, *objects, "-o", program], check=True)
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
        ("fuzz_integer", "address,undefined", 600),
        ("fuzz_integer", "thread", 150),
    ],
)
def test_nothing_is_read_or_written_where_it_should_not_be(tmp_path, coder_objects, name, kinds, cases):
    kernel = KERNELS.get(name)
    passed = f" by {' '.join(instruction_sets(kernel))}" if kernel else ""
    found = run_fuzzer(tmp_path / name, kinds, coder_objects(kinds).values(), cases)
    assert found == f"{cases} cases passed{passed}\n"


@pytest.mark.skipif("avx2" not in instruction_sets("lanes"), reason="needs AVX2")
@pytest.mark.parametrize(
    ("name", "kernel", "cases", "passed"),
    [
        ("fuzz_lanes", "lanes_avx512", 3000, "avx512 avx2 portable"),
        ("fuzz_integer", "integers_avx512vnni", 100, "avx512vnni avx2 portable"),
    ],
)
def test_avx512_on_every_processor(tmp_path, coder_objects, name, kernel, cases, passed):
    # What AVX-512 does is done in plain C++, and the processor is said to have it: this runs where there is none.
    kinds = "address,undefined"
    changed = {
        kernel: ["-mavx2", "-I", EMULATION],
        "instruction_sets": ["-D__builtin_cpu_supports(name)=1"],
    }
    objects = dict(coder_objects(kinds))
    for changed_source, options in changed.items():
        assert changed_source in objects
        source = CODER / "src" / f"{changed_source}.cpp"
        objects[changed_source] = compile_object(source, tmp_path / f"{source.stem}.o", *sanitize(kinds), *options)
    found = run_fuzzer(tmp_path / name, kinds, objects.values(), cases)
    assert found == f"{cases} cases passed by {passed}\n"
