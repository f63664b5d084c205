"""A codec of your own: transforms and hyperprior, a few training steps, and a file that every device decodes.

Run it with `python examples/custom_codec.py [PICTURE...]`.
"""

import functools
import pathlib
import sys

import jax
import numpy as np
from flax import linen as nn

import jaxcompress as jc
from jaxcompress import train
from jaxcompress.layers import Conv, Sequential, SubPixelConv, leaky_relu


class MyModel(jc.models.MeanScaleHyperprior):
    def make_g_a(self):  # [N, H, W, 3] to y [N, H / 16, W / 16, M]: any Flax module
        return nn.Sequential([nn.Conv(self.n, (8, 8), 8), nn.gelu, nn.Conv(self.m, (3, 3), 2)])

    def make_g_s(self):  # y_hat to [N, H, W, 3]; layers of ours where they fit
        return Sequential((functools.partial(SubPixelConv, self.n), nn.gelu, functools.partial(SubPixelConv, 3, 8)))

    def make_h_a(self):  # y to z [N, H / 64, W / 64, N]: any Flax module
        return nn.Sequential([nn.Conv(self.n, (4, 4), 4), nn.gelu, nn.Dense(self.n)])

    def make_h_s(self):  # z_hat to scales and means of y [N, H / 16, W / 16, 2 M]: of layers that have an integer twin
        up = functools.partial(SubPixelConv, self.n)
        return Sequential((up, leaky_relu, up, leaky_relu, functools.partial(Conv, 2 * self.m, 3, 1)))


demo = pathlib.Path(jc.__file__).parent / "demo" / "kingfisher.png"
pictures = [jc.codec.read_picture(path).pixels for path in sys.argv[1:] or [demo]]
model, steps, side, rng = MyModel(n=32, m=48), 60, 64, np.random.default_rng(0)

# Train: `jaxcompress train` does this for days, with data, checkpoints and validation; see docs/training.md.
optimizer = train.Optimizer(learning_rate=3e-3, quantiles="solved")
loss = functools.partial(train.rate_distortion, lmbda=0.02)
step = jax.jit(train.make_step(model, optimizer, loss=loss, steps=steps))
params = jax.jit(model.init)(jax.random.key(0), np.zeros((1, side, side, 3), np.float32))["params"]
state = train.init_state(params, optimizer, steps=steps)
for i in range(steps):
    picture = pictures[i % len(pictures)]
    corners = (rng.integers(0, size - side + 1, 8) for size in picture.shape[:2])
    batch = np.stack([picture[top : top + side, left : left + side] for top, left in zip(*corners, strict=True)])
    state, metrics = step(state, batch, jax.random.key(1))
    if i % 10 == 0:
        print(f"step {i}: loss {metrics['loss']:.2f}, {metrics['bpp']:.2f} bits per pixel")

# Export: exact quantiles, coding tables, and integer networks (jc.integer.quantize_entropy): files decode anywhere.
train.export("my-codec", model, state.params).save("my-codec.safetensors", overwrite=True)
codec = jc.Codec(jc.load("my-codec.safetensors", model=model))
data = codec.compress(pictures[0])
pathlib.Path("my-codec.jxc").write_bytes(data)
image = codec.decompress(data)
print(f"my-codec.jxc: {len(data)} bytes, {jc.metrics.psnr(pictures[0], image):.2f} dB")
