"""Priors of one's own: every symbol stands in just one pass."""

import dataclasses

import numpy as np
import pytest

from jaxcompress import Codec, zoo
from jaxcompress.models import MeanScaleHyperprior, Setting, create
from jaxcompress.models.light import Light
from jaxcompress.priors import Checkerboard, Hyperprior, Phases, Prior, check_passes, checked_passes


@dataclasses.dataclass(frozen=True)
class Own(Phases):
    """Phases with something wrong."""

    fault: str = ""

    def passes(self, shape):
        first, *others = super().passes(shape)
        if self.fault == "overlap":
            return first | others[0], *others
        if self.fault == "gap":
            return first & (np.arange(shape[2]) < shape[2] - 1), *others
        if self.fault == "type":
            return first.astype(np.uint8), *others
        if self.fault == "shape":
            return first[..., :1], *others
        return first, *others


class OwnModel(Light):
    """Light with such a prior."""

    fault: str = ""

    def make_prior(self):
        return Own(fault=self.fault)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("overlap", r"the passes of Own code the symbol at row 0, column 0, channel 64 of a latent .* 2 times"),
        (
            "gap",
            r"the passes of Own code the symbol at row .*, channel 255 of a latent .* 0 times; expected every symbol",
        ),
        ("type", r"Own selects symbols by ndarray uint8 \(1, 1, 256\); expected .* mask of bool \(1, 1, 256\)"),
        ("shape", r"Own selects symbols by ndarray bool \(1, 1, 1\); expected .* mask of bool \(1, 1, 256\)"),
    ],
)
def test_passes_that_overlap_or_leave_a_symbol_out_are_refused(fault, message):
    weights = zoo.load("light")
    model = OwnModel(n=weights.n, m=weights.m, fault=fault)
    with pytest.raises(ValueError, match=message):
        _ = model.layout
    with pytest.raises(ValueError, match=message):
        Codec(dataclasses.replace(weights, module=model, integer=None))


def test_a_prior_without_fault_makes_a_layout():
    model = OwnModel(n=96, m=256)
    assert len(model.layout.last.prior.passes((4, 4, 256))) == 4
    assert model.layout.networks == create("light", n=96, m=256).layout.networks


class SeesNeighbours(Prior):
    """A prior in one pass whose body states its reach."""

    reach = 3
    tables = "mine"


def test_the_body_of_a_prior_states_its_fields():
    assert (SeesNeighbours().reach, SeesNeighbours().tables) == (3, "mine")
    assert SeesNeighbours(reach=1).reach == 1
    assert (Checkerboard().reach, Hyperprior().reach) == (None, 0)


class LargeGap(Prior):
    """All is well in small latents."""

    def passes(self, shape):
        mask = np.ones(shape, bool)
        mask[7:] = shape[0] <= 5
        return (mask,)


def test_a_symbol_that_only_a_large_latent_leaves_out_is_noticed():
    check_passes(LargeGap(), 4)
    with pytest.raises(ValueError, match=r"row 7, column 0, channel 0 of a latent \(9, 9, 4\) 0 times"):
        checked_passes(LargeGap(), (9, 9, 4))


class Listed(Prior):
    """Selections of other kinds."""

    def passes(self, shape):
        return [[True]]


def test_selections_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match=r"Listed selects symbols by list .*; expected \.\.\., a NumPy mask of bool"):
        checked_passes(Listed(), (2, 2, 2))


class OnePass(MeanScaleHyperprior):
    """A model whose prior sees the neighbours of a position."""

    def make_prior(self):
        return SeesNeighbours("gaussian_conditional")


class OfUnknownReach(MeanScaleHyperprior):
    """A model whose prior does not say how far it sees."""

    def make_prior(self):
        return Prior()


def test_the_reach_of_a_prior_in_one_pass_is_that_of_its_windows():
    reaches = [
        model(n=4, m=6).layout.network("hyper_synthesis").reach
        for model in (MeanScaleHyperprior, OnePass, OfUnknownReach)
    ]
    assert reaches == [2, 5, None]


def test_a_setting_is_checked():
    with pytest.raises(ValueError, match="number 500 by default; expected at least 2"):
        Setting("rate", 0, 1, default=500)
