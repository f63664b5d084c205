"""CompressAI in a process of its own, from an environment that has it."""

import base64
import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from process import Process, ProcessError


@dataclasses.dataclass
class Coded:
    """A picture as CompressAI coded it: strings, and arrays `[1, h, w, C]` by name."""

    updated: bool
    strings: list[bytes]
    shape: tuple[int, int]
    arrays: dict[str, np.ndarray]


class Reference:
    """CompressAI's answers, as arrays; its files lie in a folder that may be used for others too."""

    def __init__(self, process: Process, folder: Path):
        self.ask, self.folder = process.ask, folder
        self.versions = self.ask("hello")

    def picture_file(self, x: np.ndarray) -> Path:
        """A file of a picture `[1, H, W, 3]` that the process reads."""
        path = self.folder / "picture.npy"
        np.save(path, np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        return path

    def build(
        self, architecture: str, n: int, m: int, x: np.ndarray, checkpoint: Path, *, seed: int = 0, largest: float = 20
    ) -> None:
        """Writes a random network that behaves on a picture as a trained one; for `largest` see the script."""
        what = {"architecture": architecture, "n": n, "m": m, "seed": seed, "largest": largest}
        self.ask("build", **what, picture=self.picture_file(x), checkpoint=checkpoint)

    def code(
        self, architecture: str, checkpoint: Path, x: np.ndarray, *, stages: bool = False, arithmetic: str = "default"
    ) -> Coded:
        """Codes a picture `[1, H, W, 3]` with the network of a checkpoint; for `arithmetic` see the script."""
        path = self.folder / "arrays.npz"
        answer = self.ask(
            "code",
            architecture=architecture,
            checkpoint=checkpoint,
            picture=self.picture_file(x),
            arrays=path,
            stages=stages,
            arithmetic=arithmetic,
        )
        with np.load(path) as file:
            arrays = {name: np.ascontiguousarray(file[name].transpose(0, 2, 3, 1)) for name in file.files}
        strings = [base64.b64decode(string) for string in answer["strings"]]
        return Coded(answer["updated"], strings, tuple(answer["shape"]), arrays)

    def decompress_seconds(self, architecture: str, checkpoint: Path, coded: Coded) -> float:
        """CPU seconds that CompressAI takes from strings to the picture."""
        strings = [base64.b64encode(string).decode() for string in coded.strings]
        answer = self.ask(
            "decompress", architecture=architecture, checkpoint=checkpoint, strings=strings, shape=coded.shape
        )
        return answer["cpu"]


@contextlib.contextmanager
def running_reference(environment: Path, script: str = "compressai_worker.py") -> Iterator[Reference]:
    """CompressAI, served by a script beside this one. If a process fails meanwhile, the program ends with its words."""
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Process("CompressAI", [environment / "bin" / "python", Path(__file__).with_name(script)]) as process,
        ):
            yield Reference(process, Path(folder))
    except ProcessError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
