"""What the coder takes: symbols, and the index of a table for each."""

from collections.abc import Sequence

import numpy as np


def channel_indexes(shape: Sequence[int]) -> np.ndarray:
    """Index of the table of each value of a factorized prior: its channel.

    Args:
        shape: `[..., C]` of the values.

    Returns:
        int32 of that shape, read-only.
    """
    return np.broadcast_to(np.arange(shape[-1], dtype=np.int32), shape)


def to_symbols(residual: np.ndarray) -> np.ndarray:
    """Rounded residuals as int32.

    Args:
        residual: floats of any shape.

    Raises:
        ValueError: one is not finite, or beyond what the coder can escape (about 2**27).
    """
    if not (np.abs(residual) < 2**27).all():  # NaN fails the comparison too
        worst = residual.flat[np.argmax(~(np.abs(residual) < 2**27))]
        raise ValueError(
            f"a latent is {worst}, beyond the +-2**27 that can be coded: the input or the weights are not sound"
        )
    return residual.astype(np.int32)
