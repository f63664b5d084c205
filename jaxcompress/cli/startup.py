"""What a process of the command line sets before anything else, and a library must leave to its user.

`docs/speed.md` tells what it is for, and how to leave it out.
"""

import contextlib
import ctypes
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from jaxcompress.cli import common
from jaxcompress.user_folder import user_folder

# Of compiled programs. One takes 10 to 30 kB.
_CACHE_BYTES = 2**28

# Samples from which a copy of a picture is worth its memory: 100 MB.
_LARGE = 10**8

# Of glibc's mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def prepare(words: Sequence[str]) -> None:
    """Prepares the process for a command.

    Args:
        words: the command and its arguments.

    Raises:
        ValueError: an environment variable of ours has a value that means nothing.
    """
    # Training runs for hours in many threads, and its processes must compile in step.
    if words[:1] != ["train"]:
        keep_memory()
        keep_programs()


def keep_memory() -> None:
    """Has the C library keep freed memory, so that the next execution of a program finds it mapped.

    XLA allocates what a program needs for each execution, tens to hundreds of megabytes. By default these go back to
    the system after it, and come again page by page: a quarter of the time that a picture takes.
    """
    wanted = os.environ.get("JAXCOMPRESS_MALLOC")
    if wanted not in (None, "off"):
        raise ValueError(f"JAXCOMPRESS_MALLOC is {wanted!r}; expected off, or nothing")
    if wanted == "off" or _has_own_allocator() or sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries than glibc have none
    if mallopt is not None:
        # In threads of their own arenas, which cannot grow beyond 64 MB, large blocks would be mapped all the same.
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_ARENA_MAX, 1)):
            mallopt(option, value)


def release_memory(samples: int) -> None:
    """Gives freed memory back to the system after all, where a picture is so large that it is wanted elsewhere.

    Args:
        samples: of the picture, pixels times channels.
    """
    if samples >= _LARGE and sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _has_own_allocator() -> bool:
    """Whether the user has chosen how memory is allocated."""
    names = [name for name, value in os.environ.items() if value]
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    return "LD_PRELOAD" in names or "glibc.malloc" in tunables or any(name.startswith("MALLOC_") for name in names)


def keep_programs() -> None:
    """Has JAX keep compiled programs in a folder of the user's, where the next process finds them.

    What JAX calls a program includes its own version and the instructions of the processor, so that a folder may serve
    several machines. Nothing here may fail a command: without the folder, it compiles.
    """
    wanted = os.environ.get("JAXCOMPRESS_CACHE")
    if wanted == "off" or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    try:
        folder = (Path(wanted).expanduser() if wanted else user_folder()) / "programs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # who can write here runs code
        writable = os.access(folder, os.W_OK) and _is_ours_alone(folder)
    except (OSError, RuntimeError):  # such as where nobody has a home
        writable = False
    if not writable:
        if wanted:
            common.warn(
                f"compiled programs are not kept: JAXCOMPRESS_CACHE={wanted} is no folder to write to, or others may "
                f"write there too"
            )
        return
    # The user's own values have precedence.
    for name, value in {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(_CACHE_BYTES),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        # Where a processor is said to prefer or shun some instruction, XLA takes this for an instruction that it lacks,
        # and logs an error for each program it reads.
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }.items():
        os.environ.setdefault(name, value)
    if os.environ["JAX_COMPILATION_CACHE_MAX_SIZE"] != "-1":  # without a limit no times are noted
        _remove_abandoned(folder)
    # Such as a full disk: JAX compiles, and says so for each program.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else can put a program there, which this process would run."""
    status = folder.stat()
    return os.name != "posix" or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def _remove_abandoned(folder: Path) -> None:
    """Removes what processes left that were killed while writing, or found the disk full.

    JAX writes a program, then the time of its use. It neither completes nor replaces what it finds, and once it has
    tried to read it, notes the time. Where a process is just between the two, its program is compiled once more.
    """
    with contextlib.suppress(OSError):  # another process does the same
        names = set(os.listdir(folder))
        for name in names:
            if name.endswith("-cache") and f"{name.removesuffix('-cache')}-atime" not in names:
                (folder / name).unlink()
