"""Numbers of integer networks that depend on a setting, such as a rate: one row for each value that it can take.

A float network multiplies by gains that are real numbers. Here each is an integer, made once and kept with the
networks: `round(x * multiplier / 2^shift)`, where the product is exact.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

LARGEST_MULTIPLIER = 2**18
"""Largest multiplier of latents and of means."""

MULTIPLIER_SHIFTS = (13, 30)
"""Least and largest right shift of a product: `evaluate.multiply` needs 13 to stay in int32."""

LATENT_LIMIT = 2**22
"""Largest latent that is multiplied, in 64ths."""

FACTOR_LIMIT = 2**23
"""Largest output that is multiplied to become a mean."""

OFFSET_LIMIT = 2**29
"""Offsets of scales stay below this."""


@dataclasses.dataclass(frozen=True, eq=False)
class SettingTables:
    """What latents, scales and means are scaled by, for each value of a setting.

    Attributes:
        mean_multipliers: int32 `[count, M]`, 0 to 2^18. The outputs for means are multiplied by it.
        mean_shifts: uint8 `[M]`, 13 to 30: right shift of these products.
        scale_offsets: int32 `[count, M]`, below 2^29 in magnitude: added to the outputs for scales.
        latent_multipliers: int32 `[count, M]`, 0 to 2^18, of priors in several passes, else None. A latent in 64ths is
            multiplied by it and shifted right by `IntegerNetworks.latent_shifts` before a pass sees it.

    Raises:
        ValueError: arrays of other types, shapes or ranges.
    """

    mean_multipliers: np.ndarray
    mean_shifts: np.ndarray
    scale_offsets: np.ndarray
    latent_multipliers: np.ndarray | None = None

    def __post_init__(self):
        """Takes copies that nobody can change, and checks them."""
        for name, array in self.arrays().items():
            array = np.array(array)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shape = self.scale_offsets.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"scale_offsets have shape {shape}; expected [count, M]")
        ranges = {
            "mean_multipliers": (np.int32, shape, 0, LARGEST_MULTIPLIER),
            "mean_shifts": (np.uint8, shape[1:], *MULTIPLIER_SHIFTS),
            "scale_offsets": (np.int32, shape, 1 - OFFSET_LIMIT, OFFSET_LIMIT - 1),
            "latent_multipliers": (np.int32, shape, 0, LARGEST_MULTIPLIER),
        }
        for name, array in self.arrays().items():
            dtype, expected, low, high = ranges[name]
            if array.dtype != dtype or array.shape != expected:
                raise ValueError(f"{name} is {array.dtype} {array.shape}; expected {np.dtype(dtype)} {expected}")
            if array.min() < low or array.max() > high:
                raise ValueError(f"{name} go from {array.min()} to {array.max()}; expected {low} to {high}")

    @property
    def count(self) -> int:
        """Number of values that the setting can take."""
        return len(self.scale_offsets)

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, those that are there."""
        return {name: array for name in _NAMES if (array := getattr(self, name)) is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "SettingTables | None":
        """The inverse of `arrays`, which may hold others besides; None if there are none of them.

        Raises:
            KeyError: some are missing.
            ValueError: see the class.
        """
        if not any(name in arrays for name in _NAMES):
            return None
        return cls(
            arrays["mean_multipliers"],
            arrays["mean_shifts"],
            arrays["scale_offsets"],
            arrays.get("latent_multipliers"),
        )


_NAMES = tuple(field.name for field in dataclasses.fields(SettingTables))
