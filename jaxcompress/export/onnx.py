"""Stages as ONNX, by jax2onnx."""

import contextlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from jax import lax

from jaxcompress.export.stages import Signal, Stage
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

    # jax2onnx takes sizes by name alone, not as multiples such as 64 h: what is traced takes blocks of 64 rows.
    with _quiet(), nn.intercept_methods(_one_operator):
        model = jax2onnx.to_onnx(
            _of_blocks(stage),
            [_in_blocks(signal) for signal in stage.inputs],
            model_name=name,
            opset=OPSET,
            input_names=[signal.name for signal in stage.inputs],
            output_names=[signal.name for signal in stage.outputs],
        )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    _cut_into_blocks(model.graph, stage)
    del model.graph.value_info[:]  # in terms of the sizes that were traced
    for values, signals in ((model.graph.input, stage.inputs), (model.graph.output, stage.outputs)):
        for value, signal in zip(values, signals, strict=True):
            shape = [size if isinstance(size, int) else str(size) for size in signal.shape]
            value.CopyFrom(helper.make_tensor_value_info(signal.name, TensorProto.FLOAT, shape))
    return model.SerializeToString()


def facts() -> dict[str, Any]:
    """What the manifest says of such files."""
    return {"opset": OPSET, "jax2onnx": importlib.metadata.version("jax2onnx")}


def _block(signal: Signal) -> int:
    """Side of the blocks that a signal is a whole number of: 64 of `[b, 64*h, 64*w, 3]`."""
    number, times, _ = str(signal.shape[-3]).partition("*") if len(signal.shape) == 4 else ("", "", "")
    return int(number) if times else 1


def _in_blocks(signal: Signal) -> tuple[str | int, ...]:
    """The shape `[b, h, block, w, block, C]`, of names and numbers, that a signal is traced in."""
    block = _block(signal)
    shape = [size if isinstance(size, int) else str(size).rpartition("*")[-1] for size in signal.shape]
    return tuple(shape) if block == 1 else (shape[0], shape[1], block, shape[2], block, shape[3])


def _of_blocks(stage: Stage) -> Callable[..., Any]:
    """The function of a stage, from inputs in blocks."""

    def joined(x: jax.Array) -> jax.Array:
        if x.ndim < 6:
            return x
        n, rows, block, columns, _, channels = x.shape
        return x.reshape(n, rows * block, columns * block, channels)

    return lambda *inputs: stage.function(*map(joined, inputs))


def _cut_into_blocks(graph: Any, stage: Stage) -> None:
    """Puts nodes before a graph that bring its inputs from `[b, H, W, C]` to `[b, h, block, w, block, C]`."""
    from onnx import helper, numpy_helper

    def constant(name: str, *values: int) -> str:
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    before = []
    for signal in stage.inputs:
        block = _block(signal)
        if block == 1:
            continue
        name, blocks = signal.name, f"{signal.name}_blocks"
        for node in graph.node:
            node.input[:] = [blocks if each == name else each for each in node.input]
        side = constant(f"{name}_side", block)
        for axis, part in enumerate(("batch", "rows", "columns")):
            before.append(helper.make_node("Shape", [name], [f"{name}_{part}"], start=axis, end=axis + 1))
        for part in ("rows", "columns"):
            before.append(helper.make_node("Div", [f"{name}_{part}", side], [f"{name}_{part}_of_blocks"]))
        channels = constant(f"{name}_channels", signal.shape[-1])
        sizes = [f"{name}_batch", f"{name}_rows_of_blocks", side, f"{name}_columns_of_blocks", side, channels]
        before.append(helper.make_node("Concat", sizes, [f"{name}_shape"], axis=0))
        before.append(helper.make_node("Reshape", [name, f"{name}_shape"], [blocks]))
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


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
