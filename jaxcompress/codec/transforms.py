"""Pictures to latents and back, window by window."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxcompress.codec import stages
from jaxcompress.codec.model_windows import ModelWindows
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.tiled import Signal, TiledNetwork
from jaxcompress.codec.variables import Tree, Variables
from jaxcompress.codec.windows import Area, Size
from jaxcompress.models import CompressionModel

_LATENT = 16
"""Pixels in a latent, each way."""


class Transforms:
    """Runs g_a, h_a and g_s on single pictures.

    Args:
        model: the module.
        variables: of its stages.
        windows: that its networks run on.
        native: compute g_a and g_s in whatever form is fastest, else summed as CompressAI does: its files show the
            difference.
        progress: show bars on standard error.
    """

    def __init__(
        self, model: CompressionModel, variables: Variables, windows: ModelWindows, *, native: bool, progress: bool
    ):
        def run(stage: Any, choose: Callable[[], Tree]) -> Any:
            return lambda x, size: np.asarray(stage(model, choose(), x[None], size))[0]

        def plain() -> Tree:
            return variables.plain

        of_analysis = run(stages.analysis, (lambda: variables.analysis) if native else plain)
        of_synthesis = run(stages.synthesis, (lambda: variables.synthesis) if native else plain)
        self._analysis = TiledNetwork(of_analysis, windows.analysis, inputs=_LATENT)
        self._hyper_analysis = TiledNetwork(run(stages.hyper_analysis, plain), windows.hyper_analysis, inputs=4)
        self._synthesis = TiledNetwork(of_synthesis, windows.synthesis, outputs=_LATENT)
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
