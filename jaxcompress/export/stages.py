"""What can be exported: the stages of a model and the passes of its prior, functions of arrays of any size."""

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
    """What goes into a stage or comes out of it, float32.

    Attributes:
        name: x, y, z, y_hat, z_hat, hyper, scales, means, x_hat, or the name of a setting.
        shape: integers, and symbolic sizes in `b`, `h` and `w`, see `Stage`; NHWC, except for a setting, which has one
            value for each picture.
        values: what the numbers are.
    """

    name: str
    shape: tuple[Any, ...]
    values: str


@dataclasses.dataclass(frozen=True)
class Stage:
    """One network with its weights, or one pass of the prior.

    Sizes are counted so that every stage of a model agrees on them: `b` pictures, each `h` by `w` times the stride of
    the model.

    Attributes:
        name: the paper's, such as "g_a"; "pass_0" is the first pass of the prior of y.
        function: from the inputs, in order, to the output, or to a tuple of several.
        inputs: signals that it takes; the model's settings are the last.
        outputs: signals that it gives.
        decodes: whether a decoder runs it.
        decides_bits: whether tables or means depend on it.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    decodes: bool
    decides_bits: bool

    @property
    def arguments(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes of the inputs, for functions of JAX that trace."""
        return [jax.ShapeDtypeStruct(signal.shape, jnp.float32) for signal in self.inputs]


def stages_of(weights: Weights, *, names: Sequence[str] | None = None) -> list[Stage]:
    """Lists the stages of a model.

    Args:
        weights: weights of the model.
        names: names of the stages wanted, such as "g_a"; all that the model has if not given.

    Returns:
        The stages, in the order in which a picture passes them. The passes of a prior are among them if there are
        several, and as many for every size.

    Raises:
        ValueError: the model has no such stage, or one that cannot be traced without knowing the size of its input.
    """
    # A codec computes in float32 whatever the model was trained in.
    model = weights.model().clone(compute_dtype=jnp.float32)
    layout = model.layout
    networks = {network.name: network for network in layout.networks}
    first = [name for name, network in networks.items() if network.writes != "x"]
    passes = {f"pass_{number}": number for number in range(_number_of_passes(layout))}
    present = [*first, *passes, *(name for name in networks if name not in first)]
    if unknown := sorted(set(names or ()) - set(present)):
        raise ValueError(f"{weights.architecture} has no stage {', '.join(unknown)}; it has {', '.join(present)}")
    make = _StageMaker(weights, model)
    return [
        make.network(networks[name]) if name in networks else make.pass_of_prior(name, passes[name])
        for name in present
        if names is None or name in names
    ]


def _number_of_passes(layout: Layout) -> int:
    """The number of passes of the last prior; 0 if it has one alone, or as many as the size of the latent says."""
    prior, channels = layout.last.prior, layout.last.channels
    if layout.side is None or prior.in_one_pass:
        return 0
    counts = {len(list(prior.passes((*size, channels)))) for size in ((2, 3), (5, 4))}
    return counts.pop() if len(counts) == 1 else 0


class _StageMaker:
    """Makes stages of one model.

    Args:
        weights: weights of the model.
        model: the module, in float32.
    """

    def __init__(self, weights: Weights, model: CompressionModel):
        self._weights = weights
        self._model = model
        self._layout = layout = model.layout
        self._batch, self._height, self._width = symbolic_shape("b, h, w")
        self._values = _values(layout, model)
        self._settings = tuple(
            Signal(each.name, (self._batch,), f"{each.low} to {each.high}") for each in layout.settings
        )

    def network(self, network: Network) -> Stage:
        """Makes the stage of a network."""

        def function(x: jax.Array, *settings: jax.Array) -> jax.Array:
            return self._apply(network.stage, x, settings=settings)

        channels = {"x": 3} | {latent.name: latent.channels for latent in self._layout.latents}
        source, target = (
            _DECODED.get(signal, signal) if network.decodes else signal for signal in (network.reads, network.writes)
        )
        inputs = (self._signal(source, network.reads, channels[network.reads]),)
        return self._stage(
            network.name, function, inputs, [target], decodes=network.decodes, decides_bits=network.decides_bits
        )

    def pass_of_prior(self, name: str, number: int) -> Stage:
        """Makes the stage that gives scales and means of one pass of the last latent's prior."""

        def function(hyper: jax.Array, y_hat: jax.Array, *settings: jax.Array) -> Any:
            def parameters(module: Any, **named: jax.Array) -> Any:
                return module.layout.last.prior.parameters(module, hyper, y_hat, number, **named)

            scales, means = self._apply(parameters, settings=settings)
            return scales if means is None else (scales, means)

        (h_s,) = (network for network in self._layout.networks if network.writes == "hyper")
        hyper = self.network(h_s).outputs[0]
        known = self._signal("y_hat", "y", self._layout.last.channels, values=_KNOWN)
        return self._stage(name, function, (hyper, known), ["scales", "means"], decodes=True, decides_bits=True)

    def _apply(self, method: Any, *arguments: jax.Array, settings: tuple[jax.Array, ...]) -> Any:
        named = {signal.name: setting for signal, setting in zip(self._settings, settings, strict=True)}
        apply: Any = self._model.apply
        return apply(self._weights.variables, *arguments, method=method, **named)

    def _signal(self, name: str, of: str, channels: int, *, values: str | None = None) -> Signal:
        """A signal as large as that named `of`."""
        side = self._layout.stride // self._layout.stride_of(of)
        shape = self._batch, side * self._height, side * self._width, channels
        return Signal(name, shape, values or self._values[name])

    def _stage(
        self, name: str, function: Callable[..., Any], inputs: tuple[Signal, ...], outputs: list[str], **facts: Any
    ) -> Stage:
        inputs = (*inputs, *self._settings)
        try:
            found = jax.eval_shape(function, *(jax.ShapeDtypeStruct(each.shape, jnp.float32) for each in inputs))
        except Exception as error:  # whatever a network of one's own raises
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"{name} of {self._weights.architecture} cannot be traced for an input of any size, "
                f"[{', '.join(map(str, inputs[0].shape))}]: {reason}"
            ) from error
        shapes = [array.shape for array in jax.tree.leaves(found)]
        named = zip(outputs, shapes, strict=False)  # a prior may give scales alone
        signals = (Signal(output, shape, self._values[output]) for output, shape in named)
        return Stage(name, function, inputs, tuple(signals), **facts)


_DECODED = {"x": "x_hat", "y": "y_hat", "z": "z_hat"}
"""Names of signals on the decoder's side."""

_KNOWN = "the latents that earlier passes have decoded, and zero elsewhere"


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
        "scales": "scales of the latents of this pass; those elsewhere are of no use",
        "means": "means of the latents of this pass; those elsewhere are of no use",
    }
    if not layout.last.prior.in_one_pass:
        found["hyper"] = "for each latent what the entropy parameters are computed from, beside the context"
    return found


def _has_means(model: CompressionModel) -> bool:
    hyper = jax.ShapeDtypeStruct((1, 1, 1, 2 * model.m), jnp.float32)
    parameters: Any = jax.eval_shape(lambda hyper: model.apply({}, hyper, method="gaussian_parameters"), hyper)
    return parameters[1] is not None
