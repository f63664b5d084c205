"""How exactly products are computed."""

import jax
from jax import lax


def choose_precision(given: lax.PrecisionLike) -> lax.PrecisionLike:
    """The precision of a convolution or dot product: as given, else as asked for around it, else the highest.

    Args:
        given: what the caller was passed, or None.

    Returns:
        What to pass on to `jax.lax`; None leaves the choice to `jax.default_matmul_precision`.
    """
    asked_for = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    if given is None and asked_for is None:
        return lax.Precision.HIGHEST
    return given
