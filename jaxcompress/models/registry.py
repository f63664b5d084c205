"""Models by name: the class of each row of `architecture_table`."""

from jaxcompress.architecture_table import TABLE
from jaxcompress.models.base import CompressionModel
from jaxcompress.models.cheng2020 import Cheng2020Anchor, Cheng2020Attention
from jaxcompress.models.factorized import FactorizedPrior, FactorizedPriorReLU
from jaxcompress.models.hyperprior import MeanScaleHyperprior, ScaleHyperprior
from jaxcompress.models.joint_autoregressive import JointAutoregressive
from jaxcompress.models.light import Light

ARCHITECTURES: dict[str, type[CompressionModel]] = {
    "bmshj2018-factorized": FactorizedPrior,
    "bmshj2018-factorized-relu": FactorizedPriorReLU,
    "bmshj2018-hyperprior": ScaleHyperprior,
    "mbt2018-mean": MeanScaleHyperprior,
    "mbt2018": JointAutoregressive,
    "cheng2020-anchor": Cheng2020Anchor,
    "cheng2020-attn": Cheng2020Attention,
    "light": Light,
}
"""Model classes by architecture name."""


def sizes(architecture: str, quality: int) -> tuple[int, int]:
    """N and M of a published quality.

    Args:
        architecture: one of `ARCHITECTURES`.
        quality: from 1, up to 8 (cheng2020: 6).

    Returns:
        (n, m).

    Raises:
        ValueError: there is no such architecture or quality.
    """
    by_quality = TABLE[_known(architecture)].sizes
    if not by_quality:
        raise ValueError(f"{architecture} is one model for all qualities; leave out quality={quality!r}")
    if quality not in range(1, len(by_quality) + 1):
        raise ValueError(f"{architecture} has no quality {quality!r}; expected 1 to {len(by_quality)}")
    size = by_quality[quality - 1]
    return size.n, size.m


def create(
    architecture: str, *, quality: int | None = None, n: int | None = None, m: int | None = None
) -> CompressionModel:
    """Makes a model, by published quality or by sizes.

    Args:
        architecture: one of `ARCHITECTURES`.
        quality: published quality, from 1; or else:
        n: width of the transforms, and
        m: latent channels (cheng2020: equal to n, and may be left out). An architecture with one model for all
            qualities ("light") needs neither.

    Returns:
        The Flax module; `model.init(key, x)` makes its parameters.

    Raises:
        ValueError: an unknown name or quality, or sizes missing or given twice.

    Example:
        model = create("mbt2018-mean", quality=3)
    """
    model, only = ARCHITECTURES[_known(architecture)], TABLE[architecture].only_size
    if quality is not None:
        if n is not None or m is not None:
            raise ValueError(f"quality={quality} already decides n and m (given n={n}, m={m}); pass one or the other")
        n, m = sizes(architecture, quality)
    if only and n is None and m is None:
        n, m = only.n, only.m
    square = issubclass(model, Cheng2020Anchor)
    if square and m is None:
        m = n
    if n is None or m is None:
        raise ValueError(f"{architecture} needs quality=, or n= and m= (given n={n}, m={m})")
    if n < 1 or m < 1 or (square and n != m):
        raise ValueError(f"{architecture} cannot have n={n}, m={m}; expected positive sizes{', n = m' * square}")
    return model(n=n, m=m)


def _known(architecture: str) -> str:
    if architecture not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {architecture!r}; expected one of {', '.join(ARCHITECTURES)}")
    return architecture
