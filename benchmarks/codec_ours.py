"""Our commands `encode` and `decode` on folders for `codec.py`, in a process of its own.

Asked and answered as `codec_reference.py`.
"""

import contextlib
import io
from pathlib import Path

import jax
from process import measure, serve

import jaxcompress
from jaxcompress import cli

built = {}


def build(architecture, checkpoint, layout, threads):
    """Takes note of weights; as many threads as there are processors for this process; NHWC."""
    del architecture, layout
    built.update(weights=str(Path(checkpoint).with_suffix(".safetensors")), jobs=str(threads))
    return {"jaxcompress": jaxcompress.__version__, "jax": jax.__version__, "device": jax.devices()[0].device_kind}


def run(what, source, target):
    """Runs and measures a command, which loads the weights again each time; and tells the size of the compressed."""
    words = [what, source, "-o", target, "--force", "--weights", built["weights"], "--jobs", built["jobs"]]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status, figures = measure(lambda: cli.main(words))
    if status:
        raise RuntimeError(printed.getvalue())
    compressed = target if what == "encode" else source
    return {"bytes": sum(path.stat().st_size for path in Path(compressed).glob("*.jxc")), **figures}


if __name__ == "__main__":
    serve({"build": build, "run": run})
