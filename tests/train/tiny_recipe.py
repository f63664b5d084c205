"""A recipe of a model that compiles in seconds, for tests: transforms are one matrix on blocks of 16 x 16 pixels."""

import functools

import numpy as np
from flax import traverse_util

from jaxcompress import ops
from jaxcompress.entropy import EntropyBottleneck
from jaxcompress.layers import Conv, Sequential
from jaxcompress.models import FactorizedPrior
from jaxcompress.train import Optimizer, Recipe
from jaxcompress.weights_checks import expected_params


def blocks(x):
    """`[N, H, W, 3]` to `[N, H / 16, W / 16, 768]`."""
    n, height, width, _ = x.shape
    x = x.reshape(n, height // 16, 16, width // 16, 16, 3)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // 16, width // 16, 768)


class BlockTransform(FactorizedPrior):
    """bmshj2018-factorized with its transforms swapped, and fewer stages in its prior."""

    def setup(self):
        """Declares the parts."""
        self.g_a, self.g_s = self.make_g_a(), self.make_g_s()
        self.entropy_bottleneck = EntropyBottleneck(self.m, filters=(3,), training_quantizer=self.training_quantizer)

    def make_g_a(self):
        """Blocks, then a matrix."""
        return Sequential((blocks, functools.partial(Conv, self.m, kernel_size=1, stride=1)))

    def make_g_s(self):
        """A matrix, then pixels."""
        last = functools.partial(ops.pixel_shuffle, factor=16)
        return Sequential((functools.partial(Conv, 768, kernel_size=1, stride=1), last))


class TinyRecipe(Recipe):
    """Trains it."""

    def make_model(self):
        """The model, ready to train."""
        return BlockTransform(n=4, m=4)

    def make_params(self):
        """Parameters without the compilation that `init` takes."""
        rng = np.random.default_rng(0)
        flat = {
            path: rng.uniform(-0.05, 0.05, shape.shape).astype(np.float32)
            for path, shape in expected_params(self.make_model()).items()
        }
        return traverse_util.unflatten_dict(flat, sep="/")

    def make_batch(self):
        """Smooth pictures, uint8 `[8, 32, 32, 3]`."""
        rng = np.random.default_rng(1)
        colours = rng.uniform(0, 255, (8, 2, 2, 3)).repeat(16, axis=1).repeat(16, axis=2)
        return np.clip(colours + rng.normal(scale=10, size=colours.shape), 0, 255).astype(np.uint8)


recipe = TinyRecipe(
    architecture="block-transform", lmbda=0.01, steps=30, batch_size=8, crop=32, optimizer=Optimizer(learning_rate=1e-2)
)
