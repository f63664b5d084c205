"""The pure functions against values worked out by hand, or by PyTorch."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from jaxcompress import ops
from jaxcompress.ops.kernel_gradient import _by_convolution, _by_products

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def nchw(x):
    return torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))


def from_torch(x):
    return x.detach().numpy().transpose(0, 2, 3, 1)


def test_lower_bound_passes_gradients_that_lead_back_inside():
    x = jnp.array([0.1, 0.1, 0.5, 0.9])
    value, pull = jax.vjp(lambda x: ops.lower_bound(x, 0.5), x)
    np.testing.assert_array_equal(value, np.array([0.5, 0.5, 0.5, 0.9], np.float32))
    np.testing.assert_array_equal(pull(jnp.array([1.0, -1, 1, 1]))[0], [0, -1, 1, 1])


def test_lower_bound_keeps_nan_and_gives_the_bound_no_gradient():
    assert np.isnan(ops.lower_bound(jnp.array([np.nan]), 0.5)).all()
    assert jax.grad(lambda b: ops.lower_bound(jnp.ones(3), b).sum())(2.0) == 0


def test_rounding_is_half_to_even_and_its_gradient_the_identity():
    x = jnp.array([0.5, 1.5, -0.5, 2.4])
    np.testing.assert_array_equal(ops.round_ste(x), [0, 2, 0, 2])
    np.testing.assert_array_equal(jax.grad(lambda x: (3 * ops.round_ste(x)).sum())(x), [3, 3, 3, 3])


def test_quantize_rounds_the_distance_from_the_mean():
    x, means = jnp.array([1.4, 1.6, 2.5]), jnp.array([0.25, 0.25, 0.0])
    np.testing.assert_allclose(ops.quantize(x, means), [1.25, 1.25, 2.0])
    np.testing.assert_array_equal(ops.quantize(x), [1, 2, 2])


def test_noise_is_uniform_within_half(key):
    noise = ops.add_uniform_noise(jnp.zeros(10000), key=key)
    assert noise.min() >= -0.5
    assert noise.max() < 0.5
    assert abs(noise.mean()) < 0.01
    assert noise.var() == pytest.approx(1 / 12, rel=0.05)


def test_non_negative_inverts_its_initialization_and_respects_the_minimum():
    values = jnp.array([0.0, 1e-6, 0.1, 1.0, 7.0])
    np.testing.assert_allclose(ops.non_negative(ops.non_negative_init(values)), values, rtol=1e-5, atol=1e-9)
    assert ops.non_negative(jnp.array(-3.0), minimum=1e-6) == pytest.approx(1e-6, rel=1e-4)
    # Stored values that CompressAI starts GDN with.
    assert float(ops.non_negative_init(jnp.array(0.1))) == pytest.approx(0.31622776, rel=1e-6)
    assert float(ops.non_negative_init(jnp.array(0.0))) == pytest.approx(2.0**-18, rel=1e-6)


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn_pools_the_energy_of_all_channels(inverse):
    x, beta, gamma = normal(2, 3, 4), np.float32([1.0, 2, 3, 4]), np.abs(normal(4, 4))
    norm = np.sqrt(beta + np.einsum("...j,ji->...i", x.astype(np.float64) ** 2, gamma))
    expected = x * norm if inverse else x / norm
    np.testing.assert_allclose(ops.gdn(x, beta, gamma, inverse=inverse), expected, rtol=1e-5)


@pytest.mark.parametrize("inverse", [False, True])
def test_simplified_gdn_pools_magnitudes(inverse):
    x, beta, gamma = normal(2, 3, 4), np.float32([1.0, 2, 3, 4]), np.abs(normal(4, 4))
    norm = beta + np.einsum("...j,ji->...i", np.abs(x.astype(np.float64)), gamma)
    expected = x * norm if inverse else x / norm
    np.testing.assert_allclose(ops.gdn1(x, beta, gamma, inverse=inverse), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "kernel_size", "stride"), [((8, 6), 5, 2), ((7, 9), 3, 2), ((5, 4), 3, 1), ((4, 4), 1, 1)]
)
def test_conv2d_and_its_gradients_equal_pytorch(size, kernel_size, stride):
    x, kernel, bias = normal(2, *size, 3), normal(kernel_size, kernel_size, 3, 4), normal(4)
    tx, tk = nchw(x).requires_grad_(), torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).requires_grad_()
    expected = torch.nn.functional.conv2d(tx, tk, torch.from_numpy(bias), stride, kernel_size // 2)
    found, pull = jax.vjp(lambda x, k: ops.conv2d(x, k, bias, stride=stride), x, kernel)
    np.testing.assert_allclose(found, from_torch(expected), atol=1e-5)
    g = normal(*found.shape)
    (expected * nchw(g)).sum().backward()
    gx, gk = pull(g)
    np.testing.assert_allclose(gx, from_torch(tx.grad), atol=2e-5)
    np.testing.assert_allclose(gk, tk.grad.numpy().transpose(2, 3, 1, 0), atol=2e-5)


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_zeros_of_a_convolution_lie_where_asked_for(kernel_size, stride, before):
    before = min(before, kernel_size - 1)
    x, kernel = normal(2, 7, 6, 3), normal(kernel_size, kernel_size, 3, 4)
    tx, tk = nchw(x).requires_grad_(), torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).requires_grad_()
    sides = (before, kernel_size - 1 - before)
    expected = torch.nn.functional.conv2d(torch.nn.functional.pad(tx, sides * 2), tk, stride=stride)
    found, pull = jax.vjp(lambda x, k: ops.conv2d(x, k, stride=stride, before=before), x, kernel)
    np.testing.assert_allclose(found, from_torch(expected), atol=2e-5)
    g = normal(*found.shape)
    expected.backward(nchw(g))
    gx, gk = pull(g)
    np.testing.assert_allclose(gx, from_torch(tx.grad), atol=2e-5)
    np.testing.assert_allclose(gk, tk.grad.numpy().transpose(2, 3, 1, 0), atol=5e-5)


def test_a_pointwise_convolution_is_one():
    x, kernel, bias = normal(2, 3, 4, 5), normal(1, 1, 5, 6), normal(6)
    np.testing.assert_allclose(ops.pointwise(x, kernel, bias), ops.conv2d(x, kernel, bias), atol=1e-5)


def test_rows_are_interpolated_and_extrapolated():
    table = np.float32([[0, 10], [1, 20], [3, 0]])
    rows = ops.interpolate_rows(table, jnp.array([0, 0.5, 1, 1.25, 2, 2.5, -1]))
    expected = [[0, 10], [0.5, 15], [1, 20], [1.5, 15], [3, 0], [4, -10], [-1, 0]]
    np.testing.assert_allclose(rows[:, 0, 0], expected, atol=1e-6)
    assert rows.shape == (7, 1, 1, 2)


@pytest.mark.parametrize(("kernel_size", "stride"), [(5, 2), (3, 2), (3, 1), (5, 3), (1, 2)])
def test_conv2d_transpose_and_its_gradients_equal_pytorch(kernel_size, stride):
    x, kernel, bias = normal(2, 4, 3, 3), normal(kernel_size, kernel_size, 4, 3), normal(4)
    tx, tk = nchw(x).requires_grad_(), torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()).requires_grad_()
    expected = torch.nn.functional.conv_transpose2d(
        tx, tk, torch.from_numpy(bias), stride, kernel_size // 2, stride - 1
    )
    found, pull = jax.vjp(lambda x, k: ops.conv2d_transpose(x, k, bias, stride=stride), x, kernel)
    assert found.shape == (2, 4 * stride, 3 * stride, 4)
    np.testing.assert_allclose(found, from_torch(expected), atol=1e-5)
    g = normal(*found.shape)
    (expected * nchw(g)).sum().backward()
    gx, gk = pull(g)
    np.testing.assert_allclose(gx, from_torch(tx.grad), atol=2e-5)
    np.testing.assert_allclose(gk, tk.grad.numpy().transpose(2, 3, 1, 0), atol=2e-5)


@pytest.mark.parametrize("channels", [3, 9])
@pytest.mark.parametrize(("stride", "size", "side"), [(1, 3, 5), (2, 5, 8), (2, 5, 7), (3, 5, 7), (2, 1, 6)])
def test_kernel_gradients_by_products_equal_those_by_convolution(stride, size, side, channels):
    # Both forms in one test: which of them a layer gets depends on its width and on the platform.
    rows = -(-side // stride)
    x, g = normal(4, side, side + 1, channels), normal(4, rows, -(-(side + 1) // stride), 7)
    options = {"size": size, "stride": stride, "before": size // 2, "precision": "highest"}
    expected = _by_convolution(x, g, **options)
    np.testing.assert_allclose(_by_products(x, g, **options), expected, atol=1e-5 * np.abs(expected).max())


def test_kernel_gradients_of_bfloat16_are_summed_in_float32():
    x, g = (jnp.asarray(normal(8, 32, 32, channels), jnp.bfloat16) for channels in (3, 4))
    options = {"size": 3, "stride": 1, "before": 1, "precision": None}
    expected = _by_products(x.astype(jnp.float32), g.astype(jnp.float32), **options)
    found = _by_products(x, g, **options)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(jnp.float32), expected, rtol=2**-8)


@pytest.mark.parametrize("apply", [ops.conv2d, ops.conv2d_transpose])
def test_convolutions_in_a_loop_keep_the_layout_of_the_fast_path_on_cpus(apply, key):
    # Elsewhere XLA rewrites other layouts; in a loop it takes a path that is ten times slower.
    kernel = jax.random.normal(key, (5, 5, 16, 16))

    @jax.jit
    def in_a_loop(xs):
        gradients = jax.grad(lambda x, kernel: jnp.sum(apply(x, kernel, stride=2) ** 2), argnums=(0, 1))
        return jax.lax.map(lambda x: gradients(x, kernel), xs)

    text = in_a_loop.lower(jnp.ones((3, 2, 16, 16, 16))).compile().as_text()
    layouts = re.findall(r" convolution\(.*dim_labels=(\S+?),", text)
    assert len(layouts) >= 6
    assert set(layouts) == {"b01f_01io->b01f"}


def test_second_derivatives_of_convolutions_exist():
    x, kernel = normal(1, 4, 4, 2), normal(3, 3, 2, 2)

    def penalty(kernel):
        gradient = jax.grad(lambda x: (ops.conv2d(x, kernel, stride=2) ** 2).sum())(x)
        return (gradient**2).sum()

    step = 1e-2
    direction = normal(*kernel.shape)
    slope = (penalty(kernel + step * direction) - penalty(kernel - step * direction)) / (2 * step)
    assert float((jax.grad(penalty)(kernel) * direction).sum()) == pytest.approx(float(slope), rel=1e-2)


def test_causal_masks():
    a = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(ops.causal_mask(5, kind="A"), a)
    b = a.copy()
    b[2, 2] = 1
    np.testing.assert_array_equal(ops.causal_mask(5, kind="B"), b)


def test_checkerboard_masks():
    np.testing.assert_array_equal(ops.checkerboard_mask(3, kind="A"), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(ops.checkerboard_mask(3, kind="B"), [[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def test_anchors_of_a_checkerboard():
    np.testing.assert_array_equal(ops.checkerboard(3, 4), np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]], bool))
    assert ops.checkerboard(3, 4).dtype == bool


@pytest.mark.parametrize("make", [ops.causal_mask, ops.checkerboard_mask])
def test_masks_refuse_what_they_do_not_know(make):
    with pytest.raises(ValueError, match="'C'"):
        make(5, kind="C")
    with pytest.raises(ValueError, match="kernel_size is 4"):
        make(4, kind="A")


@pytest.mark.parametrize("mask", [ops.causal_mask(5), ops.causal_mask(5, kind="B"), ops.checkerboard_mask(5)])
def test_masked_convolution_at_a_position_equals_the_whole(mask):
    x, kernel, bias = normal(1, 5, 5, 3), normal(5, 5, 3, 4), normal(4)
    whole = ops.masked_conv2d(x, kernel, bias, mask=mask)[0, 2, 2]
    np.testing.assert_allclose(ops.masked_conv2d_at(x[0], kernel, bias, mask=mask), whole, atol=1e-5)


def test_a_causal_context_does_not_look_ahead():
    x, kernel = normal(1, 6, 6, 2), normal(5, 5, 2, 3)
    changed = x.copy()
    changed[0, 3, 2:] = changed[0, 4:] = 9  # this position and all after it
    before, after = (ops.masked_conv2d(v, kernel, mask=ops.causal_mask(5)) for v in (x, changed))
    np.testing.assert_array_equal(before[0, :3], after[0, :3])
    np.testing.assert_array_equal(before[0, 3, :3], after[0, 3, :3])
    assert (before[0, 3, 3] != after[0, 3, 3]).all()


def test_pixel_shuffle_equals_pytorch():
    x = normal(2, 3, 4, 12)
    expected = from_torch(torch.nn.functional.pixel_shuffle(nchw(x), 2))
    np.testing.assert_array_equal(ops.pixel_shuffle(x, 2), expected)
    with pytest.raises(ValueError, match="12 must divide by factor"):
        ops.pixel_shuffle(x, 5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (63, 65), (64, 128), (131, 205)])
def test_padding_is_centred_and_undone_by_cropping(height, width):
    padding = ops.centered_padding(height, width, 64)
    x = normal(1, height, width, 3)
    padded = ops.pad(x, padding)
    assert padded.shape[1] % 64 == padded.shape[2] % 64 == 0
    assert 0 <= padding.bottom - padding.top <= 1
    assert 0 <= padding.right - padding.left <= 1
    np.testing.assert_array_equal(ops.crop(padded, padding), x)
    assert padded.sum() == pytest.approx(x.sum(), abs=1e-3)
