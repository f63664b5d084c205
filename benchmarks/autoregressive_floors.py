"""What one thread of this processor reaches by NumPy, for the floors of `autoregressive.py`.

Asked and answered as in `process.py`; NumPy's threads are set by the variables it is started with.

    {"command": "speeds"}    flops: of a large matrix product, a second; bytes: of a matrix times a vector, a second
"""

import time
from collections.abc import Callable

import numpy as np
from process import serve

SIZE = 1024
REPETITIONS = 100
generator = np.random.default_rng(0)
square, matrix = generator.random((SIZE, SIZE), np.float32), generator.random((1024, 896), np.float32)  # 3.67 MB
vector = generator.random(1024, np.float32)


def speeds() -> dict[str, float]:
    """Best of some runs."""
    products = fastest(lambda: square @ square)
    passes = fastest(lambda: [vector @ matrix for _ in range(REPETITIONS)])
    return {"flops": 2 * SIZE**3 / products, "bytes": REPETITIONS * matrix.nbytes / passes}


def fastest(run: Callable, count: int = 5) -> float:
    """CPU seconds."""
    times = []
    for _ in range(count):
        began = time.process_time()
        run()
        times.append(time.process_time() - began)
    return min(times)


if __name__ == "__main__":
    serve({"speeds": speeds})
