"""Rounding of weights so that what a layer makes of typical inputs changes least."""

from collections.abc import Sequence

import numpy as np

# Part of the mean of the moments' diagonal that is added to it: real inputs vary more than those that were met.
_DAMPING = 0.01
_BLOCK = 128


def moments(inputs: Sequence[np.ndarray], size: int, used: np.ndarray) -> np.ndarray:
    """Second moments of what the taps of a kernel see.

    Args:
        inputs: arrays `[h, w, in]`.
        size: side of the kernel.
        used: bool `[size * size * in]`, the taps and inputs to include.

    Returns:
        float64 `[U, U]`, the mean of products of every two that are used.
    """
    total, count = np.zeros(()), 0
    for signal in inputs:
        if min(signal.shape[:2]) < size:  # no tap lies inside at every place, so some have to see the margin
            signal = np.pad(signal, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(signal, (size, size), axis=(0, 1))  # [h', w', in, k, k]
        seen = windows.transpose(0, 1, 3, 4, 2).reshape(-1, len(used))[:, used].astype(np.float32)
        total = total + seen.T @ seen
        count += len(seen)
    return np.asarray(total, np.float64) / count


def round_weights(weights: np.ndarray, seen: np.ndarray, largest: int) -> np.ndarray:
    """Rounds weights one input after the other, and corrects each error with the inputs that are left.

    Args:
        weights: float64 `[in, out]`, in units of the integers wanted.
        seen: float64 `[in, in]`, see `moments`.
        largest: largest magnitude of an integer.

    Returns:
        float64 `[in, out]`, whole numbers.

    Source: Frantar et al. 2022, "GPTQ: accurate post-training quantization for generative pre-trained transformers",
    arXiv:2210.17323, algorithm 1.
    """
    damped = seen + np.eye(len(seen)) * (_DAMPING * np.trace(seen) / len(seen) + 1e-9)
    # Row j: how the inputs after input j best correct its error.
    factor = _inverse_root(damped)
    weights, rounded = weights.copy(), np.empty_like(weights)
    for begin in range(0, len(weights), _BLOCK):
        end = min(begin + _BLOCK, len(weights))
        errors = np.empty((end - begin, weights.shape[1]))
        for j in range(begin, end):
            rounded[j] = np.clip(np.rint(weights[j]), -largest, largest)
            errors[j - begin] = (weights[j] - rounded[j]) / factor[j, j]
            weights[j + 1 : end] -= factor[j, j + 1 : end, None] * errors[j - begin]
        weights[end:] -= factor[begin:end, end:].T @ errors
    return rounded


def _inverse_root(a: np.ndarray) -> np.ndarray:
    """The upper triangular u for which u^T u is the inverse of a positive definite matrix."""
    import scipy.linalg  # not needed to code pictures, and slow to load

    upper = scipy.linalg.cholesky(a[::-1, ::-1], lower=True)[::-1, ::-1]  # upper upper^T = a
    return scipy.linalg.solve_triangular(upper, np.eye(len(a)))
