"""Published checkpoints in the user's folder: fetched and converted on first use."""

import functools
import hashlib
import importlib.util
import os
from pathlib import Path

from jaxcompress.user_folder import user_folder
from jaxcompress.zoo.published import Checkpoint


def weights_folder() -> Path:
    """Where they are kept; it need not exist yet.

    Raises:
        OSError: nobody has a home here, and `$JAXCOMPRESS_HOME` names no folder.
    """
    return user_folder() / "weights"


def cached_path(checkpoint: Checkpoint) -> Path:
    """Where its weights file is, or would be."""
    return weights_folder() / f"{checkpoint.label}.safetensors"


def fetch_checkpoint(checkpoint: Checkpoint, *, keep_checkpoint: bool = False) -> Path:
    """The weights file of a published checkpoint; see `zoo.fetch`."""
    path = cached_path(checkpoint)
    original = path.with_name(checkpoint.file)
    if path.exists() and (original.exists() or not keep_checkpoint):
        return path

    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{checkpoint.label}.lock")):  # another process may do the same
        if not path.exists():
            _check_can_convert(checkpoint)
        if not original.exists() and (keep_checkpoint or not path.exists()):
            _download(checkpoint, original)
        if not path.exists():
            _convert(checkpoint, original, path)
            if not keep_checkpoint:
                original.unlink()
    return path


def is_offline() -> bool:
    """Whether nothing may be fetched.

    Raises:
        ValueError: `$JAXCOMPRESS_OFFLINE` has a value that means nothing.
    """
    wanted = os.environ.get("JAXCOMPRESS_OFFLINE", "")
    if wanted not in ("", "0", "1"):
        raise ValueError(f"JAXCOMPRESS_OFFLINE is {wanted!r}; expected 1, 0 or nothing")
    return wanted == "1"


def _check_can_convert(checkpoint: Checkpoint) -> None:
    if importlib.util.find_spec("torch") is None:
        raise ImportError(
            f"{checkpoint.file} is a PyTorch checkpoint, and converting it, once, needs PyTorch: "
            f"pip install 'jaxcompress[convert]'"
        )


def _download(checkpoint: Checkpoint, original: Path) -> None:
    if is_offline():
        raise FileNotFoundError(
            f"{checkpoint.file} is not in {original.parent}, and JAXCOMPRESS_OFFLINE forbids to fetch it from "
            f"{checkpoint.address}"
        )
    from jaxcompress.zoo.download import download

    download(checkpoint.address, original, sha256=checkpoint.sha256)


def _convert(checkpoint: Checkpoint, original: Path, path: Path) -> None:
    from jaxcompress.convert import from_pytorch

    with open(original, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(checkpoint.sha256):  # somebody else put it there
        raise ValueError(f"{original} is not what its name says: its SHA-256 begins with {digest[:8]}; remove it")
    metadata = {"quality": checkpoint.quality, "metric": checkpoint.metric, "sha256": digest}
    from_pytorch(original, metadata=metadata).save(path)


def fingerprints(path: Path) -> tuple[set[str | None], str] | None:
    """What the header of a weights file says: those of bits, and that of the synthesis; None if it is none of ours."""
    try:
        return _fingerprints(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=1024)  # a folder of files asks for each
def _fingerprints(path: Path, modified: int) -> tuple[set[str | None], str]:
    from jaxcompress.weights_header import read_header

    header = read_header(path)
    return {header["bits_fingerprint"], header.get("integer_fingerprint")}, header["synthesis_fingerprint"]
