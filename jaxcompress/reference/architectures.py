"""What a reader must know of each architecture, beside its weights."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Setting:
    """A knob that travels in the file as a whole number.

    Attributes:
        low: value of number 0.
        high: value of the last number.
        count: how many numbers there are.
    """

    low: float
    high: float
    count: int

    def value(self, number: int) -> float:
        """The value of a number, `low` to `high` in even steps."""
        return self.low + (self.high - self.low) * number / (self.count - 1)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Where the tables of y come from.

    Attributes:
        prior: "factorized", from y's channels; "hyperprior", from z; "raster", from z and from the positions before;
            "phases", from z and from the passes before.
        z_tables: name of the tables of the first latent.
        settings: the knobs of its files, by name.
    """

    prior: str
    z_tables: str = "entropy_bottleneck"
    settings: Mapping[str, Setting] = dataclasses.field(default_factory=dict)

    @property
    def has_hyperprior(self) -> bool:
        """Whether y is coded with what the hyper-synthesis makes of z."""
        return self.prior != "factorized"

    @property
    def is_autoregressive(self) -> bool:
        """Whether each position of y is coded with those before it in the same chunk."""
        return self.prior == "raster"

    @property
    def in_one_pass(self) -> bool:
        """Whether all tables of a string are known before it is decoded."""
        return self.prior in ("factorized", "hyperprior")

    @property
    def stride(self) -> int:
        """Sides are padded to a multiple of it."""
        return 64 if self.has_hyperprior else 16


LATENT_STRIDE = 16
"""Pixels to a latent, along both sides."""

HYPER_STRIDE = 4
"""Latents to a position of z, along both sides."""

ARCHITECTURES = {
    "bmshj2018-factorized": Architecture("factorized"),
    "bmshj2018-factorized-relu": Architecture("factorized"),
    "bmshj2018-hyperprior": Architecture("hyperprior"),
    "mbt2018-mean": Architecture("hyperprior"),
    "mbt2018": Architecture("raster"),
    "cheng2020-anchor": Architecture("raster"),
    "cheng2020-attn": Architecture("raster"),
    "light": Architecture("phases", z_tables="z_density", settings={"rate": Setting(low=-2, high=6, count=145)}),
}
