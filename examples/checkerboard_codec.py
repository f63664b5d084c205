"""A prior of your own: y in two passes, trained a few steps, coded to a real file and decoded exactly.

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
from jaxcompress.layers import CheckerboardConv, Conv, Sequential, SubPixelConv, leaky_relu


class TwoPasses(jc.priors.Prior):
    def passes(self, shape):  # the anchors, then the others
        anchors = np.broadcast_to(jc.ops.checkerboard(*shape[:2])[..., None], shape)
        return anchors, ~anchors

    def parameters(self, model, known, y_hat, number):  # the context sees the anchors of y_hat, and is zero there
        context = model.context(y_hat)
        return jnp.split(model.entropy_parameters(jnp.concatenate([known, context], -1)), 2, axis=-1)


class Checkerboard(jc.models.MeanScaleHyperprior):
    def make_prior(self):
        return TwoPasses()

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


demo = Path(jc.__file__).parent / "demo" / "kingfisher.png"
picture = jc.codec.read_picture(sys.argv[1] if sys.argv[1:] else demo).pixels
picture = picture[: picture.shape[0] // 64 * 64, : picture.shape[1] // 64 * 64]
x = picture[None] / np.float32(255)

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
weights.save("checkerboard.safetensors", overwrite=True)
codec = jc.Codec(weights)
data = codec.compress(picture)
Path("checkerboard.jxc").write_bytes(data)

again = jc.Codec(jc.load("checkerboard.safetensors", model=model))
assert (again.decompress(Path("checkerboard.jxc").read_bytes()) == codec.decompress(data)).all()
estimate = sum(-np.log2(p).sum() / 8 for p in model.apply(weights.variables, x).likelihoods.values())
print(f"checkerboard.jxc: {len(data)} bytes in two passes, {estimate:.0f} by its likelihoods")
