"""Tables by rate: one row for each whole rate, read in between and beyond."""

import jax
import jax.numpy as jnp


def interpolate_rows(table: jax.Array, rate: jax.Array) -> jax.Array:
    """Reads a table at real row numbers: linear between two rows, and beyond the ends as between the last two.

    Args:
        table: `[R, C]`, at least 2 rows.
        rate: row number for each picture, `[N]`, of any size.

    Returns:
        `[N, 1, 1, C]`, to multiply or add to feature maps `[N, H, W, C]`.
    """
    table = jnp.asarray(table)
    lower = jnp.clip(jnp.floor(rate).astype(jnp.int32), 0, len(table) - 2)
    fraction = (rate - lower)[:, None].astype(table.dtype)
    return (table[lower] * (1 - fraction) + table[lower + 1] * fraction)[:, None, None, :]
