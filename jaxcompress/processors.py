"""How many processors there are to use."""

import os

PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Those that this process may run on; the default for everything that can use several."""
