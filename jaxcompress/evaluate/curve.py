"""A rate-distortion curve, and its file: JSON in CompressAI's schema, and more beside it."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcompress.evaluate.codec import Quality
from jaxcompress.files import write_file
from jaxcompress.metric_table import of_key


@dataclasses.dataclass(frozen=True)
class Curve:
    """What a codec needs and gives at several settings, in means over pictures.

    Attributes:
        name: of the codec.
        description: how it was run.
        results: lists of equal length, by key: "bpp", "psnr-rgb" (dB), "ms-ssim-rgb" (linear), "encoding_time"
            (seconds) and others, a value for each setting. These are CompressAI's keys.
        qualities: the settings; empty if the file did not tell.
        pictures: a row for each picture and setting: "picture", "quality", "width", "height", "bytes" and the values
            that `results` has the means of; empty if the file did not tell.
        meta: anything else worth keeping: versions, device, command, data set.
    """

    name: str
    description: str
    results: Mapping[str, Sequence[float]]
    qualities: Sequence[Quality] = ()
    pictures: Sequence[Mapping[str, Any]] = ()
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def has(self, key: str) -> bool:
        """Whether `values` finds the metric."""
        return key in self.results or self._measured_key(key) in self.results

    def values(self, key: str) -> list[float]:
        """The values of a metric.

        Args:
            key: of `results`; "ms-ssim-db-rgb" is computed from "ms-ssim-rgb" where it is not there.

        Raises:
            ValueError: the curve has no such metric.
        """
        if key in self.results:
            return list(self.results[key])
        value = of_key(key)
        if value is None or not self.has(key):
            raise ValueError(f"{self.name} has no {key!r}; it has {', '.join(self.results)}")
        return [value.in_decibels(measured) for measured in self.results[value.key]]

    @staticmethod
    def _measured_key(key: str) -> str | None:
        """The key that a key in decibels can be computed from."""
        value = of_key(key)
        return value.key if value is not None and key == value.decibels_key else None

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes JSON, which CompressAI's `plot` reads too.

        Args:
            path: where to.
            overwrite: replace an existing file.

        Raises:
            FileExistsError: it exists, and `overwrite` is off.
        """
        content: dict[str, Any] = {"name": self.name, "description": self.description, "results": dict(self.results)}
        ours: dict[str, Any] = {
            "qualities": list(self.qualities),
            "meta": dict(self.meta),
            "pictures": list(self.pictures),
        }
        content |= {key: value for key, value in ours.items() if value}
        text = json.dumps(_finite(content), indent=2, allow_nan=False, ensure_ascii=False)
        write_file(path, (text + "\n").encode(), overwrite=overwrite)


def load_curve(path: str | Path) -> Curve:
    """Reads a file of ours or of CompressAI's.

    Args:
        path: JSON file.

    Returns:
        The curve.

    Raises:
        ValueError: it is something else.
    """
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        results = {key: [_number(value) for value in values] for key, values in content["results"].items()}
        if len({len(values) for values in results.values()}) != 1 or "bpp" not in results:
            raise ValueError("its lists differ in length, or there is no 'bpp'")
        return Curve(
            name=str(content["name"]),
            description=str(content.get("description", "")),
            results=results,
            qualities=tuple(content.get("qualities", ())),
            pictures=tuple({key: _value(value) for key, value in row.items()} for row in content.get("pictures", ())),
            meta=dict(content.get("meta", {})),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} is no rate-distortion curve ({error}); expected JSON with 'name' and 'results', as `jaxcompress "
            f"evaluate`, `jaxcompress bench` and CompressAI write it"
        ) from error


def _finite(value: Any) -> Any:
    """JSON has no infinity, which is the PSNR of a lossless picture: it is written as null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and math.isinf(value) else value


def _value(value: Any) -> Any:
    return math.inf if value is None else value


def _number(value: Any) -> float:
    return float(_value(value))
