"""Counts of products and parameters, by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn
from jax import lax

from jaxcompress import create, ops
from jaxcompress.evaluate.complexity import complexity, count_macs, totals
from jaxcompress.layers import Conv
from jaxcompress.models import MeanScaleHyperprior


def by_name(model, **size):
    return {stage.name: stage for stage in complexity(model, **size)}


def array(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def test_mbt2018_mean_by_hand():
    n, m = 128, 192
    stages = by_name(create("mbt2018-mean", n=n, m=m))
    # A convolution costs in * out * k**2 for each of its outputs, a transposed one for each of its inputs, GDN n**2 for
    # each position. There is one position for 1, 4, 16, 64, 256 pixels after 0 to 4 strides of 2, and 1024, 4096 in z.
    macs = {
        "g_a": (3 * n * 25 + n * n) / 4 + (n * n * 25 + n * n) / 16 + (n * n * 25 + n * n) / 64 + n * m * 25 / 256,
        "h_a": m * n * 9 / 256 + n * n * 25 / 1024 + n * n * 25 / 4096,
        "h_s": n * m * 25 / 4096 + m * (m * 3 // 2) * 25 / 1024 + (m * 3 // 2) * (m * 2) * 9 / 256,
        "g_s": m * n * 25 / 256 + (n * n + n * n * 25) / 64 + (n * n + n * n * 25) / 16 + (n * n + n * 3 * 25) / 4,
    }
    gdn = n * n + n
    parameters = {
        "g_a": (3 * n * 25 + n) + 2 * (n * n * 25 + n) + (n * m * 25 + m) + 3 * gdn,
        "h_a": (m * n * 9 + n) + 2 * (n * n * 25 + n),
        "h_s": (n * m * 25 + m) + (m * 288 * 25 + 288) + (288 * 384 * 9 + 384),
        "g_s": (m * n * 25 + n) + 2 * (n * n * 25 + n) + (n * 3 * 25 + 3) + 3 * gdn,
        # widths 1, 3, 3, 3, 3, 1: matrices, biases, factors, and three quantiles
        "factorized prior": n * ((3 + 9 + 9 + 9 + 3) + (3 + 3 + 3 + 3 + 1) + (3 + 3 + 3 + 3) + 3),
    }
    assert list(stages) == ["g_a", "h_a", "h_s", "g_s", "factorized prior"]
    assert {name: stage.kmac_per_pixel * 1000 for name, stage in stages.items()} == pytest.approx(
        macs | {"factorized prior": 0}
    )
    assert {name: stage.parameters for name, stage in stages.items()} == parameters
    encoder, decoder, _ = totals(list(stages.values()))
    assert encoder * 1000 == pytest.approx(macs["g_a"] + macs["h_a"] + macs["h_s"])
    assert decoder * 1000 == pytest.approx(macs["h_s"] + macs["g_s"])


def test_mbt2018_counts_taps_in_use_for_each_position():
    m = 192
    stages = by_name(create("mbt2018", n=192, m=m))
    assert stages["context"].kmac_per_pixel * 256_000 == pytest.approx(12 * m * 2 * m)
    assert stages["context"].parameters == 25 * m * 2 * m + 2 * m
    assert stages["entropy parameters"].kmac_per_pixel * 256_000 == pytest.approx(768 * 640 + 640 * 512 + 512 * 384)
    assert stages["entropy parameters"].parameters == 768 * 640 + 640 + 640 * 512 + 512 + 512 * 384 + 384
    assert stages["context"].encoder
    assert stages["context"].decoder


@pytest.mark.parametrize(
    ("architecture", "parameters"),
    [  # what CompressAI's networks of quality 1 have
        ("bmshj2018-factorized", 2998147),
        ("bmshj2018-factorized-relu", 2899075),
        ("bmshj2018-hyperprior", 5075843),
        ("mbt2018-mean", 7028003),
        ("mbt2018", 14130467),
        ("cheng2020-anchor", 11833149),
        ("cheng2020-attn", 13183293),
    ],
)
def test_parameters_are_those_of_compressai(architecture, parameters):
    stages = complexity(create(architecture, quality=1))
    assert totals(stages)[2] == parameters
    assert "unused" not in {stage.name for stage in stages}


def test_the_size_matters_by_its_padding_alone():
    model = create("mbt2018-mean", n=4, m=4)
    one, two = by_name(model, height=64, width=64), by_name(model, height=512, width=128)
    assert {name: stage.kmac_per_pixel for name, stage in one.items()} == pytest.approx(
        {name: stage.kmac_per_pixel for name, stage in two.items()}
    )
    padded = by_name(model, height=33, width=65)
    assert padded["g_s"].kmac_per_pixel == pytest.approx(one["g_s"].kmac_per_pixel * 64 * 128 / (33 * 65))
    with pytest.raises(ValueError, match="at least 1 x 1"):
        complexity(model, height=0)


def test_weights_are_counted_as_their_model(golden_of):
    weights = golden_of("bmshj2018-factorized").weights
    assert complexity(weights) == complexity(weights.model())


class _Analysis(nn.Module):
    """A sixteenth of the sides by one convolution, of every eighth pixel."""

    features: int

    @nn.compact
    def __call__(self, x):
        return Conv(self.features, 3, 2, name="conv")(x[:, ::8, ::8])


class _Own(MeanScaleHyperprior):
    """A researcher's model: another g_a, a network between h_s and the parameters, and numbers that nothing reads."""

    def make_g_a(self) -> Any:
        return _Analysis(self.m)

    def setup(self):
        super().setup()
        self.refine = nn.Dense(2 * self.m)
        self.spare = self.param("spare", nn.initializers.zeros, (7,))

    def gaussian_parameters(self, hyper):
        return super().gaussian_parameters(self.refine(hyper))


def test_own_models_are_counted():
    m = 6
    stages = by_name(_Own(n=8, m=m))
    assert stages["g_a"].kmac_per_pixel * 256_000 == pytest.approx(9 * 3 * m)
    assert stages["g_a"].parameters == 9 * 3 * m + m
    assert stages["entropy parameters"].kmac_per_pixel * 256_000 == pytest.approx(2 * m * 2 * m)
    assert stages["entropy parameters"].parameters == 2 * m * 2 * m + 2 * m
    assert stages["unused"].parameters == 7


@jax.custom_vjp
def _custom(a, b):
    return a @ b


_custom.defvjp(lambda a, b: (a @ b, (a, b)), lambda saved, g: (g @ saved[1].T, saved[0].T @ g))


def test_products_are_found_wherever_they_are():
    a, b = array(2, 3), array(3, 5)
    square = array(4, 4)
    assert count_macs(lambda a, b: a @ b, a, b) == 30
    assert count_macs(jax.jit(lambda a, b: jnp.sin(a) @ b), a, b) == 30
    assert count_macs(_custom, a, b) == 30
    assert count_macs(jax.checkpoint(lambda a, b: a @ b), a, b) == 30
    assert count_macs(jax.vmap(lambda a, b: a @ b), array(7, 2, 3), array(7, 3, 5)) == 7 * 30
    assert count_macs(lambda x: lax.scan(lambda c, _: (c @ c, None), x, None, length=6)[0], square) == 6 * 64
    assert count_macs(lambda x: lax.fori_loop(0, 6, lambda _, c: c @ c, x), square) == 6 * 64
    assert count_macs(lambda x: lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x @ x @ x, x), square) == 128
    assert count_macs(lambda x: lax.while_loop(lambda x: x[0, 0] > 0, lambda x: x + 1, x), square) == 0
    with pytest.raises(ValueError, match="unknown number of times"):
        count_macs(lambda x: lax.while_loop(lambda x: x[0, 0] > 0, lambda x: x @ x, x), square)


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_by_hand(groups):
    def count(x, kernel, stride, **options):
        def convolve(x, kernel):
            return lax.conv_general_dilated(
                x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), **options
            )

        return count_macs(convolve, x, kernel)

    x, kernel = array(2, 8, 8, 4), array(3, 3, 4 // groups, 6)
    each = 9 * (4 // groups) * 6
    assert count(x, kernel, 1, feature_group_count=groups) == 2 * 64 * each
    assert count(x, kernel, 2, feature_group_count=groups) == 2 * 16 * each
    assert count(x, kernel, 1, feature_group_count=groups, rhs_dilation=(2, 2)) == 2 * 64 * each


def test_transposed_convolutions_cost_the_same_however_written():
    x = array(1, 16, 16, 4)
    dilated = count_macs(
        lambda x, kernel: lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        x,
        array(5, 5, 4, 6),
    )
    by_phases = count_macs(ops.conv2d_transpose, x, array(5, 5, 6, 4))
    assert dilated == by_phases == 16 * 16 * 25 * 4 * 6
