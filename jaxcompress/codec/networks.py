"""The networks of a codec, on each device that it is used on."""

import threading
from typing import Any, NamedTuple

import jax

from jaxcompress.codec.container import EntropyMode
from jaxcompress.codec.devices import chosen_device
from jaxcompress.codec.latents import LatentCoder
from jaxcompress.codec.model_windows import windows_of
from jaxcompress.codec.transforms import Transforms
from jaxcompress.models import CompressionModel
from jaxcompress.weights import Weights


class Networks(NamedTuple):
    """Those of one device.

    Attributes:
        transforms: between pictures and latents.
        coders: between latents and strings, one for each way to compute scales and means: a file says which it needs.
    """

    transforms: Transforms
    coders: dict[EntropyMode, LatentCoder]


class NetworksByDevice:
    """Makes a codec's networks for each device when it is first used.

    Args:
        weights: trained weights.
        model: the module they belong to.
        progress: show bars on standard error.
    """

    def __init__(self, weights: Weights, model: CompressionModel, *, progress: bool):
        self._weights = weights
        self._model = model
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
        params = jax.device_put(dict(self._weights.params))
        windows = windows_of(self._model)
        modes = [EntropyMode.FLOAT] if self._weights.integer is None else [EntropyMode.FLOAT, EntropyMode.INTEGER]
        coders = {
            mode: LatentCoder(
                self._weights, self._model, params, windows.hyper_synthesis, mode, progress=self._progress
            )
            for mode in modes
        }
        return Networks(Transforms(self._model, params, windows, progress=self._progress), coders)
