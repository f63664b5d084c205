"""The networks of a model as files for other processes and languages: StableHLO and ONNX, weights inside.

`docs/export.md` shows how to run them. ONNX needs the `export` extra (jax2onnx).
"""

from jaxcompress.export.folder import FORMATS, export
from jaxcompress.export.stages import Signal, Stage, stages_of

__all__ = ["FORMATS", "Signal", "Stage", "export", "stages_of"]
