"""The windows on which the networks of a model can be run."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxcompress.codec.tiled import WindowSizes
from jaxcompress.models import (
    Cheng2020Anchor,
    Cheng2020Attention,
    CompressionModel,
    FactorizedPrior,
    FactorizedPriorReLU,
    JointAutoregressive,
    MeanScaleHyperprior,
    ScaleHyperprior,
)

# Three for each of four networks are a dozen programs. In latents: 768 x 512 pixels, either way round, and a small one
# for what is left at the sides of larger pictures; where outputs see far a large one instead, as its halo would take
# most of a small one.
_PHOTOGRAPH = ((32, 48), (48, 32))
_SMALL, _LARGE = (16, 16), (64, 64)
_NEAR = 2

# In hyper-latents: the same photographs, and a chunk of 64 x 64 latents with its surroundings.
_HYPER_PHOTOGRAPH = ((8, 12), (12, 8))
_HYPER_CHUNK = 16


class ModelWindows(NamedTuple):
    """Windows of each network; None for one that has to be run on whole pictures."""

    analysis: WindowSizes | None = None
    hyper_analysis: WindowSizes | None = None
    hyper_synthesis: WindowSizes | None = None
    synthesis: WindowSizes | None = None


def windows_of(model: CompressionModel) -> ModelWindows:
    """The windows of a model's networks: none for those that a class of your own changes, as their reach is unknown."""
    if not _is_known(model, "setup"):
        return ModelWindows()
    halos = {stage: _halo(model, stage, maker) for stage, maker in _MAKERS.items()}
    return ModelWindows(**{stage: _sizes(stage, halo) for stage, halo in halos.items() if halo is not None})


def _sizes(stage: str, halo: int) -> WindowSizes:
    if "hyper" not in stage:
        return WindowSizes((*_PHOTOGRAPH, _SMALL if halo <= _NEAR else _LARGE), halo)
    chunk = _HYPER_CHUNK + 2 * halo
    return WindowSizes((*_HYPER_PHOTOGRAPH, (chunk, chunk)), halo)


def _halo(model: CompressionModel, stage: str, maker: str) -> int | None:
    """That of the network which a method of ours makes and a stage of ours runs."""
    known = _is_known(model, stage) and (stage != "hyper_synthesis" or _is_known(model, "gaussian_parameters"))
    return _HALOS.get(getattr(type(model), maker, None)) if known else None


def _is_known(model: CompressionModel, method: str) -> bool:
    """Whether the model has not overridden a method of our own models, or has none."""
    return getattr(type(model), method, None) in [getattr(kind, method, None) for kind in _KINDS]


_KINDS = (FactorizedPrior, ScaleHyperprior, MeanScaleHyperprior, JointAutoregressive)
_MAKERS = {
    "analysis": "make_g_a",
    "hyper_analysis": "make_h_a",
    "hyper_synthesis": "make_h_s",
    "synthesis": "make_g_s",
}

# How far a network's outputs see, in cells, rounded up. The first is 30 pixels, by four 5x5 layers of stride 2.
_HALOS: dict[Callable[..., Any] | None, int] = {
    FactorizedPrior.make_g_a: 2,
    FactorizedPrior.make_g_s: 2,
    FactorizedPriorReLU.make_g_a: 2,
    FactorizedPriorReLU.make_g_s: 2,
    ScaleHyperprior.make_g_a: 2,
    ScaleHyperprior.make_h_a: 2,
    ScaleHyperprior.make_h_s: 2,
    ScaleHyperprior.make_g_s: 2,
    MeanScaleHyperprior.make_h_a: 2,
    MeanScaleHyperprior.make_h_s: 2,
    Cheng2020Anchor.make_g_a: 4,
    Cheng2020Anchor.make_h_a: 2,
    Cheng2020Anchor.make_h_s: 4,
    Cheng2020Anchor.make_g_s: 7,
    Cheng2020Attention.make_g_a: 8,
    Cheng2020Attention.make_g_s: 11,
}
