"""What several tests of the codec do."""

from collections.abc import Callable

import numpy as np
import pytest

from jaxcompress.codec import jxc, repair, stages


@pytest.fixture
def flip_scales() -> Callable[[pytest.MonkeyPatch, list[int]], None]:
    """A function after which the scales of some ranks by nearness fall on the other side of their thresholds."""
    indexes_and_means = stages.indexes_and_means

    def flip(patch: pytest.MonkeyPatch, ranks: list[int]) -> None:
        def flipped(model, scale_table, params, z_hat, size, settings):
            indexes, means = indexes_and_means(model, scale_table, params, z_hat, size, settings)
            indexes = np.array(indexes)
            inside = np.s_[:, : 4 * size[0], : 4 * size[1]]
            scales, found = np.asarray(stages.scales(model, params, z_hat, size)[0])[inside], indexes[inside].copy()
            positions, alternatives, _ = repair.find_doubts(scales, found, scale_table)
            found.flat[positions[ranks]] = alternatives[ranks]
            indexes[inside] = found
            return indexes, means

        patch.setattr(stages, "indexes_and_means", flipped)

    return flip


@pytest.fixture
def small_chunks(monkeypatch) -> Callable[[int], None]:
    """A function after which files are written, and read, in chunks of so few latents each way."""

    def cut(side: int) -> None:
        monkeypatch.setattr(jxc, "_CHUNK", side)
        monkeypatch.setattr(jxc, "MIN_CHUNK", 1)

    return cut
