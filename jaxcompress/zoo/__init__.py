"""Pretrained weights by name: those that come with the package, and CompressAI's, fetched on first use. No JAX here."""

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcompress.zoo import cache, published
from jaxcompress.zoo.published import qualities

if TYPE_CHECKING:
    from jaxcompress.weights import Weights

__all__ = [
    "COMPRESSAI_DEFAULT",
    "DEFAULT",
    "Entry",
    "bundled",
    "entries",
    "fetch",
    "find",
    "is_published",
    "load",
    "qualities",
]

DEFAULT = "light"
"""The weights that `jaxcompress encode` uses unless others are named."""

COMPRESSAI_DEFAULT = "mbt2018-mean-small"
"""The bundled weights of one of CompressAI's architectures, which its file format can name."""

_FOLDER = Path(__file__).parent / "bundled"


@dataclasses.dataclass(frozen=True)
class Entry:
    """Weights that there are.

    Attributes:
        name: for `load`.
        quality: for `load`; None for bundled ones.
        metric: likewise.
        state: "bundled", "cached" (fetched and converted), or "available" (to be fetched on first use).
        path: the weights file, if it is there.
        size: of it, in bytes; of one that is not there, about what is to be fetched.
        address: where the checkpoint comes from; None for bundled ones.
    """

    name: str
    quality: int | None
    metric: str | None
    state: str
    path: Path | None
    size: int
    address: str | None


def bundled() -> dict[str, Path]:
    """The weights files in the package, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.safetensors"))}


def entries() -> list[Entry]:
    """All weights that `load` knows: bundled, then published.

    Raises:
        OSError: nobody has a home here, and `$JAXCOMPRESS_HOME` names no folder.
        ValueError: `$JAXCOMPRESS_MIRROR` is no address.
    """
    found = [Entry(name, None, None, "bundled", path, path.stat().st_size, None) for name, path in bundled().items()]
    for checkpoint in published.checkpoints():
        path = cache.cached_path(checkpoint)
        there = path.is_file()
        state, size = ("cached", path.stat().st_size) if there else ("available", checkpoint.size)
        named = checkpoint.name, checkpoint.quality, checkpoint.metric
        found.append(Entry(*named, state, path if there else None, size, checkpoint.address))
    return found


def is_published(name: str | None) -> bool:
    """Whether weights of this name are chosen by quality and metric."""
    return name in published.names()


def fetch(name: str, *, quality: int, metric: str = "mse", keep_checkpoint: bool = False) -> Path:
    """The weights file of a published model: fetched, checked and converted unless that was done before.

    It lies in `weights` in `$JAXCOMPRESS_HOME`, or `jaxcompress` in the platform's cache folder. A download that broke
    off goes on where it was. A checkpoint of the right name that lies there already is not fetched.
    `$JAXCOMPRESS_MIRROR` is an address to fetch from instead; `JAXCOMPRESS_OFFLINE=1` forbids to fetch.

    Args:
        name: of the architecture, such as "mbt2018-mean".
        quality: 1 to 8, or to 6 for cheng2020 models.
        metric: "mse" or "ms-ssim".
        keep_checkpoint: leave the PyTorch checkpoint beside the weights file.

    Returns:
        Its path.

    Raises:
        ConnectionError: there was no getting through.
        FileNotFoundError: it is neither there nor to be had.
        ImportError: it must be converted, and PyTorch is missing.
        ValueError: there is no such model, or what came is not the published file.
    """
    return cache.fetch_checkpoint(published.checkpoint(name, quality, metric), keep_checkpoint=keep_checkpoint)


def load(name: str = DEFAULT, *, quality: int | None = None, metric: str | None = None) -> "Weights":
    """Loads bundled weights, or those of a published model, which are fetched on first use (see `fetch`).

    Args:
        name: one of `bundled()`, or an architecture with published models.
        quality: of a published model, from 1.
        metric: of a published model, "mse" (if not given) or "ms-ssim".

    Returns:
        The weights.

    Raises:
        ValueError: there are none of this name, quality or metric.
        ConnectionError, FileNotFoundError, ImportError: see `fetch`.
    """
    from jaxcompress.weights import load

    files = bundled()
    if name not in files and not is_published(name):
        known = ", ".join([*files, *published.names()])
        raise ValueError(f"no weights named {name!r} are bundled or published; there are {known}")
    if name not in files:
        return load(cache.fetch_checkpoint(published.checkpoint(name, quality, metric)))
    if quality is not None or metric is not None:
        raise ValueError(f"quality and metric choose among published models, and {name} is bundled; leave them out")
    return load(files[name])


def find(bits_fingerprint: str, synthesis_fingerprint: str) -> Path | None:
    """The weights file that a `.jxc` file was written with, if it is bundled or in the folder that `fetch` fills.

    Args:
        bits_fingerprint: of the file.
        synthesis_fingerprint: of the file.

    Returns:
        Its path, or None.
    """
    cached: list[Path] = []
    with contextlib.suppress(OSError):  # such as where nobody has a home
        cached = sorted(cache.weights_folder().glob("*.safetensors"))
    for path in [*bundled().values(), *cached]:
        known = cache.fingerprints(path)
        if known is not None and bits_fingerprint in known[0] and synthesis_fingerprint == known[1]:
            return path
    return None
