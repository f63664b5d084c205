"""Our `encode` and `decode` of folders for `codec.py`, in a process of its own.

Asked and answered as `codec_reference.py`.
"""

import contextlib
import io
from pathlib import Path

import jax
from process import measure, serve

import jaxcompress
from jaxcompress.cli import build_parser, common, decode, encode, folder, startup

built = {}


def build(architecture, checkpoint, layout, threads):
    """Makes what the commands code files with: both are given the weights; NHWC."""
    del architecture, layout
    startup.keep_memory()
    built["words"] = ["--force", "--jobs", str(threads), "--weights", str(Path(checkpoint).with_suffix(".safetensors"))]
    coder = encode.make_encoder(arguments("encode", ".", "."), 1)
    decoder = decode.make_decoder(arguments("decode", ".", "."), "PNG", 1)
    built["encode"] = folder.Kind(common.IMAGE_SUFFIXES, ".jxc", lambda threads: coder)
    built["decode"] = folder.Kind((".jxc",), ".png", lambda threads: decoder)
    return {"jaxcompress": jaxcompress.__version__, "jax": jax.__version__, "device": jax.devices()[0].device_kind}


def arguments(what, source, target):
    """Those of a command."""
    return build_parser().parse_args([what, source, "-o", target, *built["words"]])


def run(what, source, target):
    """Runs and measures a command."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status, figures = measure(lambda: folder.run(arguments(what, source, target), source, built[what]))
    if status:
        raise RuntimeError(printed.getvalue())
    compressed = target if what == "encode" else source
    return {"bytes": sum(path.stat().st_size for path in Path(compressed).glob("*.jxc")), **figures}


if __name__ == "__main__":
    serve({"build": build, "run": run})
