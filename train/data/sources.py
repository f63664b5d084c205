"""What lies in a folder of training data, and how to read it."""

import logging
from pathlib import Path

from jaxcompress.train.data.files import ImageFiles, image_folder, vimeo_frames, vimeo_list
from jaxcompress.train.data.pictures import Pictures
from jaxcompress.train.data.records import ImageRecords, shard_paths
from jaxcompress.train.data.scan import scan

_logger = logging.getLogger("jaxcompress")

# Names of a split's folder, in the order they are tried.
_FOLDERS = {"train": ("train",), "test": ("test", "val", "validation")}


def open_source(path: str | Path, *, crop: int, split: str = "train", cache_bytes: int = 0) -> Pictures:
    """The pictures of a folder, of whatever kind it is.

    - ArrayRecord shards, such as `pack` writes: `*.array_record` or `*.arrayrecord`, not looked into beforehand;
    - Vimeo-90K: `sep_trainlist.txt` or `tri_trainlist.txt` (`..._testlist.txt`) beside the folder `sequences`;
    - else every image file below the folder, sorted by path. The headers are read first, and pictures that are smaller
      than the crop, or unreadable, are left out and counted in a warning of the logger "jaxcompress".

    Where the folder has a folder `train`, that is the split "train", and `test`, `val` or `validation` is "test".

    Args:
        path: the folder.
        crop: side that a picture must have at least, in pixels.
        split: "train" or "test".
        cache_bytes: memory for decoded pictures; the first that fit are kept.

    Returns:
        The source, in an order that does not depend on the file system.

    Raises:
        FileNotFoundError: there is no such folder, or it has no such split; `hold_out` can make one.
        ValueError: it holds no picture that is large enough.
    """
    if crop < 1:
        raise ValueError(f"crop is {crop}; expected at least 1 pixel")
    files = find_files(path, split=split)
    if isinstance(files, ImageRecords) and len(files):
        return Pictures(files, crop=crop, cache_bytes=cache_bytes)  # pack has looked at them
    found = scan(files, crop=crop)
    left_out = f"{found.small} smaller than {crop} x {crop} and {len(found.unreadable)} unreadable"
    if found.unreadable:
        left_out += f", such as {found.unreadable[0]}"
    if not found.large:
        raise ValueError(
            f"{path} holds no picture of at least {crop} x {crop} pixels; found were {len(files)} image files, "
            f"{left_out}; give a folder with larger pictures, or a smaller crop"
        )
    if len(found.large) < len(files):
        _logger.warning("%s: %d pictures; left out are %s", path, len(found.large), left_out)
    return Pictures(files, crop=crop, indices=found.large, cache_bytes=cache_bytes)


def find_files(path: str | Path, *, split: str) -> ImageFiles | ImageRecords:
    """The encoded pictures of a split, as `open_source` finds them, but nothing of them is read.

    Args:
        path: the folder.
        split: "train" or "test".

    Returns:
        The files.

    Raises:
        FileNotFoundError: there is no such folder, or it has no such split.
        ValueError: there is no split of this name.
    """
    root = Path(path)
    if split not in _FOLDERS:
        raise ValueError(f"split is {split!r}; expected one of {', '.join(map(repr, _FOLDERS))}")
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}; give one that holds pictures, Vimeo-90K or shards")
    shards = shard_paths(root)
    lists = {name: vimeo_list(root, name) for name in _FOLDERS}
    if split == "train" and shards:
        return ImageRecords(shards)
    if path_of_list := lists[split]:
        return vimeo_frames(path_of_list)
    if shards or any(lists.values()) or (root / "train").is_dir():
        for folder in (root / name for name in _FOLDERS[split]):
            if folder.is_dir():
                inner = shard_paths(folder)
                return ImageRecords(inner) if inner else image_folder(folder)
    elif split == "train":
        return image_folder(root)
    raise FileNotFoundError(
        f"{root} has no split {split!r}; expected one of Vimeo-90K's lists such as sep_{split}list.txt, or a folder "
        f"named {' or '.join(_FOLDERS[split])} beside another split"
    )
