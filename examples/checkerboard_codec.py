"""A context in two passes: a model of your own, trained a few steps, coded to real strings and decoded exactly.

Run it with `python examples/checkerboard_codec.py [PICTURE]`.

Source: He et al. 2021, "Checkerboard context model for efficient learned image compression".
"""

import functools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

import jaxcompress as jc
from jaxcompress import train
from jaxcompress.entropy import bottleneck_medians, build_indexes, channel_indexes, gaussian_likelihood
from jaxcompress.layers import CheckerboardConv, Conv, Sequential, SubPixelConv, leaky_relu


class Checkerboard(jc.models.MeanScaleHyperprior):
    def make_g_a(self):  # one layer for each transform, which trains in seconds
        return nn.Conv(self.m, (16, 16), 16)

    def make_g_s(self):
        return SubPixelConv(3, 16)

    def make_h_a(self):
        return nn.Conv(self.n, (4, 4), 4)

    def make_h_s(self):
        return SubPixelConv(2 * self.m, 4)

    def setup(self):
        super().setup()
        self.context = CheckerboardConv(2 * self.m)
        layer = functools.partial(Conv, 2 * self.m, kernel_size=1, stride=1)
        self.entropy_parameters = Sequential((layer, leaky_relu, layer))

    def gaussian_parameters(self, hyper, y_hat):  # the context sees the anchors of y_hat, and is zero there
        parameters = self.entropy_parameters(jnp.concatenate([hyper, self.context(y_hat)], -1))
        return jnp.split(parameters, 2, axis=-1)

    def __call__(self, x, *, training=False):
        y = self.analysis(x)
        z_hat, z_likelihood = self.entropy_bottleneck(self.hyper_analysis(y), training=training)
        hyper = self.hyper_synthesis(z_hat)
        if training:
            y_hat = self.training_quantizer(y, key=self.make_rng("noise"))  # one pass: uniform noise needs no means
        else:
            _, means = self.gaussian_parameters(hyper, y)  # of the anchors, which see nothing of y
            _, means = self.gaussian_parameters(hyper, jc.ops.quantize(y, means))
            y_hat = jc.ops.quantize(y, means)
        y_likelihood = gaussian_likelihood(y_hat, *self.gaussian_parameters(hyper, y_hat))
        return jc.models.Output(self.synthesis(y_hat), y_hat, {"y": y_likelihood, "z": z_likelihood})


def code(apply, tables, z_hat, y=None, strings=None):
    """Encodes y, or decodes strings of y where they are given: strings and y_hat."""
    hyper = apply(z_hat, method="hyper_synthesis")
    anchors = jc.ops.checkerboard(*hyper.shape[1:3])
    y_hat, coded = np.zeros((*hyper.shape[:3], hyper.shape[-1] // 2), np.float32), []
    for i, part in enumerate((anchors, ~anchors)):
        scales, means = apply(hyper, y_hat, method="gaussian_parameters")
        indexes, means = build_indexes(scales, tables.scale_table)[:, part], means[:, part]
        coded.append(tables.encode(y[:, part], indexes, means) if strings is None else strings[i])
        y_hat[:, part] = tables.decode(coded[-1], indexes, means)
    return coded, y_hat


demo = Path(jc.__file__).parent / "demo" / "kingfisher.png"
picture = jc.codec.read_picture(sys.argv[1] if sys.argv[1:] else demo).pixels
x = picture[None, : picture.shape[0] // 64 * 64, : picture.shape[1] // 64 * 64] / np.float32(255)

model, steps, rng = Checkerboard(n=16, m=48), 100, np.random.default_rng(0)
optimizer = train.Optimizer(learning_rate=5e-3)
loss = functools.partial(train.rate_distortion, lmbda=0.05)
step = jax.jit(train.make_step(model, optimizer, loss=loss, steps=steps))
params = jax.jit(model.init)(jax.random.key(0), np.zeros((1, 64, 64, 3), np.float32))["params"]
state = train.init_state(params, optimizer, steps=steps)
for _ in range(steps):
    top, left = (rng.integers(0, size - 63) for size in x.shape[1:3])
    state, metrics = step(state, x[:, top : top + 64, left : left + 64], jax.random.key(1))
print(f"after {steps} steps: loss {metrics['loss']:.2f}")

weights = jc.Weights.from_params("checkerboard", model, train.with_solved_quantiles(state.params))
tables, medians = weights.tables, bottleneck_medians(weights.params["entropy_bottleneck"])
apply = functools.partial(jax.jit(model.apply, static_argnames="method"), weights.variables)
y = apply(x, method="analysis")
z = apply(y, method="hyper_analysis")
z_indexes = channel_indexes(z.shape)

z_string = tables["entropy_bottleneck"].encode(z, z_indexes, medians)
z_hat = tables["entropy_bottleneck"].decode(z_string, z_indexes, medians)
strings, y_hat = code(apply, tables["gaussian_conditional"], z_hat, y=y)
_, decoded = code(apply, tables["gaussian_conditional"], z_hat, strings=strings)
assert (decoded == y_hat).all()

estimate = {name: -np.log2(p).sum() / 8 for name, p in apply(x).likelihoods.items()}
print(f"y: {len(strings[0])} + {len(strings[1])} bytes in two passes, {estimate['y']:.0f} by its likelihood")
print(f"z: {len(z_string)} bytes, {estimate['z']:.0f} by its likelihood")
