"""What `coder.py` codes: drawn messages, and y of trained networks."""

from pathlib import Path

import numpy as np
from reference import Reference

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

NETWORKS = ("bmshj2018-hyperprior", "mbt2018-mean")
# Mean of the logarithm of the scales, for about 0.335, 0.90 and 1.54 bits per symbol.
RATES = {"y_lo": -2.03295, "y_mid": -1.15467, "y_hi": -0.50148}
LATENT = 192, 32, 48


class Message:
    """Symbols with what their coding takes, and the streams that ours makes of them, compatible and in lanes."""

    def __init__(self, path: Path):
        self.path = path
        with np.load(path) as file:
            self.arrays = {name: file[name] for name in ("lengths", "offsets", "cdf", "symbols", "indexes")}
        self.symbols = self.arrays["symbols"]
        self.indexes = self.arrays["indexes"].astype(np.uint8)
        self.tables = coder.CdfTables(self.arrays["cdf"], self.arrays["lengths"], self.arrays["offsets"])
        self.stream = coder.encode(self.symbols, self.indexes, self.tables)
        self.lanes = coder.encode_lanes(self.symbols, self.indexes, self.tables)

    def write(self, path: Path) -> None:
        """Writes the file that the C++ program reads."""
        sizes = [*self.arrays["cdf"].shape, self.symbols.size]
        parts = [np.ravel(part).astype(np.int32) for part in (sizes, *self.arrays.values())]
        path.write_bytes(np.concatenate(parts).tobytes())


def draw(name: str, path: Path) -> None:
    """Writes a drawn message."""
    rng = np.random.default_rng(1)
    channels, field = rng.normal(0, 1, (LATENT[0], 1, 1)), rng.normal(0, 1, LATENT)
    for axis in (1, 2):
        for _ in range(4):
            field = (np.roll(field, 1, axis) + 2 * field + np.roll(field, -1, axis)) / 4
    scales = np.exp(RATES[name] + channels + 0.7 * field / field.std())
    scale_table = default_scale_table()
    indexes = np.searchsorted(scale_table[:-1], np.maximum(scales, scale_table[0])).astype(np.int32)
    tables = build_gaussian_tables(scale_table)
    reach = -tables.offset[indexes]
    symbols = np.clip(np.rint(rng.normal(0, 1, LATENT) * np.minimum(scales, 200)), -reach, reach).astype(np.int32)
    arrays = {"cdf": tables.cdf, "lengths": tables.cdf_length, "offsets": tables.offset}
    np.savez(path, symbols=symbols, indexes=indexes, **arrays)


def make_messages(weights: Path | None, pictures: list[Path], reference: Reference) -> dict[str, list[Message]]:
    """Messages by workload."""
    workloads, folder = {}, reference.folder
    for name in RATES:
        draw(name, folder / f"{name}.npz")
        workloads[name] = [Message(folder / f"{name}.npz")]
    for network in NETWORKS if weights else ():
        checkpoint = weights / f"{network}.pth.tar"
        if not checkpoint.exists():
            continue
        target = folder / network
        target.mkdir()
        names = [str(path) for path in pictures]
        reference.ask("latents", architecture=network, checkpoint=checkpoint, pictures=names, folder=target)
        workloads[network] = [Message(target / f"{i}.npz") for i in range(len(pictures))]
    return workloads
