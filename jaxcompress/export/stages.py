"""What can be exported: the stages of a model, each a function of an array of any size, and of the model's settings."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.export import symbolic_shape

from jaxcompress.models import CompressionModel, Layout, Network
from jaxcompress.weights import Weights


@dataclasses.dataclass(frozen=True)
class Signal:
    """What goes into a stage or comes out of it: float32, NHWC.

    Attributes:
        name: x, y, z, y_hat, z_hat, hyper, x_hat, or that of a setting.
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
        name: the paper's, such as "g_a".
        function: of the input and of each setting, arrays.
        input: what it takes.
        output: what it gives.
        settings: the model's knobs, which it takes after the input.
        decodes: whether a decoder runs it.
        decides_bits: whether tables or means depend on it.
    """

    name: str
    function: Callable[..., jax.Array]
    input: Signal
    output: Signal
    settings: tuple[Signal, ...]
    decodes: bool
    decides_bits: bool

    @property
    def arguments(self) -> list[jax.ShapeDtypeStruct]:
        """The input and the settings, for functions of JAX that trace."""
        return [jax.ShapeDtypeStruct(signal.shape, jnp.float32) for signal in (self.input, *self.settings)]


def stages_of(weights: Weights, *, names: Sequence[str] | None = None) -> list[Stage]:
    """The stages of a model.

    Args:
        weights: of the model.
        names: those wanted, such as "g_a"; all that the model has if not given.

    Returns:
        The stages, in the order in which a picture passes them.

    Raises:
        ValueError: the model has no such stage, or one that cannot be traced without knowing the size of its input.
    """
    # A codec computes in float32 whatever the model was trained in.
    model = weights.model().clone(compute_dtype=jnp.float32)
    present = {network.name: network for network in model.layout.networks}
    if unknown := sorted(set(names or ()) - set(present)):
        raise ValueError(f"{weights.architecture} has no stage {', '.join(unknown)}; it has {', '.join(present)}")
    return [_make_stage(network, weights, model) for name, network in present.items() if name in (names or present)]


def _make_stage(network: Network, weights: Weights, model: CompressionModel) -> Stage:
    layout = model.layout
    knobs = [setting.name for setting in layout.settings]

    def function(x: jax.Array, *settings: jax.Array) -> jax.Array:
        named = dict(zip(knobs, settings, strict=True))
        apply: Any = model.apply
        return apply(weights.variables, x, method=network.stage, **named)

    batch, height, width = symbolic_shape("b, h, w")
    channels = {"x": 3} | {latent.name: latent.channels for latent in layout.latents}
    side = layout.stride // layout.stride_of(network.reads)
    shape = batch, side * height, side * width, channels[network.reads]
    values = _values(layout, model)
    source, target = (
        _DECODED.get(signal, signal) if network.decodes else signal for signal in (network.reads, network.writes)
    )
    settings = tuple(Signal(each.name, (batch,), f"{each.low} to {each.high}") for each in layout.settings)
    arguments = [jax.ShapeDtypeStruct(each, jnp.float32) for each in (shape, *(each.shape for each in settings))]
    try:
        found = jax.eval_shape(function, *arguments)
    except Exception as error:  # whatever a network of one's own raises
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{network.name} of {weights.architecture} cannot be traced for an input of any size, "
            f"[{', '.join(map(str, shape))}]: {reason}"
        ) from error
    return Stage(
        network.name,
        function,
        Signal(source, shape, values[source]),
        Signal(target, found.shape, values[target]),
        settings,
        network.decodes,
        network.decides_bits,
    )


_DECODED = {"x": "x_hat", "y": "y_hat", "z": "z_hat"}
"""Names of signals on the decoder's side."""


def _values(layout: Layout, model: CompressionModel) -> dict[str, str]:
    """What each signal holds, for whoever has nothing but the files."""
    around_median = "rounded half to even around the medians: round({} - median) + median"
    found = {
        "x": "pictures, sRGB as in image files divided by 255, in [0, 1]",
        "x_hat": "pictures, near [0, 1] and not clamped",
        "y": "the latent",
        "y_hat": around_median.format("y"),
    }
    if layout.side is None:
        return found
    means = not layout.last.prior.in_one_pass or _has_means(model)
    found |= {
        "y_hat": "rounded half to even, round(y - mean) + mean" if means else "rounded half to even, round(y)",
        "z": "the hyper-latent",
        "z_hat": around_median.format("z"),
        "hyper": "for each latent its scale (M channels)" + (", then its mean (M channels)" if means else ""),
    }
    if not layout.last.prior.in_one_pass:
        found["hyper"] = "for each latent what the entropy parameters are computed from, beside the context"
    return found


def _has_means(model: CompressionModel) -> bool:
    hyper = jax.ShapeDtypeStruct((1, 1, 1, 2 * model.m), jnp.float32)
    parameters: Any = jax.eval_shape(lambda hyper: model.apply({}, hyper, method="gaussian_parameters"), hyper)
    return parameters[1] is not None
