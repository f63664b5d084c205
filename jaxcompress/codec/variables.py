"""The variables that a codec's networks compute with."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from jaxcompress.layers import Conv, ConvTranspose
from jaxcompress.models import CompressionModel

Tree = dict[str, Any]


class Variables:
    """Variables of a model's stages, on the device.

    Args:
        model: the module.
        params: its parameters, on the host.
        winograd: have the transforms' kernels prepared too, see `layers.Conv.prepare`. If not given, on CPUs: elsewhere
            libraries choose such forms by themselves, and products are not what takes the time.
    """

    def __init__(self, model: CompressionModel, params: Mapping[str, Any], *, winograd: bool | None = None):
        self._model = model
        self._params = params
        self.plain: Tree = {"params": jax.device_put(dict(params))}
        (platform,) = {device.platform for device in jax.tree.leaves(self.plain)[0].devices()}
        self._winograd = platform == "cpu" if winograd is None else winograd
        self._made: dict[str, Tree] = {}
        self._lock = threading.Lock()

    # Made when first asked for: they are several times as large as the kernels, and most processes need one of both.

    @property
    def analysis(self) -> Tree:
        """For g_a; h_a finds its own, plain."""
        stride = self._model.layout.stride
        return self._prepared("analysis", (1, stride, stride, 3))

    @property
    def synthesis(self) -> Tree:
        """For g_s. No stage that decides bits may compute with prepared kernels: they are for these two alone."""
        layout = self._model.layout
        side = layout.stride // layout.last.stride
        return self._prepared("synthesis", (1, side, side, layout.last.channels))

    def _prepared(self, stage: str, shape: tuple[int, ...]) -> Tree:
        if not self._winograd:
            return self.plain
        with self._lock:
            if stage not in self._made:
                prepared = prepare(self._model, self._params, stage, shape)
                self._made[stage] = self.plain | ({"prepared": jax.device_put(prepared)} if prepared else {})
            return self._made[stage]


def prepare(model: CompressionModel, params: Mapping[str, Any], stage: str, shape: tuple[int, ...]) -> Tree:
    """The collection "prepared" of a stage: what its convolutions make of their kernels.

    Args:
        model: the module.
        params: its parameters, on the host.
        stage: the name of a method of the model.
        shape: of what it is called with.

    Returns:
        Arrays by path; none where a stage computes in another type than float32.
    """
    found: dict[tuple[str, ...], np.ndarray] = {}

    def visit(call, args, kwargs, context):
        layer = context.module
        if (
            isinstance(layer, Conv | ConvTranspose)
            and context.method_name == "__call__"
            and args[0].dtype == jnp.float32
        ):
            kernel = functools.reduce(lambda tree, name: tree[name], (*layer.path, "kernel"), params)
            found.update({(*layer.path, name): array for name, array in layer.prepare(np.asarray(kernel)).items()})
        return call(*args, **kwargs)

    with nn.intercept_methods(visit):
        x = jax.ShapeDtypeStruct(shape, jnp.float32)
        jax.eval_shape(functools.partial(model.apply, method=stage), {"params": dict(params)}, x)
    return traverse_util.unflatten_dict(found)
