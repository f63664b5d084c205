"""Priors of one's own: every symbol stands in just one pass."""

import dataclasses

import numpy as np
import pytest

from jaxcompress import Codec, zoo
from jaxcompress.models import create
from jaxcompress.models.light import Light
from jaxcompress.priors import Phases


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
        ("type", r"Own selects symbols by uint8 \(1, 1, 256\); expected a bool mask \(1, 1, 256\)"),
        ("shape", r"Own selects symbols by bool \(1, 1, 1\); expected a bool mask \(1, 1, 256\)"),
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
