"""Parity of strings: equal, or different for a reason that rounding excuses."""

import jax.numpy as jnp
import numpy as np
from parity_networks import DEEP_PICTURE_LIMIT, PICTURE_LIMIT, apply_stage
from reference import Coded
from report import Checks

import jaxcompress
from jaxcompress import coder
from jaxcompress.codec import BitstreamError
from jaxcompress.entropy import bottleneck_medians, build_indexes
from jaxcompress.priors import Raster

EDGE_LIMIT = 1e-4  # farthest from a threshold (relative) or a half (of the largest latent) that rounding excuses


def compare_strings(checks: Checks, name: str, codec: jaxcompress.Codec, x: np.ndarray, theirs: Coded) -> dict:
    """Codes a picture with ours; what differs must be on the edge of a threshold or a half."""
    ours, shape = codec.compress_strings(x)
    ours = [group[0] for group in ours]
    checks.holds(name, "shape of the strings", tuple(shape) == theirs.shape)
    row = {"network": name, "bytes": sum(map(len, ours)), "CompressAI": sum(map(len, theirs.strings))}
    groups = ("y", "z")[: len(ours)]
    same = {group: a == b for group, a, b in zip(groups, ours, theirs.strings, strict=True)}
    for group in ("y", "z"):
        row[group] = {True: "identical", False: "different", None: None}[same.get(group)]
    weights = codec.weights
    found = predict(weights, x, theirs.arrays)

    # Indexes and symbols from CompressAI's own z_hat and y_hat, so that one turned value does not hide the others.
    halves_of = half_margins(theirs.arrays, found)
    margins = dict(halves_of)
    if weights.model().layout.side is not None:
        table = np.asarray(weights.tables["gaussian_conditional"].scale_table)
        indexes = theirs.arrays["indexes"]
        turned = found["indexes"] != indexes
        crossed = crossed_margins(theirs.arrays["scales"], indexes, found["indexes"], table)[turned]
        row |= {
            "tables": len(np.unique(indexes)),
            "indexes": indexes.size,
            "turned indexes": int(turned.sum()),
            "threshold at": float(crossed.max()) if crossed.size else None,
        }
        checks.at_most(name, "turned indexes: relative distance to the threshold", crossed.max(initial=0), EDGE_LIMIT)
        margins["y"] = np.minimum(margins["y"], threshold_margins(theirs.arrays["scales"], table))
    else:
        row |= dict.fromkeys(("tables", "indexes", "turned indexes", "threshold at"))
    halves = np.concatenate(
        [halves_of[group][found[f"{group} symbols"] != their_symbols(theirs.arrays, group)] for group in groups]
    )
    row |= {"turned symbols": halves.size, "half at": float(halves.max()) if halves.size else None}
    checks.at_most(name, "turned symbols: distance to a half / largest latent", halves.max(initial=0), EDGE_LIMIT)

    # What our codec really wrote, decoded as if CompressAI had written it, leaves its path on such an edge too.
    for group in reversed(groups):
        if not same[group] and (group == "z" or same.get("z", True)):
            where = first_difference(weights, group, ours[groups.index(group)], theirs.arrays, margins[group])
            checks.at_most(name, f"{group} string differs at: distance to the nearest edge", where, EDGE_LIMIT)

    limit = DEEP_PICTURE_LIMIT if weights.architecture.startswith("cheng2020") else PICTURE_LIMIT
    identical = all(same.values())
    row["our own"], error = decode(codec, ours, shape, theirs.arrays["x_hat"])
    if checks.holds(name, "our own strings decode", row["our own"] == "decodes") and identical:
        checks.at_most(name, "CompressAI's strings, decoded: error of x_hat", error, limit)
        row["CompressAI's"] = "decodes"
    else:  # legitimately other tables: the decoder may refuse, which is counted and no error
        row["CompressAI's"], error = decode(codec, theirs.strings, shape, theirs.arrays["x_hat"])
        if row["CompressAI's"] == "decodes" and error > limit:
            row["CompressAI's"] = "WRONG"
            checks.at_most(name, "CompressAI's strings, decoded: error of x_hat", error, limit)
    return row | {"error of x_hat": error}


def decode(codec, strings, shape, expected) -> tuple[str, float | None]:
    """Whether strings decode, and the largest difference from CompressAI's picture."""
    try:
        x_hat = codec.decompress_strings([[string] for string in strings], shape)
    except BitstreamError:
        return "refused", None
    return "decodes", float(np.abs(x_hat - expected).max())


def predict(weights: jaxcompress.Weights, x: np.ndarray, theirs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our latents of a picture, and our table indexes and symbols from CompressAI's z_hat and y_hat."""
    medians = np.asarray(bottleneck_medians(weights.params["entropy_bottleneck"]))
    y = apply_stage(weights, "g_a", x)
    if weights.model().layout.side is None:
        return {"y residuals": y - medians, "y symbols": np.rint(y - medians)}
    z = apply_stage(weights, "h_a", y) - medians
    hyper = apply_stage(weights, "h_s", theirs["z_hat"])
    if isinstance(weights.model().layout.last.prior, Raster):
        context = apply_stage(weights, "context_prediction", theirs["y_hat"])
        hyper = apply_stage(weights, "entropy_parameters", np.concatenate([hyper, context], -1))
    scales, means = weights.model().apply(weights.variables, hyper, method="gaussian_parameters")
    residuals = y if means is None else y - np.asarray(means)
    table = np.asarray(weights.tables["gaussian_conditional"].scale_table)
    indexes = np.asarray(build_indexes(jnp.asarray(scales), table)).astype(np.int32)
    return {
        "y residuals": residuals,
        "y symbols": np.rint(residuals),
        "z residuals": z,
        "z symbols": np.rint(z),
        "indexes": indexes,
    }


def their_symbols(theirs: dict[str, np.ndarray], group: str) -> np.ndarray:
    """CompressAI's symbols of y or z."""
    return theirs["symbols" if group == "y" else "z_symbols"]


def half_margins(theirs: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How far our residuals are from where their symbol would turn, relative to the largest latent."""
    margins = {}
    for group in ("y", "z"):
        if f"{group} residuals" in found:
            residuals = found[f"{group} residuals"]
            off = np.abs(np.abs(residuals - their_symbols(theirs, group)) - 0.5)
            margins[group] = off / max(1, np.abs(theirs[group]).max())
    return margins


def threshold_margins(scales: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Relative distance of each scale to the nearest threshold between tables; the last scale is none."""
    thresholds, scales = table[:-1].astype(np.float64), scales.astype(np.float64)
    above = np.clip(np.searchsorted(thresholds, scales), 1, len(thresholds) - 1)
    return np.minimum(*(np.abs(scales - thresholds[k]) / thresholds[k] for k in (above - 1, above)))


def crossed_margins(scales: np.ndarray, theirs: np.ndarray, ours: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Relative distance of each scale to the farthest threshold between two indexes."""
    low = np.minimum(np.minimum(theirs, ours), len(table) - 2)
    high = np.maximum(np.maximum(theirs, ours) - 1, low)
    scales, table = scales.astype(np.float64), table.astype(np.float64)
    return np.maximum(*(np.abs(scales - table[k]) / table[k] for k in (low, high)))


def first_difference(weights, group: str, string: bytes, theirs: dict, margins: np.ndarray, block: int = 32) -> float:
    """How near an edge the first value is that our string codes in another way than CompressAI's.

    Read with CompressAI's indexes, our string gives CompressAI's symbols up to that value, and other ones at it or
    within the next few. So the nearest edge in that block of symbols and the one before is the answer.
    """
    conditional = group == "y" and (weights.model().layout.side is not None)
    symbols = their_symbols(theirs, group)
    channels = np.arange(symbols.shape[-1], dtype=np.int32)
    indexes = theirs["indexes"] if conditional else np.broadcast_to(channels, symbols.shape)
    # Rows, columns, channels for autoregressive models; else channels, rows, columns.
    axes = (0, 1, 2, 3) if conditional and isinstance(weights.model().layout.last.prior, Raster) else (0, 3, 1, 2)
    indexes, symbols, margins = (array.transpose(axes).ravel() for array in (indexes, symbols, margins))
    tables = weights.tables["gaussian_conditional" if conditional else "entropy_bottleneck"].coder_tables
    decoder = coder.Decoder(string, tables)
    for start in range(0, len(symbols), block):
        part = slice(start, start + block)
        try:
            if not np.array_equal(decoder.decode(indexes[part]), symbols[part]):
                break
        except coder.StreamError:
            break
    return float(margins[max(0, start - block) : start + block].min())
