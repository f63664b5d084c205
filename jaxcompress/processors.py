"""Which processors there are, and how many to use."""

import os
import platform
from pathlib import Path

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Those that this process may run on; the default for everything that can use several."""


def processor_name() -> str:
    """The processor's name, and how many there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name} x {os.cpu_count()}"
