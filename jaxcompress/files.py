"""Writing files so that nothing is lost or left half-written."""

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path


def check_writable(path: str | Path, *, overwrite: bool) -> None:
    """Raises before the work that would make the file: FileExistsError if it is there and must stay.

    Args:
        path: the file to be written.
        overwrite: whether an existing file may be replaced.

    Raises:
        FileExistsError: it exists, and `overwrite` is off.
        FileNotFoundError: its folder does not exist.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if _holds_something(path) and not overwrite:
        raise FileExistsError(f"{path} exists; choose another name, or pass --force (overwrite=True) to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} to; create it first")


def _holds_something(path: Path) -> bool:
    """Whether writing would lose something: a file or a link, but not a device or a pipe."""
    return path.is_symlink() or path.is_file()


def file_name(text: str) -> str:
    """A name that every file system takes.

    Args:
        text: any; what is not a Latin letter, a digit, a dot or a hyphen becomes a hyphen.
    """
    return re.sub(r"[^0-9A-Za-z.-]+", "-", text).strip("-.") or "unnamed"


def remove_leftovers(folder: str | Path) -> None:
    """Removes the temporary files of `write_file` in a process that was killed; nothing else may be writing there.

    Args:
        folder: where it wrote to; nothing happens if there is none.
    """
    for path in Path(folder).glob(".*.part"):
        if re.fullmatch(r"\.[0-9a-f]{8}\.part", path.name):
            path.unlink(missing_ok=True)


def write_file(path: str | Path, data: bytes | memoryview, *, overwrite: bool = False) -> None:
    """Writes a file whole or not at all: to a temporary name in the same folder, then renamed.

    Args:
        path: where to.
        data: its content.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: it exists, and `overwrite` is off.
        FileNotFoundError: its folder does not exist.
    """
    path = Path(path)
    check_writable(path, overwrite=overwrite)
    if path.exists() and not path.is_file():  # such as /dev/null: nothing to rename over
        path.write_bytes(data)
        return
    temporary = path.with_name(f".{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_new_folder(path: str | Path) -> None:
    """Raises before the work that would make the folder.

    Args:
        path: the folder to be made.

    Raises:
        FileExistsError: there is something of that name.
        FileNotFoundError: there is no folder to make it in.
    """
    path = Path(path)
    if path.is_symlink() or path.exists():
        raise FileExistsError(f"{path} exists; give the name of a folder to be made")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to make {path.name} in; create it first")


def write_folder(path: str | Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder with files, whole or not at all: under a temporary name in the same place, then renamed.

    Args:
        path: where to; there must be nothing.
        files: contents by name.

    Raises:
        FileExistsError: there is something of that name.
        FileNotFoundError: there is no folder to make it in.
    """
    path = Path(path)
    check_new_folder(path)
    temporary = path.with_name(f".{secrets.token_hex(4)}.parts")
    temporary.mkdir()
    try:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
