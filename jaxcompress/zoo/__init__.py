"""Pretrained weights by name: those that come with the package."""

from pathlib import Path

from jaxcompress.weights import Weights
from jaxcompress.weights import load as _load
from jaxcompress.weights_header import read_header

DEFAULT = "mbt2018-mean-small"
"""What `jaxcompress encode` uses if not told otherwise."""

_FOLDER = Path(__file__).parent / "bundled"


def bundled() -> dict[str, Path]:
    """The weights files in the package, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.safetensors"))}


def load(name: str = DEFAULT) -> Weights:
    """Loads bundled weights.

    Args:
        name: one of `bundled()`.

    Returns:
        The weights.

    Raises:
        ValueError: there are none of this name.
    """
    files = bundled()
    if name not in files:
        raise ValueError(f"no weights named {name!r} are bundled; there are {', '.join(files)}")
    return _load(files[name])


def find(bits_fingerprint: str, synthesis_fingerprint: str) -> Path | None:
    """The weights file that a `.jxc` file was written with, if it is among the bundled ones.

    Args:
        bits_fingerprint: of the file.
        synthesis_fingerprint: of the file.

    Returns:
        Its path, or None.
    """
    for path in bundled().values():
        header = read_header(path)
        bits = header["bits_fingerprint"], header.get("integer_fingerprint")
        if bits_fingerprint in bits and synthesis_fingerprint == header["synthesis_fingerprint"]:
            return path
    return None
