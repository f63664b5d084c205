"""The networks of a codec, on each device that it is used on."""

import threading
from typing import Any, NamedTuple

from jaxcompress.codec.coded_string import EntropyMode
from jaxcompress.codec.devices import chosen_device
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.transforms import Transforms
from jaxcompress.codec.variables import Variables
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights


class Networks(NamedTuple):
    """Those of one device.

    Attributes:
        transforms: between pictures and latents.
        plain_transforms: likewise, for CompressAI's files.
        coders: between latents and strings, one for each way to compute scales and means: a file says which it needs.
    """

    transforms: Transforms
    plain_transforms: Transforms
    coders: dict[EntropyMode, LatentCoder]


class NetworksByDevice:
    """Makes a codec's networks for each device when it is first used.

    Args:
        weights: trained weights.
        model: the module they belong to.
        winograd: see `Variables`.
        progress: show bars on standard error.
    """

    def __init__(self, weights: Weights, model: CompressionModel, *, winograd: bool | None, progress: bool):
        self._weights = weights
        self._model = model
        self._winograd = winograd
        self._progress = progress
        self._made: dict[Any, Networks] = {}
        self._lock = threading.Lock()
        self.here()  # so that what is wrong with them is told now

    def here(self) -> Networks:
        """Those of JAX's default device, which may be this thread's own (`jax.default_device`)."""
        device = chosen_device()
        with self._lock:
            if device not in self._made:
                self._made[device] = self._make()
            return self._made[device]

    def _make(self) -> Networks:
        variables = Variables(self._model, self._weights.params, winograd=self._winograd)
        windows = windows_of(self._model)
        modes = [EntropyMode.FLOAT] if self._weights.integer is None else [EntropyMode.FLOAT, EntropyMode.INTEGER]
        coders = {
            mode: LatentCoder(self._weights, self._model, variables.plain, windows, mode, progress=self._progress)
            for mode in modes
        }
        transforms, plain_transforms = (
            Transforms(self._model, variables, windows, native=native, progress=self._progress)
            for native in (True, False)
        )
        return Networks(transforms, plain_transforms, coders)
