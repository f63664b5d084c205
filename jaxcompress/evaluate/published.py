"""Rate-distortion curves that others have published, as data: what to compare with without running it.

All are means over the 24 Kodak pictures, collected by CompressAI (`results/image`), whose file each names in
`meta["origin"]`; points go from the fewest bits to the most. Names:

- "vtm", "hm", "bpg", "av1", "jpeg", "jpeg2000", "webp": classical codecs;
- "<architecture>-<metric>", as "mbt2018-mean-mse": CompressAI's weights, trained for MSE or MS-SSIM, run on a GPU (the
  `_cuda` files), distortion before rounding to 8 bits; "...-mse-8bit": after it, as `jaxcompress evaluate` measures;
  "...-vbr-mse": one network of variable rate;
- "paper-<name>-<metric>": the figures of papers; those of MS-SSIM are in decibels.
"""

from pathlib import Path

from jaxcompress.evaluate.curve import Curve, load_curve

_FOLDER = Path(__file__).parent / "published"


def names() -> list[str]:
    """Names of all curves, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load(name: str) -> Curve:
    """Reads a published curve.

    Args:
        name: one of `names()`.

    Returns:
        The curve, sorted by rate.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in names():
        raise ValueError(f"there is no published curve {name!r}; expected one of {', '.join(names())}")
    return load_curve(_FOLDER / f"{name}.json")
