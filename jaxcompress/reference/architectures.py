"""What a reader must know of each architecture, beside its weights."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Where the tables of y come from.

    Attributes:
        has_hyperprior: y is coded with what the hyper-synthesis makes of z.
        is_autoregressive: and with what came before it in the same chunk.
    """

    has_hyperprior: bool
    is_autoregressive: bool

    @property
    def stride(self) -> int:
        """Sides are padded to a multiple of it."""
        return 64 if self.has_hyperprior else 16


LATENT_STRIDE = 16
"""Pixels to a latent, along both sides."""

HYPER_STRIDE = 4
"""Latents to a position of z, along both sides."""

ARCHITECTURES = {
    "bmshj2018-factorized": Architecture(has_hyperprior=False, is_autoregressive=False),
    "bmshj2018-factorized-relu": Architecture(has_hyperprior=False, is_autoregressive=False),
    "bmshj2018-hyperprior": Architecture(has_hyperprior=True, is_autoregressive=False),
    "mbt2018-mean": Architecture(has_hyperprior=True, is_autoregressive=False),
    "mbt2018": Architecture(has_hyperprior=True, is_autoregressive=True),
    "cheng2020-anchor": Architecture(has_hyperprior=True, is_autoregressive=True),
    "cheng2020-attn": Architecture(has_hyperprior=True, is_autoregressive=True),
}
