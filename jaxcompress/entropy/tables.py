"""Integer cumulative tables for the coder, built from trained parameters on the host.

Tables decide bits, so a stream is bound to the very tables it was written with: they are built once, saved beside
the parameters, and never rebuilt for weights that bring their own. Rebuilding elsewhere may turn an entry by one.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxcompress import coder
from jaxcompress.entropy.bottleneck import TAIL_MASS
from jaxcompress.entropy.symbols import to_symbols


@dataclasses.dataclass(frozen=True, eq=False)
class CodingTables:
    """The tables of one latent.

    Attributes:
        cdf: int32 `[R, W]`; row r holds `cdf_length[r]` cumulative frequencies from 0 to 65536, then zeros. The last
            symbol of a row is the escape for values outside it.
        cdf_length: int32 `[R]`, 3 to W.
        offset: int32 `[R]`, the value of each row's first symbol.
        scale_table: float32 `[R]` ascending, for conditional Gaussians; None for a factorized prior, whose rows are
            channels.

    Raises:
        ValueError: arrays that are no valid tables.
    """

    cdf: np.ndarray
    cdf_length: np.ndarray
    offset: np.ndarray
    scale_table: np.ndarray | None = None

    def __post_init__(self):
        """Takes copies that nobody can change, and validates them once."""
        for field in dataclasses.fields(self):
            if (array := getattr(self, field.name)) is not None:
                array = np.array(array, np.float32 if field.name == "scale_table" else None)
                array.setflags(write=False)
                object.__setattr__(self, field.name, array)
        if self.scale_table is not None:
            scales = self.scale_table
            rows = len(self.cdf)
            if scales.shape != (rows,) or not (scales > 0).all() or not (np.diff(scales) > 0).all() or rows > 256:
                raise ValueError(
                    f"scale_table has shape {scales.shape} for {rows} rows of cdf; expected one positive, ascending "
                    f"scale for each row, 256 at most"
                )
        _ = self.coder_tables

    def __reduce__(self):
        """Pickles the arrays; the coder's native object is made anew."""
        return CodingTables, tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    @functools.cached_property
    def coder_tables(self) -> coder.CdfTables:
        """The same tables prepared for the coder."""
        return coder.CdfTables(self.cdf, self.cdf_length, self.offset)

    def encode(self, values: ArrayLike, indexes: ArrayLike, means: ArrayLike = 0) -> bytes:
        """Codes values, rounded around their means, to one string.

        Args:
            values: floats of any shape.
            indexes: of the row for each value, shaped as `values`: `channel_indexes(values.shape)` for a factorized
                prior, `build_indexes(scales, scale_table)` for conditional Gaussians.
            means: shaped as `values` or broadcast to them; for a factorized prior its `bottleneck_medians`.

        Raises:
            ValueError: values that are not finite or beyond +-2**27, indexes without a row or of another shape.
        """
        residual = np.asarray(values, np.float32) - np.asarray(means, np.float32)
        return coder.encode(to_symbols(np.rint(residual)), indexes, self.coder_tables)

    def decode(self, data: bytes, indexes: ArrayLike, means: ArrayLike = 0) -> np.ndarray:
        """Decodes a string: the inverse of `encode`.

        Args:
            data: the string.
            indexes: the very ones that it was coded with. Computed anew on another device, those of a neural network
                may not be: see `jaxcompress.integer`.
            means: likewise.

        Returns:
            float32 shaped as `indexes`: the values as `ops.quantize` rounds them.

        Raises:
            StreamError: the string is damaged, or was not made with these tables and indexes.
        """
        symbols = coder.decode(data, indexes, self.coder_tables)
        return symbols.astype(np.float32) + np.asarray(means, np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, those that are there."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: array for name, array in found.items() if array is not None}


def build_gaussian_tables(scale_table: np.ndarray, *, tail_mass: float = TAIL_MASS) -> CodingTables:
    """Tables of zero-mean Gaussians, one for each scale.

    Args:
        scale_table: float32 `[R]`, positive and ascending.
        tail_mass: probability outside the widest interval that gets its own symbols.

    Returns:
        Tables with `2 * center + 1` symbols and an escape in each row.

    Raises:
        ValueError: scales that are none, not positive or not ascending.

    Source: CompressAI `GaussianConditional.update`. Equal to CompressAI's in every entry for the default scales:
    arithmetic in float32, with erfc taken in float64 and rounded.
    """
    scale_table = np.asarray(scale_table, np.float32)
    if scale_table.ndim != 1 or not len(scale_table) or not (np.diff(scale_table, prepend=0) > 0).all():
        raise ValueError(f"scale_table is {scale_table!r}; expected positive scales in ascending order")
    reach = -_standard_normal_quantile(tail_mass / 2)
    centers = np.ceil(scale_table * np.float32(reach)).astype(np.int32)
    rows = []
    for scale, center in zip(scale_table, centers, strict=True):
        distance = np.abs(np.arange(2 * center + 1, dtype=np.int32) - center).astype(np.float32)
        half = np.float32(0.5)
        upper, lower = _cumulative((half - distance) / scale), _cumulative((-half - distance) / scale)
        rows.append(np.append(upper - lower, 2 * lower[:1]))
    return _stack(rows, offsets=-centers, scale_table=scale_table)


def _cumulative(x: np.ndarray) -> np.ndarray:
    root = np.float32(-(2**-0.5))
    erfc = np.array([math.erfc(value) for value in (root * x).tolist()], np.float64)
    return np.float32(0.5) * erfc.astype(np.float32)


def _standard_normal_quantile(p: float) -> float:
    """Where the standard normal cumulative reaches p < 0.5, by bisection to the last bit."""
    low, high = -40.0, 0.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if 0.5 * math.erfc(-middle / math.sqrt(2)) < p else (low, middle)
    return high


def build_bottleneck_tables(params: Mapping[str, Any]) -> CodingTables:
    """Tables of a factorized prior, one for each channel, between its outer quantiles.

    Args:
        params: of an `EntropyBottleneck` with C channels; the quantiles should be solved (`solve_quantiles`).

    Returns:
        Tables with C rows; symbols count from the channel's median.

    Source: CompressAI `EntropyBottleneck.update`, with its tail mass taken at the end of the longest channel's
    samples. Computed in float64, so that the result does not hang on a processor's float32 functions.
    """
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    lower_tail, median, upper_tail = params["quantiles"][:, 0, :].T
    below = np.maximum(np.ceil(median - lower_tail), 0).astype(np.int32)
    above = np.maximum(np.ceil(upper_tail - median), 0).astype(np.int32)
    lengths = below + above + 1
    samples = (median - below)[:, None] + np.arange(lengths.max())
    lower, upper = _logits(params, samples - 0.5), _logits(params, samples + 0.5)
    pmf = _sigmoid(upper) - _sigmoid(lower)
    tail = _sigmoid(lower[:, :1]) + _sigmoid(-upper[:, -1:])
    rows = [np.append(p[:n], t) for p, n, t in zip(pmf, lengths, tail, strict=True)]
    return _stack(rows, offsets=-below)


def build_mixture_tables(params: Mapping[str, Any], *, tail_mass: float = TAIL_MASS) -> CodingTables:
    """Tables of a mixture of logistic densities, one for each channel.

    Args:
        params: of a `LogisticMixture` with C channels.
        tail_mass: largest probability outside the values that get their own symbols.

    Returns:
        Tables with C rows; symbols are the whole numbers themselves, and the escape.

    Computed in float64, so that the result does not hang on a processor's float32 functions.
    """
    params = {name: np.asarray(value, np.float64) for name, value in params.items()}
    weights = np.exp(params["weights"] - params["weights"].max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    scales = np.exp(params["log_scales"])
    # Beyond its own tail no component has more than half of the tail mass, and so neither has the mixture.
    tail = scales * math.log(2 / tail_mass - 1)
    lowest, highest = (params["means"] - tail).min(-1), (params["means"] + tail).max(-1)
    below = np.maximum(np.ceil(-lowest), 0).astype(np.int32)
    above = np.maximum(np.ceil(highest), 0).astype(np.int32)
    lengths = below + above + 1
    edges = np.arange(lengths.max() + 1) - below[:, None] - 0.5
    arguments = (edges[:, None, :] - params["means"][..., None]) / scales[..., None]
    cdf = (weights[..., None] * _sigmoid(arguments)).sum(1)
    survival = (weights[..., None] * _sigmoid(-arguments)).sum(1)
    rows = [np.append(np.diff(c[: n + 1]), c[0] + s[n]) for c, s, n in zip(cdf, survival, lengths, strict=True)]
    return _stack(rows, offsets=-below)


def _logits(params: Mapping[str, np.ndarray], v: np.ndarray) -> np.ndarray:
    """NumPy twin of `bottleneck_logits`, for values `[C, n]`."""
    hidden = v[:, None, :]
    stages = sum(name.startswith("matrices_") for name in params)
    for k in range(stages):
        hidden = np.logaddexp(params[f"matrices_{k}"], 0) @ hidden + params[f"biases_{k}"]
        if k < stages - 1:
            hidden = hidden + np.tanh(params[f"factors_{k}"]) * np.tanh(hidden)
    return hidden[:, 0, :]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -x))


def _stack(rows: list[np.ndarray], *, offsets: np.ndarray, scale_table: np.ndarray | None = None) -> CodingTables:
    """Quantizes each row of probabilities (the last is the escape) and pads all to one width."""
    cdfs = [coder.pmf_to_cdf(row.astype(np.float32)) for row in rows]
    lengths = np.array([len(cdf) for cdf in cdfs], np.int32)
    cdf = np.zeros((len(cdfs), lengths.max()), np.int32)
    for row, values in zip(cdf, cdfs, strict=True):
        row[: len(values)] = values
    return CodingTables(cdf, lengths, offsets.astype(np.int32), scale_table)
