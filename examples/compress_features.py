"""Latents outside images: features of any number of dimensions, channels last, to real bytes and back.

Run it with `python examples/compress_features.py [PICTURE]`.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxcompress as jc
from jaxcompress.entropy import (
    EntropyBottleneck,
    bottleneck_medians,
    build_bottleneck_tables,
    build_gaussian_tables,
    build_indexes,
    channel_indexes,
    default_scale_table,
    gaussian_likelihood,
    solve_quantiles,
)


def fit(values, steps=300):
    """Parameters of a factorized prior for values `[..., C]`, by their likelihood under noise."""
    prior = EntropyBottleneck(values.shape[-1])
    params = prior.init(jax.random.key(0), values)["params"]
    optimizer = optax.adam(1e-2)

    def bits(params, key):
        _, likelihoods = prior.apply({"params": params}, values, training=True, rngs={"noise": key})
        return -jnp.log2(likelihoods).mean()

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(bits)(params, key), state)
        return (optax.apply_updates(params, updates), state), None

    fitted = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys)[0][0])
    params = fitted((params, optimizer.init(params)), jax.random.split(jax.random.key(1), steps))
    return {**params, "quantiles": solve_quantiles(params)}


def with_factorized_prior(values):
    """Codes values `[..., C]` under one learned density for each channel."""
    params = fit(values)
    tables, medians = build_bottleneck_tables(params), bottleneck_medians(params)
    data = tables.encode(values, channel_indexes(values.shape), medians)
    decoded = tables.decode(data, channel_indexes(values.shape), medians)
    v_hat, likelihoods = EntropyBottleneck(values.shape[-1]).apply({"params": params}, values)
    return data, decoded, v_hat, likelihoods


def with_gaussians(values, scales, means):
    """Codes values of any shape under a Gaussian each, whose scale and mean the decoder knows."""
    tables = build_gaussian_tables(default_scale_table())
    indexes = build_indexes(scales, tables.scale_table)
    data = tables.encode(values, indexes, means)
    decoded = tables.decode(data, indexes, means)
    v_hat = jc.ops.quantize(values, means)
    return data, decoded, v_hat, gaussian_likelihood(v_hat, scales, means)


def report(name, values, coded):
    data, decoded, v_hat, likelihoods = coded
    assert (decoded == v_hat).all(), "what was decoded is what the likelihood rates, bit for bit"
    estimate = -np.log2(likelihoods).sum() / 8
    print(f"{name:24} {values.shape!s:20} {len(data):6} bytes, {estimate:8.0f} by the likelihood")


demo = Path(jc.__file__).parent / "demo" / "kingfisher.png"
picture = jc.codec.read_picture(sys.argv[1] if sys.argv[1:] else demo).pixels
x = picture[None, : picture.shape[0] // 64 * 64, : picture.shape[1] // 64 * 64] / np.float32(255)
weights = jc.zoo.load("mbt2018-mean-small")
g_a = weights.model().bind(weights.variables).g_a
features = jax.jit(lambda x: g_a.clone(layers=g_a.layers[:3]).apply({"params": weights.params["g_a"]}, x))(x)
features = 4 * features / features.std()  # the step of rounding is 1, so this chooses the rate

_, height, width, channels = features.shape
report("photograph", features, with_factorized_prior(features))

sequence = features.mean(1)  # [N, T, C]: the columns, one after the other
report("sequence", sequence, with_factorized_prior(sequence))

volume = features.reshape(1, height // 8, 8, width, channels)[:, :4]  # [N, D, H, W, C]: bands on top of each other
means, scales = (jnp.broadcast_to(f((0, 1, 2, 3)), volume.shape) for f in (volume.mean, volume.std))
report("volume", volume, with_gaussians(volume, scales, means))
