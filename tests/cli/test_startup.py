"""What a process of the command line loads, and what it sets before anything else."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import jaxcompress

HEAVY = {"jax", "jaxlib", "flax", "scipy", "PIL", "torch", "matplotlib"}
OURS = ("JAXCOMPRESS_HOME", "JAXCOMPRESS_CACHE", "JAXCOMPRESS_MALLOC", "JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME")


@pytest.fixture
def folder(tmp_path, photo, golden_of, monkeypatch):
    """A working folder with a photograph, weights, and what they make; the cache of programs is in it too."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name in OURS or name.startswith(("MALLOC_", "JAX_PERSISTENT", "JAX_COMPILATION", "TF_CPP")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Image.fromarray(photo).save("photo.png")
    return tmp_path


def run(*arguments, python=(), **environment):
    """Runs the program with more environment variables; what it wrote, if it succeeded."""
    result = subprocess.run(
        [sys.executable, "-P", *python, "-m", "jaxcompress", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert result.returncode == 0, result.stderr
    return result


def loaded(*arguments):
    """The packages that a command imports."""
    log = run(*arguments, python=["-X", "importtime"]).stderr
    return {name.partition(".")[0] for name in re.findall(r"^import time:.*\| *([\w.]+)$", log, re.MULTILINE)}


def programs(folder):
    return sorted(path.name.partition("-")[0] for path in (folder / "cache/jaxcompress/programs").glob("*-cache"))


# ---------------------------------------------------------------- imports


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["encode", "--help"]])
def test_help_loads_nothing_heavy(folder, arguments):
    assert loaded(*arguments) & (HEAVY | {"numpy", "safetensors"}) == set()


def test_info_loads_neither_jax_nor_pillow(folder, golden_of, golden_folder):
    weights = golden_of("mbt2018-mean").weights
    weights.save("weights.safetensors")
    (folder / "photo.jxc").write_bytes(golden_of("mbt2018-mean").codec.compress(np.zeros((16, 16, 3), np.uint8)))
    assert "jaxcompress" in loaded("info", "photo.jxc")
    assert loaded("info", "photo.jxc") & (HEAVY | {"numpy", "safetensors"}) == set()
    assert loaded("info", str(golden_folder / "container" / "mbt2018-mean.bin")) & HEAVY == set()
    assert loaded("info", "weights.safetensors") & HEAVY == set()


def test_the_codec_package_is_loaded_on_use():
    code = "import sys, jaxcompress.codec as c; print('jax' in sys.modules, set(c.__all__) <= set(dir(c))); c.Codec"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False True\n"
    for name in jaxcompress.codec.__all__:
        assert getattr(jaxcompress.codec, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'decoder'"):
        _ = jaxcompress.codec.decoder


# ---------------------------------------------------------------- compiled programs


def encode(**environment):
    """Encodes the photograph with JAX's log on; counts of programs found and compiled, and the log."""
    log = run("encode", "photo.png", "-f", JAX_LOGGING_LEVEL="DEBUG", **environment).stderr
    found = len(re.findall("Persistent compilation cache hit", log))
    return found, len(re.findall("PERSISTENT COMPILATION CACHE MISS", log)), log


def test_the_second_process_compiles_nothing(folder):
    found, compiled, _ = encode()
    assert (found, compiled >= 3) == (0, True)
    data = (folder / "photo.jxc").read_bytes()
    assert encode()[:2] == (compiled, 0)
    assert (folder / "photo.jxc").read_bytes() == data
    assert len(programs(folder)) == compiled
    assert (folder / "cache/jaxcompress/programs").stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"JAXCOMPRESS_CACHE": "off"}, None),
        ({"JAXCOMPRESS_CACHE": "elsewhere"}, "elsewhere/programs"),
        ({"JAX_COMPILATION_CACHE_DIR": "theirs", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}, "theirs"),
    ],
)
def test_the_folder_of_programs_can_be_chosen(folder, environment, where):
    encode(**environment)
    assert not (folder / "cache").exists()
    assert {path.parent for path in folder.rglob("*-cache")} == ({folder / where} if where else set())


def test_a_folder_that_cannot_be_written_to_costs_a_line_at_most(folder):
    (folder / "file").touch()
    named = run("encode", "photo.png", JAXCOMPRESS_CACHE="file/here")
    assert named.stderr == (
        "jaxcompress: compiled programs are not kept: JAXCOMPRESS_CACHE=file/here is no folder to "
        "write to, or others may write there too\n"
    )
    assert run("info", "photo.jxc", XDG_CACHE_HOME=str(folder / "file")).stderr == ""


@pytest.mark.slow
def test_a_full_disk_fails_nothing_and_is_got_over(folder):
    command = f"ulimit -f 1; {sys.executable} -P -m jaxcompress encode photo.png -o -"
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(b"\n") == 1  # what it says of the picture
    kept = folder / "cache/jaxcompress/programs"
    cut_off = [path for path in kept.glob("*-cache") if path.stat().st_size == 1024]
    assert cut_off
    encode()
    assert encode()[1] == 0
    assert (folder / "photo.jxc").read_bytes() == result.stdout


def test_only_what_was_abandoned_is_removed(folder):
    kept = folder / "cache/jaxcompress/programs"
    kept.mkdir(parents=True)
    for name in ("whole-cache", "whole-atime", "abandoned-cache", ".lockfile"):
        (kept / name).touch()
    run("--version")
    assert sorted(os.listdir(kept)) == [".lockfile", "whole-atime", "whole-cache"]


@pytest.mark.slow
def test_processes_may_share_the_folder(folder):
    for i in range(3):
        (folder / f"{i}.png").write_bytes((folder / "photo.png").read_bytes())
    command = [sys.executable, "-P", "-m", "jaxcompress", "encode"]
    processes = [subprocess.Popen([*command, f"{i}.png"], stderr=subprocess.PIPE) for i in range(3)]
    assert [process.communicate()[1] for process in processes] == [b"", b"", b""]
    assert len({(folder / f"{i}.jxc").read_bytes() for i in range(3)}) == 1
    assert encode()[1] == 0


def test_programs_are_never_kept_by_the_library_nor_in_training(folder):
    code = "import os, jaxcompress, jaxcompress.cli as c; c.main(['--version'])"
    subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True)
    run("train", "--help")
    assert not (folder / "cache").exists()


# ---------------------------------------------------------------- memory

FAULTS = """
import ctypes, resource, sys, threading
from jaxcompress.cli import main
if sys.argv[1:]:
    try:
        main()
    except SystemExit:
        pass
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def work():
    size = 100 * 2**20
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block = libc.malloc(size)
        ctypes.memset(block, 1, size)
        libc.free(block)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
faults = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(*faults, file=sys.stderr)
"""


def faults(*arguments, **environment):
    """Page faults of a thread that takes and frees 100 MB, the third time."""
    command = [sys.executable, "-P", "-c", FAULTS, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return int(result.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_freed_memory_is_kept_by_commands_alone(folder):
    pages = 100 * 2**20 // os.sysconf("SC_PAGE_SIZE")
    assert faults("--version") < pages / 100
    for untouched in (
        faults(),
        faults("train", "--help"),
        faults("--version", JAXCOMPRESS_MALLOC="off"),
        faults("--version", GLIBC_TUNABLES="glibc.malloc.hugetlb=0"),
        faults("--version", MALLOC_ARENA_TEST="2"),
    ):
        assert untouched > pages / 2


def test_a_switch_that_means_nothing_is_refused(folder):
    command = [sys.executable, "-P", "-m", "jaxcompress", "--version"]
    environment = os.environ | {"JAXCOMPRESS_MALLOC": "0"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stderr) == (
        2,
        "jaxcompress: JAXCOMPRESS_MALLOC is '0'; expected off, or nothing\n",
    )
