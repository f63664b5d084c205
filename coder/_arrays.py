"""Checks that turn what the caller gives into the arrays that the extension takes."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

_INT32 = np.iinfo(np.int32)


def int32_array(name: str, values: ArrayLike) -> NDArray[np.int32]:
    """The integers `values` as a C-contiguous int32 array of the same shape.

    Raises:
        ValueError: not an array of integers, or one that does not fit int32. The message starts with `name`.
    """
    array = _integer_array(name, values)
    if array.dtype != np.int32 and not np.can_cast(array.dtype, np.int32):
        outside = np.flatnonzero((array < _INT32.min) | (array > _INT32.max))
        if outside.size:
            position = outside[0]
            raise ValueError(
                f"{name}[{position}] is {array.flat[position]}, which does not fit int32 "
                f"(expected {_INT32.min} to {_INT32.max})"
            )
    return _contiguous(array, np.int32)


def index_array(name: str, values: ArrayLike) -> NDArray[np.uint8] | NDArray[np.int32]:
    """Like `int32_array`, but an array of uint8 stays one, and a broadcast one becomes one if it can."""
    array = _integer_array(name, values)
    if array.dtype == np.uint8:
        return _contiguous(array, np.uint8)
    if array.size and 0 in array.strides:
        distinct = array[tuple(slice(1) if stride == 0 else slice(None) for stride in array.strides)]
        if distinct.min() >= 0 and distinct.max() <= 255:  # a quarter of the memory to write and read
            return _contiguous(np.broadcast_to(distinct.astype(np.uint8), array.shape), np.uint8)
    return int32_array(name, array)


def float32_array(name: str, values: ArrayLike) -> NDArray[np.float32]:
    """The numbers `values` rounded to float32, as a C-contiguous array of the same shape.

    Raises:
        ValueError: not an array of real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} has dtype {array.dtype}, expected float32 or another real dtype")
    with np.errstate(over="ignore"):  # what overflows becomes infinite, which the extension reports
        return _contiguous(array, np.float32)


def exact_array(name: str, values: ArrayLike, dtype: DTypeLike) -> NDArray:
    """The array `values`, which has this dtype, C-contiguous.

    Raises:
        ValueError: it has another dtype. The message starts with `name`.
    """
    array = np.asarray(values)
    if array.dtype != dtype:
        raise ValueError(f"{name} has dtype {array.dtype}, expected {np.dtype(dtype)}")
    return _contiguous(array, dtype)


def _integer_array(name, values):
    array = np.asarray(values)
    if array.size == 0 and isinstance(values, list | tuple):
        array = array.astype(np.int32)  # NumPy makes float64 of an empty list
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {array.dtype}, expected int32 or another integer dtype; round and cast it")
    return array


def _contiguous(array, dtype):
    array = np.asarray(array, dtype, order="C")
    return array if array.flags.aligned else array.copy()
