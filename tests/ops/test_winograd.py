"""Winograd's form of convolutions against sums over taps in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcompress import ops

# In parts of the outputs' standard deviation. The largest error with 60 other seeds was 3.0e-5; of `conv2d` 6e-6.
TOLERANCE = 4e-5


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def convolve(x, kernel, stride):
    """Tap by tap, in float64."""
    margin = kernel.shape[0] // 2
    padded = np.pad(x.astype(np.float64), ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    height, width = x.shape[1:3]
    return sum(
        padded[:, i : i + height : stride, j : j + width : stride] @ kernel[i, j].astype(np.float64)
        for i, j in np.ndindex(kernel.shape[:2])
    )


def convolve_transposed(x, kernel, stride):
    """Tap by tap, in float64."""
    side, margin = kernel.shape[0], kernel.shape[0] // 2
    n, height, width, _ = x.shape
    y = np.zeros((n, stride * height + side, stride * width + side, kernel.shape[2]))
    for i, j in np.ndindex(kernel.shape[:2]):
        part = x.astype(np.float64) @ kernel[i, j].T.astype(np.float64)
        y[:, i : i + stride * height : stride, j : j + stride * width : stride] += part
    return y[:, margin : margin + stride * height, margin : margin + stride * width]


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * expected.std())


SIZES = [(1, 1), (2, 9), (8, 12), (13, 7)]
KINDS = [(3, 1), (5, 2)]


@pytest.mark.parametrize(("side", "stride"), KINDS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_winograd_convolution_is_the_sum_over_taps(height, width, side, stride):
    x, kernel, bias = normal(2, height, width, 40), normal(side, side, 40, 9), normal(9)
    prepared = ops.winograd_kernel(ops.one_phase_kernel(kernel, stride=stride))
    assert prepared.shape == (36, 40 * stride**2, 9)
    found = jax.jit(functools.partial(ops.winograd_conv2d, stride=stride))(x, prepared, bias)
    assert_close(found, convolve(x, kernel, stride) + bias)


@pytest.mark.parametrize(("side", "stride"), KINDS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_winograd_transposed_convolution_is_the_sum_over_taps(height, width, side, stride):
    x, kernel, bias = normal(2, height, width, 40), normal(side, side, 9, 40), normal(9)
    prepared = ops.winograd_kernel(ops.all_phases_kernel(kernel, stride=stride))
    assert prepared.shape == (36, 40, 9 * stride**2)
    found = jax.jit(functools.partial(ops.winograd_conv2d_transpose, stride=stride))(x, prepared, bias)
    assert_close(found, convolve_transposed(x, kernel, stride) + bias)


def test_pictures_of_a_batch_do_not_see_each_other():
    x, kernel = normal(3, 9, 6, 4), ops.winograd_kernel(normal(3, 3, 4, 5))
    convolve = jax.jit(ops.winograd_conv2d)
    alone = np.concatenate([convolve(picture[None], kernel) for picture in x])
    np.testing.assert_allclose(convolve(x, kernel), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("side", "stride"), [*KINDS, (3, 2), (1, 1)])
def test_kernels_of_phases_do_what_they_replace_exactly_on_integers(side, stride):
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (1, 6, 10, 4)).astype(np.float32)
    kernel = rng.integers(-9, 9, (side, side, 4, 4)).astype(np.float32)
    one_phase = ops.conv2d(ops.space_to_depth(x, stride), ops.one_phase_kernel(kernel, stride=stride))
    np.testing.assert_array_equal(one_phase, ops.conv2d(x, kernel, stride=stride))
    all_phases = ops.depth_to_space(ops.conv2d(x, ops.all_phases_kernel(kernel, stride=stride)), stride)
    np.testing.assert_array_equal(all_phases, ops.conv2d_transpose(x, kernel, stride=stride))


def test_depth_to_space_undoes_space_to_depth():
    x = normal(2, 6, 9, 5)
    np.testing.assert_array_equal(ops.depth_to_space(ops.space_to_depth(x, 3), 3), x)
    odd = ops.depth_to_space(ops.space_to_depth(x, 4), 4)
    np.testing.assert_array_equal(odd, np.pad(x, ((0, 0), (0, 2), (0, 3), (0, 0))))


def test_kernels_are_transformed_in_float64():
    kernel = normal(3, 3, 2, 2)
    g = np.array([[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1, 2, 4], [1, -2, 4], [0, 0, 1]])
    g[3:5] /= 24
    expected = np.einsum("ia,jb,abcd->ijcd", g, g, kernel.astype(np.float64)).reshape(36, 2, 2)
    found = ops.winograd_kernel(kernel)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1.2e-7, atol=1e-12)
