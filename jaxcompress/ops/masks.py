"""Which taps of a context kernel may look at already decoded positions."""

import numpy as np


def causal_mask(kernel_size: int, *, kind: str = "A") -> np.ndarray:
    """Mask of a raster-order context: what lies above, and to the left on the same row.

    Args:
        kernel_size: odd side of the square kernel.
        kind: "A" leaves the centre out (it is not decoded yet), "B" keeps it.

    Returns:
        float32 `[kernel_size, kernel_size]` of zeros and ones.

    Raises:
        ValueError: `kind` or `kernel_size` is not one of the above.

    Source: van den Oord et al. 2016, PixelRNN; CompressAI `MaskedConv2d`.
    """
    _check(kernel_size, kind)
    mask = np.zeros((kernel_size, kernel_size), np.float32)
    half = kernel_size // 2
    mask[:half] = 1
    mask[half, : half + (kind == "B")] = 1
    return mask


def checkerboard_mask(kernel_size: int, *, kind: str = "A") -> np.ndarray:
    """Mask of a two-pass context: the taps whose row plus column is odd, seen from the other colour's position.

    Args:
        kernel_size: odd side of the square kernel.
        kind: "A" leaves the centre out, "B" adds it.

    Returns:
        float32 `[kernel_size, kernel_size]` of zeros and ones.

    Raises:
        ValueError: `kind` or `kernel_size` is not one of the above.

    Source: He et al. 2021, "Checkerboard context model", CompressAI `CheckerboardMaskedConv2d`.
    """
    _check(kernel_size, kind)
    rows, columns = np.indices((kernel_size, kernel_size))
    mask = ((rows + columns) % 2).astype(np.float32)
    mask[kernel_size // 2, kernel_size // 2] = kind == "B"
    return mask


def _check(kernel_size: int, kind: str) -> None:
    if kind not in ("A", "B"):
        raise ValueError(f"mask kind is {kind!r}; expected 'A' (without the centre) or 'B' (with it)")
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size is {kernel_size}; a centred mask needs an odd size of at least 1")
