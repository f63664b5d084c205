"""What networks cost: multiply-accumulates and parameters of each stage of a codec, without running any.

Counted are the products of convolutions and matrix products, as the jaxpr of a stage has them: what the code does, not
what a paper says. Conventions, which differ between papers:

- zeros of the padding count as any input; zeros put between inputs or taps (dilation) do not, so a transposed
  convolution costs `in * out * k**2` for each of its inputs, whichever way it is written;
- a masked convolution of an autoregressive model counts the taps in use, as the codec computes it, for each position;
- GDN is a product with its matrix; biases, activations, roots and likelihoods are not counted, nor is entropy coding;
- a picture is padded to the model's stride first, and the products are divided by its own pixels.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.extend
import jax.numpy as jnp

from jaxcompress.models import CompressionModel, Latent
from jaxcompress.priors import Raster
from jaxcompress.weights import Weights

Jaxpr = jax.extend.core.Jaxpr
ClosedJaxpr = jax.extend.core.ClosedJaxpr


@dataclasses.dataclass(frozen=True)
class Stage:
    """A network of a codec, or its factorized prior.

    Attributes:
        name: "g_a", "h_a", "h_s", "context", "entropy parameters", "g_s", "factorized prior", "unused".
        kmac_per_pixel: thousands of multiply-accumulates for each pixel of the picture.
        parameters: numbers it has; those that several stages share count in the first one.
        encoder: whether the encoder runs it.
        decoder: whether the decoder does.
    """

    name: str
    kmac_per_pixel: float
    parameters: int
    encoder: bool
    decoder: bool


def complexity(model: CompressionModel | Weights, *, height: int = 512, width: int = 768) -> list[Stage]:
    """Counts the stages of a codec, by their shapes alone.

    Args:
        model: any model, or weights of one of `jaxcompress.models`.
        height: rows of the picture; only what padding adds depends on the size.
        width: columns.

    Returns:
        The stages that the model has, in the order the codec runs them, then the factorized prior, whose tables are
        made beforehand. "unused" holds parameters that no stage reads, if there are any.

    Raises:
        ValueError: a stage loops an unknown number of times, or the picture has no pixels.
    """
    if isinstance(model, Weights):
        model = model.model()
    if min(height, width) < 1:
        raise ValueError(f"the picture is {height} x {width}; expected at least 1 x 1")
    counter = _Counter(model, pixels=height * width)
    layout = model.layout
    padded = (math.ceil(side / layout.stride) * layout.stride for side in (height, width))
    signals = {"x": _array(1, *padded, 3)}
    for network in layout.networks:
        if network.writes == "x" and layout.side:
            counter.add_prior(layout.last, signals[layout.last.name], signals["hyper"])
        where = {"encoder": network.writes != "x", "decoder": network.decodes}
        signals[network.writes] = counter.add(network.name, network.stage, signals[network.reads], **where)
    return counter.finish()


def totals(stages: list[Stage]) -> tuple[float, float, int]:
    """Thousands of multiply-accumulates per pixel of the encoder and of the decoder, and the number of parameters."""
    encoder = sum(stage.kmac_per_pixel for stage in stages if stage.encoder)
    decoder = sum(stage.kmac_per_pixel for stage in stages if stage.decoder)
    return encoder, decoder, sum(stage.parameters for stage in stages)


def count_macs(function: Callable, *args: Any) -> int:
    """Multiply-accumulates of a function, by the conventions of this module.

    Args:
        function: of arrays, that JAX can trace.
        args: arrays, or `jax.ShapeDtypeStruct`s and trees of such.

    Returns:
        Their number, of loops and of calls within it too; of branches that of the most costly.

    Raises:
        ValueError: it loops an unknown number of times.
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr)


@dataclasses.dataclass(frozen=True)
class _Trace:
    """What a function of a model's variables does: its products, the variables it reads, and its result's shape."""

    macs: int
    read: tuple[str, ...]
    result: Any


class _Counter:
    """Stages so far, and the parameters that none of them reads."""

    def __init__(self, model: CompressionModel, *, pixels: int):
        self.model, self._pixels, self._stages = model, pixels, list[Stage]()
        x = _array(1, model.stride, model.stride, 3)
        self._variables = jax.eval_shape(model.init, jax.random.key(0), x)
        leaves = jax.tree.leaves_with_path(self._variables)
        self._sizes = {jax.tree_util.keystr(path): math.prod(leaf.shape) for path, leaf in leaves}
        self._unread = dict(self._sizes)

    def add(self, name: str, method: Any, *args: Any, encoder: bool = False, decoder: bool = False) -> Any:
        """Counts a stage by the model's method; returns the shape of its result."""
        trace = self._trace(method, *args)
        self._append(Stage(name, self._kmac(trace.macs), self._take(trace.read), encoder, decoder))
        return trace.result

    def add_prior(self, latent: Latent, y: Any, hyper: Any) -> None:
        """Counts what the prior of a latent runs beside h_s."""
        if isinstance(latent.prior, Raster):
            self._add_context(latent.prior, y, hyper)
            return
        passes = len(tuple(latent.prior.passes(y.shape[1:])))
        for number in range(passes):

            def parameters(module: Any, hyper: Any, y_hat: Any, number: int = number) -> Any:
                return latent.prior.parameters(module, hyper, y_hat, number)

            name = "entropy parameters" if passes == 1 else f"pass {number + 1}"
            self.add(name, parameters, hyper, y, encoder=True, decoder=True)

    def _add_context(self, prior: Raster, y: Any, hyper: Any) -> None:
        """Counts what an autoregressive codec runs at each position, in two parts."""
        window, side = _array(prior.context_size, prior.context_size, y.shape[-1]), _array(hyper.shape[-1])
        context = self._trace(lambda module, window: module.context_prediction(window, at_center=True), window)
        both = self._trace("position_parameters", window, side)
        for name, macs, read in (
            ("context", context.macs, context.read),
            ("entropy parameters", both.macs - context.macs, both.read),
        ):
            kmac = self._kmac(macs * math.prod(y.shape[1:3]))
            self._append(Stage(name, kmac, self._take(read), encoder=True, decoder=True))

    def finish(self) -> list[Stage]:
        """All stages, with the parameters that are left."""
        names = [latent.prior.tables for latent in self.model.layout.latents]
        prior = [path for path in self._unread if any(f"['{name}']" in path for name in names)]
        self._append(Stage("factorized prior", 0.0, self._take(prior), encoder=True, decoder=True))
        self._append(Stage("unused", 0.0, self._take(list(self._unread)), encoder=False, decoder=False))
        return self._stages

    def _trace(self, method: Any, *args: Any) -> _Trace:
        def apply(variables, *args):
            return self.model.apply(variables, *args, method=method)

        closed, result = jax.make_jaxpr(apply, return_shape=True)(self._variables, *args)
        read = {id(variable) for variable in _variables_read(closed.jaxpr)}
        inputs = zip(self._sizes, closed.jaxpr.invars, strict=False)  # the arguments come after the variables
        return _Trace(_count(closed.jaxpr), tuple(path for path, var in inputs if id(var) in read), result)

    def _take(self, paths: Sequence[str]) -> int:
        """Numbers in parameters that no stage has taken before."""
        return sum(self._unread.pop(path, 0) for path in paths)

    def _kmac(self, macs: int) -> float:
        return macs / self._pixels / 1000

    def _append(self, stage: Stage) -> None:
        if stage.kmac_per_pixel or stage.parameters:
            self._stages.append(stage)


def _array(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _variables_read(jaxpr: Any) -> Iterator[Any]:
    """What the equations of a jaxpr read, and what it returns."""
    for equation in jaxpr.eqns:
        yield from equation.invars
    yield from jaxpr.outvars


def _count(jaxpr: Any) -> int:
    return sum(_count_equation(equation) for equation in jaxpr.eqns)


def _count_equation(equation: Any) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "conv_general_dilated":
        return _count_convolution(equation)
    if name == "dot_general":
        ((contracted, _), _) = params["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)
    inner = [_count(jaxpr) for jaxpr in _jaxprs(params)]
    if name == "cond":
        return max(inner)
    if name == "while" and sum(inner):
        raise ValueError("the function loops an unknown number of times; count what is inside of the loop instead")
    return sum(inner) * (params["length"] if name == "scan" else 1)


def _count_convolution(equation: Any) -> int:
    """Products of each output: taps and the input channels that meet it, without inputs that dilation puts in."""
    kernel = equation.invars[1].aval.shape
    numbers = equation.params["dimension_numbers"].rhs_spec  # output channels, input channels, then space
    each = math.prod(kernel[axis] for axis in numbers[1:])
    return math.prod(equation.outvars[0].aval.shape) * each // math.prod(equation.params["lhs_dilation"])


def _jaxprs(params: dict[str, Any]) -> Iterator[Any]:
    """Functions that a primitive calls: branches, bodies of loops, compiled or differentiated functions."""
    for value in params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item
