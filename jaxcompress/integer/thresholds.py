"""Table indexes of scales: how many thresholds a scale exceeds."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Products of a line stay below this.
_PRODUCT_BITS = 30


def find_line(thresholds: np.ndarray) -> np.ndarray | None:
    """A line that counts evenly spaced thresholds exactly, such as those of logarithms of scales.

    One product for each scale takes the place of as many comparisons as there are thresholds.

    Args:
        thresholds: int32 `[R - 1]`, ascending.

    Returns:
        int32 `[5]`: the least scale and the greatest that matter, a slope, an offset and a shift, so that the index of
        a scale s is `((clip(s, least, greatest) - least) * slope + offset) >> shift`. None where no line is exact.
    """
    if not len(thresholds) or thresholds[-1] == np.iinfo(np.int32).max:  # the next whole number has no place
        return None
    steps = thresholds.astype(np.int64) - thresholds[0]
    span, count = int(steps[-1]) + 1, len(steps)
    shift = _PRODUCT_BITS - count.bit_length()
    # The line reaches i + 1 between threshold i and the next whole number, and nothing else is asked of it.
    ends = np.arange(1, count + 1) << shift

    def offsets(slope: int) -> tuple[int, int]:
        """The least and the greatest offset for a slope; there is none if they cross."""
        return max(0, int((ends - (steps + 1) * slope).max())), int((ends - steps * slope).min()) - 1

    # The room between the two is concave in the slope.
    low, high = 1, int(ends[-1]) // span + 1
    while low < high:
        middle = (low + high) // 2
        rooms = [greatest - least for least, greatest in (offsets(middle), offsets(middle + 1))]
        low, high = (middle + 1, high) if rooms[1] > rooms[0] else (low, middle)
    least, greatest = offsets(low)
    if least > greatest or span * low + least > np.iinfo(np.int32).max:
        return None
    return np.array([thresholds[0], int(thresholds[0]) + span, low, (least + greatest) // 2, shift], np.int32)


def count_below(scales: jax.Array, thresholds: jax.Array, line: jax.Array | None) -> jax.Array:
    """The number of thresholds below each scale, uint8.

    Args:
        scales: int32, of any shape.
        thresholds: int32 `[R - 1]`.
        line: of these thresholds, see `find_line`.
    """
    if line is not None:
        least, greatest, slope, offset, shift = line
        return (((jnp.clip(scales, least, greatest) - least) * slope + offset) >> shift).astype(jnp.uint8)

    if not len(thresholds):
        return jnp.zeros(scales.shape, jnp.uint8)

    def count(i: int, indexes: jax.Array) -> jax.Array:
        return indexes + (scales > thresholds[i]).astype(jnp.uint8)

    return lax.fori_loop(0, len(thresholds), count, jnp.zeros(scales.shape, jnp.uint8), unroll=True)
