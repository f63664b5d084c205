"""Pictures to latents and back, window by window."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxcompress.codec import stages
from jaxcompress.codec.progress import progress_bar
from jaxcompress.codec.tiled import Settings, Signal, TiledNetwork, WindowSizes
from jaxcompress.codec.variables import Tree, Variables
from jaxcompress.codec.windows import Area, Size
from jaxcompress.models import CompressionModel


class Transforms:
    """Runs g_a, h_a and g_s on single pictures.

    Args:
        model: the module.
        variables: of its stages.
        windows: that its networks run on, by stage.
        native: compute g_a and g_s in whatever form is fastest, else summed as CompressAI does: its files show the
            difference.
        progress: show bars on standard error.
    """

    def __init__(
        self,
        model: CompressionModel,
        variables: Variables,
        windows: Mapping[str, WindowSizes | None],
        *,
        native: bool,
        progress: bool,
    ):
        def tiled(stage: str, run: Any, choose: Callable[[], Tree]) -> TiledNetwork:
            def network(x: np.ndarray, size: np.ndarray | None, settings: Settings) -> np.ndarray:
                return np.asarray(run(model, choose(), x[None], size, settings))[0]

            inputs, outputs = self._layout.samples(self._layout.network(stage))
            return TiledNetwork(network, windows[stage], inputs=inputs, outputs=outputs)

        def plain() -> Tree:
            return variables.plain

        self._layout = model.layout
        self._analysis = tiled("analysis", stages.analysis, (lambda: variables.analysis) if native else plain)
        self._synthesis = tiled("synthesis", stages.synthesis, (lambda: variables.synthesis) if native else plain)
        self._hyper_analysis = tiled("hyper_analysis", stages.hyper_analysis, plain) if self._layout.side else None
        self._progress = progress

    def analyse(self, picture: Signal, numbers: dict[str, int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Latents y `[h, w, M]` and z (None if there is none) of a padded picture, float32 `[H, W, 3]`.

        Args:
            picture: padded to the model's stride.
            numbers: of the model's settings.
        """
        settings, last = self._layout.values(numbers), self._layout.last
        shape = picture.shape[0] // last.stride, picture.shape[1] // last.stride
        y = np.empty((*shape, last.channels), np.float32)
        with progress_bar("analysis", self._analysis.count(shape), show=self._progress) as bar:
            for area, part in self._analysis.parts(picture, settings=settings):
                y[area] = part
                bar.update()
        return y, self._hyper_analysis(y, settings=settings) if self._hyper_analysis else None

    def synthesise(
        self, y_hat: Signal, numbers: dict[str, int], area: Area | None = None
    ) -> Iterator[tuple[Area, np.ndarray]]:
        """Parts of the padded picture in [0, 1] that `[h, w, M]` decodes to.

        Args:
            y_hat: all of it, or at least `latents_needed`.
            numbers: of the model's settings.
            area: of latents, to get the parts alone that overlap with it.

        Yields:
            Areas of pixels, which do not overlap, and x_hat there.
        """
        shape = y_hat.shape[0], y_hat.shape[1]
        with progress_bar("synthesis", self._synthesis.count(shape, area), show=self._progress) as bar:
            for part in self._synthesis.parts(y_hat, area, settings=self._layout.values(numbers)):
                yield part
                bar.update()

    def latents_needed(self, shape: Size, area: Area) -> Area:
        """The latents, of `shape`, that the parts overlapping with `area` are computed from."""
        return self._synthesis.needed(shape, area)
