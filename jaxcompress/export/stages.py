"""What can be exported: the stages of a model, each a function of one array of any size."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.export import symbolic_shape

from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights

_METHODS = {"g_a": "analysis", "h_a": "hyper_analysis", "h_s": "hyper_synthesis", "g_s": "synthesis"}

STAGES = tuple(_METHODS)
"""In the order in which a picture passes them: g_a and h_a encode, h_s and g_s decode."""


@dataclasses.dataclass(frozen=True)
class Signal:
    """What goes into a stage or comes out of it: float32, NHWC.

    Attributes:
        name: x, y, z, y_hat, z_hat, hyper or x_hat.
        shape: of integers and of symbolic sizes in `b`, `h` and `w`, see `Stage`.
        values: what the numbers are.
    """

    name: str
    shape: tuple[Any, ...]
    values: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """One network with its weights.

    Sizes are counted so that every stage of a model agrees on them: `b` pictures, each `h` by `w` times the stride of
    the model.

    Attributes:
        name: one of `STAGES`.
        function: of the input, an array.
        input: what it takes.
        output: what it gives.
    """

    name: str
    function: Callable[[jax.Array], jax.Array]
    input: Signal
    output: Signal

    @property
    def argument(self) -> jax.ShapeDtypeStruct:
        """The input, for functions of JAX that trace."""
        return jax.ShapeDtypeStruct(self.input.shape, jnp.float32)


def stages_of(weights: Weights, *, names: Sequence[str] | None = None) -> list[Stage]:
    """The stages of a model.

    Args:
        weights: of the model.
        names: those wanted, of `STAGES`; all that the model has if not given.

    Returns:
        The stages, in the order of `STAGES`.

    Raises:
        ValueError: the model has no such stage, or one that cannot be traced without knowing the size of its input.
    """
    # A codec computes in float32 whatever the model was trained in.
    model = weights.model().clone(compute_dtype=jnp.float32)
    present = STAGES if model.has_hyperprior else ("g_a", "g_s")
    if not set(names or ()) <= set(present):
        unknown = ", ".join(sorted(set(names or ()) - set(present)))
        raise ValueError(f"{weights.architecture} has no stage {unknown}; it has {', '.join(present)}")
    return [_make_stage(name, weights, model) for name in present if name in (names or present)]


def _make_stage(name: str, weights: Weights, model: CompressionModel) -> Stage:
    def function(x: jax.Array) -> jax.Array:
        y: Any = model.apply(weights.variables, x, method=_METHODS[name])
        return y

    batch, height, width = symbolic_shape("b, h, w")
    side, per_latent = model.stride, model.stride // 16
    picture = batch, side * height, side * width, 3
    latent = batch, per_latent * height, per_latent * width, weights.m
    hyper_latent = batch, height, width, len(weights.params["entropy_bottleneck"]["quantiles"])
    values = _values(model)
    source, target, shape = {
        "g_a": ("x", "y", picture),
        "h_a": ("y", "z", latent),
        "h_s": ("z_hat", "hyper", hyper_latent),
        "g_s": ("y_hat", "x_hat", latent),
    }[name]
    try:
        found = jax.eval_shape(function, jax.ShapeDtypeStruct(shape, jnp.float32))
    except Exception as error:  # whatever a network of one's own raises
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{name} of {weights.architecture} cannot be traced for an input of any size, "
            f"[{', '.join(map(str, shape))}]: {reason}"
        ) from error
    return Stage(name, function, Signal(source, shape, values[source]), Signal(target, found.shape, values[target]))


def _values(model: CompressionModel) -> dict[str, str]:
    """What each signal holds, for whoever has nothing but the files."""
    around_median = "rounded half to even around the medians: round({} - median) + median"
    found = {
        "x": "pictures, sRGB as in image files divided by 255, in [0, 1]",
        "x_hat": "pictures, near [0, 1] and not clamped",
        "y": "the latent",
        "y_hat": around_median.format("y"),
    }
    if model.has_hyperprior:
        means = _has_means(model)
        found |= {
            "y_hat": "rounded half to even, round(y - mean) + mean" if means else "rounded half to even, round(y)",
            "z": "the hyper-latent",
            "z_hat": around_median.format("z"),
            "hyper": "for each latent its scale (M channels)" + (", then its mean (M channels)" if means else ""),
        }
    if model.is_autoregressive:
        found["hyper"] = "for each latent what the entropy parameters are computed from, beside the context"
    return found


def _has_means(model: CompressionModel) -> bool:
    hyper = jax.ShapeDtypeStruct((1, 1, 1, 2 * model.m), jnp.float32)
    parameters: Any = jax.eval_shape(lambda hyper: model.apply({}, hyper, method="gaussian_parameters"), hyper)
    return parameters[1] is not None
