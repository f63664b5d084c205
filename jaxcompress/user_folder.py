"""The folder of the user's for what can be made or fetched again. Nothing heavy here."""

import os
import sys
from pathlib import Path


def user_folder() -> Path:
    """`$JAXCOMPRESS_HOME`, else `jaxcompress` in the platform's cache folder; it need not exist yet.

    Raises:
        OSError: nobody has a home here, and no folder is named.
    """
    given = os.environ.get("JAXCOMPRESS_HOME")
    try:
        return Path(given).expanduser() if given else _platform_cache() / "jaxcompress"
    except RuntimeError as error:
        raise OSError(f"there is no home folder to keep files in ({error}); name one by JAXCOMPRESS_HOME") from error


def _platform_cache() -> Path:
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return given if given.is_absolute() else Path("~/.cache").expanduser()
