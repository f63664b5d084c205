"""Stages as ONNX, by jax2onnx."""

import contextlib
import importlib.metadata
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from flax import linen as nn
from jax import lax

from jaxcompress.export.stages import Stage
from jaxcompress.layers import ConvTranspose
from jaxcompress.ops.precision import choose_precision

OPSET = 17
"""Of the operators: the networks need none that is newer, and runtimes of many years read it."""

SUFFIX = ".onnx"


def to_onnx(stage: Stage, *, name: str) -> bytes:
    """Converts a stage.

    Args:
        stage: see `stages_of`.
        name: of the graph, for people.

    Returns:
        The model, with its weights in it.

    Raises:
        ImportError: jax2onnx is missing.
    """
    try:
        import jax2onnx
        from onnx import TensorProto, helper
    except ImportError as error:
        raise ImportError(f"ONNX files need jax2onnx ({error}): pip install 'jaxcompress[export]'") from error

    # jax2onnx takes sizes by name alone, not as multiples. The networks are convolutional: what is traced is the same.
    sizes = ("b", "h", "w", stage.input.shape[-1])
    with _quiet(), nn.intercept_methods(_one_operator):
        model = jax2onnx.to_onnx(
            stage.function,
            [sizes],
            model_name=name,
            opset=OPSET,
            input_names=[stage.input.name],
            output_names=[stage.output.name],
        )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    del model.graph.value_info[:]  # in terms of the sizes that were traced
    for value, signal in ((model.graph.input[0], stage.input), (model.graph.output[0], stage.output)):
        shape = [size if isinstance(size, int) else str(size) for size in signal.shape]
        value.CopyFrom(helper.make_tensor_value_info(signal.name, TensorProto.FLOAT, shape))
    return model.SerializeToString()


def facts() -> dict[str, Any]:
    """What the manifest says of such files."""
    return {"opset": OPSET, "jax2onnx": importlib.metadata.version("jax2onnx")}


def _one_operator(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    """A transposed convolution as ONNX's operator for it, which a convolution of a dilated input becomes.

    The convolutions by phase that `ops.conv2d_transpose` makes would be four of them, and their interleaving.
    """
    layer = context.module
    if not isinstance(layer, ConvTranspose) or context.method_name != "__call__":
        return call(*args, **kwargs)
    kernel: Any = np.asarray(layer.get_variable("params", "kernel"))
    before = (layer.kernel_size - 1) // 2
    y = lax.conv_general_dilated(
        args[0],
        kernel[::-1, ::-1].swapaxes(2, 3),
        (1, 1),
        [(before, before + layer.stride - 1)] * 2,
        lhs_dilation=(layer.stride, layer.stride),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=choose_precision(None),
    )
    return y + layer.get_variable("params", "bias")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without a warning for each size that is computed in the graph, of which no more than the type is unknown."""
    logger = logging.getLogger("onnx_ir.serde")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
