"""The windows on which the networks of a model can be run."""

import logging

from jaxcompress.codec.tiled import WindowSizes
from jaxcompress.models import CompressionModel, Layout

# Three for each of four networks are a dozen programs. In latents: 768 x 512 pixels, either way round, and a small one
# for what is left at the sides of larger pictures; where outputs see far a large one instead, as its halo would take
# most of a small one.
_PHOTOGRAPH = ((32, 48), (48, 32))
_SMALL, _LARGE = (16, 16), (64, 64)
_NEAR = 2

# In hyper-latents: the same photographs, and a chunk of 64 x 64 latents with its surroundings.
_HYPER_PHOTOGRAPH = ((8, 12), (12, 8))
_HYPER_CHUNK = 16

_logger = logging.getLogger("jaxcompress")


def windows_of(model: CompressionModel) -> dict[str, WindowSizes | None]:
    """The windows of a model's networks, by stage; None for one that does not say how far it sees.

    Such a network runs on whole pictures, which a line of the log says.

    Args:
        model: the module.
    """
    layout = model.layout
    windows = {
        network.stage: _sizes(layout, network.reads, network.writes, network.reach) for network in layout.networks
    }
    if unknown := [network.name for network in layout.networks if network.reach is None]:
        _logger.info(
            "%s of %s run on whole pictures, as nothing says how far they see: see jaxcompress.models.sees",
            ", ".join(unknown),
            type(model).__name__,
        )
    return windows


def windows_of_passes(model: CompressionModel) -> WindowSizes | None:
    """The windows of what a prior in several passes computes: a chunk of 64 x 64 latents is one of them.

    Args:
        model: the module.
    """
    reach = model.layout.last.prior.reach
    return None if reach is None else WindowSizes((*_PHOTOGRAPH, _LARGE), reach)


def _sizes(layout: Layout, reads: str, writes: str, reach: int | None) -> WindowSizes | None:
    if reach is None:
        return None
    if max(layout.stride_of(reads), layout.stride_of(writes)) == layout.last.stride:
        return WindowSizes((*_PHOTOGRAPH, _SMALL if reach <= _NEAR else _LARGE), reach)
    chunk = _HYPER_CHUNK + 2 * reach
    return WindowSizes((*_HYPER_PHOTOGRAPH, (chunk, chunk)), reach)
