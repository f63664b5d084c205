"""The ways in which one machine can compute the same streams, each to be held against what is expected."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxcompress import coder
from jaxcompress.codec.codec import Codec
from jaxcompress.codec.coded_string import CodedString, EntropyMode, SymbolOrder
from jaxcompress.codec.context import integer_context_model
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.windows import tiles
from jaxcompress.entropy import CodingTables
from jaxcompress.integer import FORMS, IntegerEvaluator, Parameters
from jaxcompress.priors import Raster
from jaxcompress.verification import synthetic_latents

ROUND_TRIP = "round trip"
"""The way that compares decoding with what the encoder knows."""


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """Latents to code.

    Attributes:
        y: float32 `[h, w, M]`.
        z: symbols `[h', w', N]`, or None without a hyperprior.
        chunk: height and width of the chunks of y.
        strings: of the file that the latents come from, if they do.
        order: of these.
        numbers: of the model's settings.
        drawn: whether integers alone drew them, so that they are the same on every machine.
    """

    y: np.ndarray
    z: np.ndarray | None
    chunk: tuple[int, int]
    strings: Sequence[CodedString] = ()
    order: SymbolOrder = SymbolOrder.RASTER
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    drawn: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Expected:
    """What every way should make of a subject: what the fastest does.

    Attributes:
        hyper: what integer networks make of z, see `IntegerEvaluator.hyper_synthesis`; None without a hyperprior.
        strings: native ones, and those in CompressAI's format and order.
        y_hat: what they decode to.
        parameters: of y_hat where the prior has several passes, else None.
    """

    hyper: Any
    strings: dict[bool, list[CodedString]]
    y_hat: np.ndarray
    parameters: Parameters | None


Way = Callable[[Subject, Expected], str]
"""What differs, or nothing."""


class Variants:
    """All ways of this machine for one codec's weights.

    Args:
        codec: whose weights, which have integer networks if they have a hyperprior.
        threads: counts of threads to code with.

    Raises:
        ValueError: the integer networks are missing.
    """

    def __init__(self, codec: Codec, threads: Sequence[int]):
        weights, model = codec.weights, codec.model
        self._layout = model.layout
        self.networks = weights.require_integer() if self._layout.decides_by_networks else None
        self.mode = EntropyMode.INTEGER if self.networks else EntropyMode.FLOAT  # without a hyperprior no float decides
        self._threads = threads
        self._in_kernel = isinstance(self._layout.last.prior, Raster)
        self._in_one_pass = self._layout.last.prior.in_one_pass
        sets = coder.instruction_sets("matrix_i8" if self._in_kernel else "lanes")
        variables = {"params": jax.device_put(dict(weights.params))}
        windows = windows_of(model)
        self._coders = {
            isa: LatentCoder(weights, model, variables, windows, self.mode, progress=False, isa=isa) for isa in sets
        }
        self._evaluators: dict[str, IntegerEvaluator] = {}
        self._kernels: dict[str, coder.IntegerContextModel] = {}
        if self.networks:
            self._evaluator = IntegerEvaluator(self.networks)
            self._evaluators = {
                f"JAX {form} on {name}": IntegerEvaluator(self.networks, form=form, device=device)
                for name, device in _devices().items()
                for form in FORMS
                if form != "float32" or device.platform == "cpu"  # whose convolutions elsewhere may be transforms
            }
            if self._in_kernel:
                self._kernels = {isa: integer_context_model(self.networks, isa=isa) for isa in sets}
        self.all = dict(self._list())

    @property
    def latents(self) -> LatentCoder:
        """Whose results are expected: the fastest."""
        return next(iter(self._coders.values()))

    @property
    def kernel(self) -> coder.IntegerContextModel | None:
        """The fastest kernel of an autoregressive model, whose results are expected; else None."""
        return next(iter(self._kernels.values()), None)

    def hyper(self, z: np.ndarray | None, numbers: Mapping[str, Any]) -> Any:
        """Side information that is expected of z."""
        return None if z is None else self._evaluator.hyper_synthesis(z, **numbers)

    def draw(self, tables: CodingTables, z: np.ndarray, numbers: Mapping[str, Any], seed: bytes) -> np.ndarray:
        """Latents `[h, w, M]` drawn from the model given z, see `synthetic_latents`."""
        hyper, prior, channels = self.hyper(z, numbers), self._layout.last.prior, self._layout.last.channels
        if self.kernel:
            return synthetic_latents.draw_autoregressive(tables, self.kernel, hyper, channels, seed)
        if self._in_one_pass:
            return synthetic_latents.draw_y(tables, hyper, seed)
        parameters = functools.partial(self._evaluator.parameters, hyper, **numbers)
        return synthetic_latents.draw_in_passes(tables, prior, parameters, (*hyper.shape[:2], channels), seed)

    def expect(self, subject: Subject) -> Expected:
        """What all ways should find.

        Raises:
            BitstreamError: the strings do not decode even here.
        """
        hyper = self.hyper(subject.z, subject.numbers)
        strings = {native: self._encode(self.latents, subject, native=native, threads=1) for native in (True, False)}
        y_hat = self._decode(self.latents, strings[True], subject, self.latents.native_order, threads=1)
        parameters = None
        if self.kernel:
            parameters = _by_chunk(self.kernel.predict, subject, y_hat, hyper)
        elif self.networks and not self._in_one_pass:
            parameters = _by_chunk(self._pass_by_pass(self._evaluator, subject), subject, y_hat, hyper)
        return Expected(hyper, strings, y_hat, parameters)

    def _pass_by_pass(self, evaluator: IntegerEvaluator, subject: Subject) -> Callable[..., Parameters]:
        """What gives the parameters of a whole chunk by those of its passes."""
        prior = self._layout.last.prior

        def predict(y_hat: np.ndarray, side: np.ndarray) -> Parameters:
            found = Parameters(np.zeros(y_hat.shape, np.uint8), np.zeros(y_hat.shape, np.int32))
            before = np.zeros_like(y_hat)
            for number, selection in enumerate(prior.passes(y_hat.shape)):
                indexes, means = evaluator.parameters(side, before, number, **subject.numbers)
                found.indexes[selection] = indexes[selection]
                found.means[selection] = 0 if means is None else means[selection]
                before[selection] = y_hat[selection]
            return found

        return predict

    def _list(self) -> Iterator[tuple[str, Way]]:
        yield ROUND_TRIP, self._round_trip
        for name, evaluator in self._evaluators.items():
            yield f"hyper-synthesis, {name}", functools.partial(_hyper_synthesis, evaluator)
        for name, evaluator in self._evaluators.items():
            if self._in_kernel:
                yield f"context, {name}", functools.partial(_context, [evaluator.context_parameters])
            elif not self._in_one_pass:
                yield f"passes, {name}", functools.partial(self._passes, evaluator)
        for name, kernel in self._kernels.items():
            predictions = [functools.partial(kernel.predict, threads=threads) for threads in self._threads]
            yield f"context, {name}", functools.partial(_context, predictions)
        formats = (
            {True: "wavefront", False: "raster"}
            if self._in_kernel
            else {True: "lanes" if self._in_one_pass else "passes"}
        )
        for isa, latents in self._coders.items():
            for threads in self._threads:
                for native, name in formats.items():
                    way = functools.partial(self._coding, latents, native=native, threads=threads)
                    yield f"coding, {isa}, {threads} thread{'s' * (threads > 1)}, {name}", way
        if not self._in_kernel:
            yield "coding, rANS", functools.partial(self._coding, self.latents, native=False, threads=1)

    def _encode(self, latents: LatentCoder, subject: Subject, **how: Any) -> list[CodedString]:
        z = None if subject.z is None else (subject.z + latents.medians).astype(np.float32)
        return latents.encode(subject.y, z, subject.chunk, numbers=subject.numbers, **how)

    def _decode(
        self,
        latents: LatentCoder,
        strings: Sequence[CodedString],
        subject: Subject,
        order: SymbolOrder,
        *,
        threads: int,
    ) -> np.ndarray:
        shape = subject.y.shape[0], subject.y.shape[1]
        how: Any = {"order": order, "threads": threads, "numbers": subject.numbers}
        return latents.decode(strings, shape, subject.chunk, **how)

    def _round_trip(self, subject: Subject, expected: Expected) -> str:
        """Whether y_hat is what the encoder rounded y to, and z what it was."""
        means: Any = self.latents.medians
        if subject.z is not None:
            found = expected.parameters or expected.hyper
            means = np.float32(0) if found.means is None else found.means.astype(np.float32) / np.float32(64)
            shape = subject.y.shape[0], subject.y.shape[1]
            z = self.latents.decode_z(expected.strings[True][0], shape, threads=1)
            if not np.array_equal(z, subject.z):
                return "z"
        return "" if np.array_equal(np.rint(subject.y - means) + means, expected.y_hat) else "latents"

    def _passes(self, evaluator: IntegerEvaluator, subject: Subject, expected: Expected) -> str:
        return _context([self._pass_by_pass(evaluator, subject)], subject, expected)

    def _coding(self, latents: LatentCoder, subject: Subject, expected: Expected, *, native: bool, threads: int) -> str:
        strings = self._encode(latents, subject, native=native, threads=threads)
        if strings != expected.strings[native]:
            return "streams"
        order = latents.native_order if native else SymbolOrder.RASTER
        if not np.array_equal(self._decode(latents, strings, subject, order, threads=threads), expected.y_hat):
            return "latents"
        if not subject.strings or subject.order != order:
            return ""
        of_file = self._decode(latents, subject.strings, subject, order, threads=threads)
        return "" if np.array_equal(of_file, expected.y_hat) else "latents of the file"


def _hyper_synthesis(evaluator: IntegerEvaluator, subject: Subject, expected: Expected) -> str:
    assert subject.z is not None
    return _difference(evaluator.hyper_synthesis(subject.z, **subject.numbers), expected.hyper)


def _context(predictions: Sequence[Callable[..., Any]], subject: Subject, expected: Expected) -> str:
    found = (_by_chunk(predict, subject, expected.y_hat, expected.hyper) for predict in predictions)
    return next(filter(None, (_difference(each, expected.parameters) for each in found)), "")


def _by_chunk(predict: Callable[..., Any], subject: Subject, y_hat: np.ndarray, side: np.ndarray) -> Parameters:
    """The parameters of y_hat, whose chunks do not see each other."""
    found = Parameters(np.empty(y_hat.shape, np.uint8), np.empty(y_hat.shape, np.int32))
    for area in tiles(y_hat.shape, subject.chunk):
        found.indexes[area], found.means[area] = predict(y_hat[area], side[area])
    return found


def _difference(found: Any, expected: Any) -> str:
    """Which parts of what networks made differ."""
    if not isinstance(expected, Parameters):
        return "" if np.array_equal(found, expected) else "side information"
    parts = zip(Parameters._fields, found, expected, strict=True)
    return " and ".join(name for name, a, b in parts if not np.array_equal(a, b))


def _devices() -> dict[str, jax.Device]:
    """One device of each kind, JAX's own first."""
    devices = jax.local_devices()
    with contextlib.suppress(RuntimeError):  # where JAX was told to do without
        devices = [*devices, *jax.local_devices(backend="cpu")]
    found: dict[str, jax.Device] = {}
    for device in devices:
        found.setdefault(device.device_kind, device)
    return found
