"""Pictures to latents and back, window by window."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxcompress.codec import stages
from jaxcompress.codec.model_windows import ModelWindows
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.tiled import Signal, TiledNetwork
from jaxcompress.codec.windows import Area, Size
from jaxcompress.models import CompressionModel

_LATENT = 16
"""Pixels in a latent, each way."""


class Transforms:
    """Runs g_a, h_a and g_s on single pictures.

    Args:
        model: the module.
        params: its parameters, on the device.
        windows: that its networks run on.
        progress: show bars on standard error.
    """

    def __init__(self, model: CompressionModel, params: Mapping[str, Any], windows: ModelWindows, *, progress: bool):
        def run(stage: Any) -> Any:
            return lambda x, size: np.asarray(stage(model, params, x[None], size))[0]

        self._analysis = TiledNetwork(run(stages.analysis), windows.analysis, inputs=_LATENT)
        self._hyper_analysis = TiledNetwork(run(stages.hyper_analysis), windows.hyper_analysis, inputs=4)
        self._synthesis = TiledNetwork(run(stages.synthesis), windows.synthesis, outputs=_LATENT)
        self._model = model
        self._progress = progress

    def analyse(self, picture: Signal) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents y `[h, w, M]` and z (None if there is none) of a padded picture, float32 `[H, W, 3]`."""
        shape = picture.shape[0] // _LATENT, picture.shape[1] // _LATENT
        y = np.empty((*shape, self._model.m), np.float32)
        with progress_bar("analysis", self._analysis.count(shape), show=self._progress) as bar:
            for area, part in self._analysis.parts(picture):
                y[area] = part
                bar.update()
        return y, self._hyper_analysis(y) if self._model.has_hyperprior else None

    def synthesise(self, y_hat: Signal, area: Area | None = None) -> Iterator[tuple[Area, np.ndarray]]:
        """Parts of the padded picture in [0, 1] that `[h, w, M]` decodes to.

        Args:
            y_hat: all of it, or at least `latents_needed`.
            area: of latents, to get the parts alone that overlap with it.

        Yields:
            Areas of pixels, which do not overlap, and x_hat there.
        """
        shape = y_hat.shape[0], y_hat.shape[1]
        with progress_bar("synthesis", self._synthesis.count(shape, area), show=self._progress) as bar:
            for part in self._synthesis.parts(y_hat, area):
                yield part
                bar.update()

    def latents_needed(self, shape: Size, area: Area) -> Area:
        """The latents, of `shape`, that the parts overlapping with `area` are computed from."""
        return self._synthesis.needed(shape, area)
