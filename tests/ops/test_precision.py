"""How exactly products are computed: as asked, else as exactly as can be."""

import re

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from jaxcompress import ops

X = jnp.zeros((1, 8, 8, 4))
KERNEL = jnp.zeros((5, 5, 4, 4))
GAMMA, BETA = jnp.zeros((4, 4)), jnp.ones(4)

OPERATIONS = {
    "conv2d": lambda x, **options: ops.conv2d(x, KERNEL, stride=2, **options),
    "conv2d_transpose": lambda x, **options: ops.conv2d_transpose(x, KERNEL, **options),
    "masked_conv2d": lambda x, **options: ops.masked_conv2d(x, KERNEL, mask=ops.causal_mask(5), **options),
    "gdn": lambda x, **options: ops.gdn(x, BETA, GAMMA, **options),
    "gdn1": lambda x, **options: ops.gdn1(x, BETA, GAMMA, inverse=True, **options),
}

operations = pytest.mark.parametrize("name", OPERATIONS)


def precisions(name, **options):
    """Of all products in an operation and in its gradient, as they reach the compiler."""
    value_and_grad = jax.value_and_grad(lambda x: OPERATIONS[name](x, **options).sum())
    text = jax.jit(value_and_grad).lower(X).as_text()
    products = [
        line for line in text.splitlines() if "stablehlo.convolution" in line or "stablehlo.dot_general" in line
    ]
    assert len(products) >= 2
    return {precision for line in products for precision in re.findall(r"\b(DEFAULT|HIGH|HIGHEST)\b", line) or ["none"]}


@operations
def test_products_are_as_exact_as_can_be_unless_asked_otherwise(name):
    assert precisions(name) == {"HIGHEST"}


@operations
def test_products_are_as_asked_for_by_argument(name):
    assert precisions(name, precision=lax.Precision.DEFAULT) == {"DEFAULT"}


@operations
@pytest.mark.parametrize(
    ("asked", "expected"), [("bfloat16", "DEFAULT"), ("tensorfloat32", "HIGH"), ("float32", "HIGHEST")]
)
def test_products_are_as_asked_for_around_them(name, asked, expected):
    with jax.default_matmul_precision(asked):
        assert precisions(name) == {expected}


@operations
def test_the_argument_counts_for_more_than_what_is_asked_for_around(name):
    with jax.default_matmul_precision("bfloat16"):
        assert precisions(name, precision=lax.Precision.HIGHEST) == {"HIGHEST"}
