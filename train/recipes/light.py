"""The light codec: one network for all rates.

Training begins with a linear transform codec fitted to the pictures, about as good as JPEG (`jaxcompress.train.klt`).
Every crop of a batch has a rate of its own.

Command:  XLA_FLAGS=--xla_force_host_platform_device_count=2 jaxcompress train light --data photographs --out run
          (from other weights: --set start=FILE; bfloat16 is slower on CPUs)
Hardware: two cores of a CPU.
Time:     0.10 s of CPU time for a step (AMD EPYC, Zen 5), so about 35 minutes for 40,000 steps on two idle cores.
Expected: not measured to its end; before training about 0.40 bpp at 27.6 dB and 1.67 bpp at 34.7 dB on Kodak.
"""

import math

import jax
import jax.numpy as jnp

from jaxcompress.train import Optimizer, Recipe, rate_distortion_by_picture, rate_lambda
from jaxcompress.train.klt import fit_klt, with_klt

# Rates by the part of crops below them: 9 in 10 evenly from -1 to 5.5, the others evenly from -2 to 6.
_PARTS = (0.0, 0.0125, 0.99375, 1.0)
_RATES = (-2.0, -1.0, 5.5, 6.0)

_MIDDLE = 2.0


class LightRecipe(Recipe):
    """Trains at all rates at once."""

    @property
    def weight_of_distortion(self):
        """Lambda in the middle of the rates, for reference."""
        return float(rate_lambda(_MIDDLE))

    def initial_params(self, model, pictures):
        """A linear transform codec."""
        params = super().initial_params(model, pictures)
        return with_klt(model, params, fit_klt(pictures, components=model.m, seed=self.seed))

    def draw_settings(self, model, key, count):
        """One rate in each of `count` equal parts of the distribution, so that every batch has low and high ones."""
        parts = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count
        return {"rate": jnp.interp(parts, jnp.array(_PARTS), jnp.array(_RATES))}

    def make_loss(self):
        """Rate plus lambda times squared error, divided by the root of lambda: else high rates decide every step."""
        middle = self.weight_of_distortion

        def loss(output, x, *, rate):
            lmbda = rate_lambda(rate)
            return rate_distortion_by_picture(output, x, lmbda=lmbda, weights=jnp.sqrt(middle / lmbda))

        return loss

    def validation_qualities(self, model):
        """Those of rates near -1, 1, 3 and 5."""
        return [13, 38, 63, 88]

    def validation_loss(self, result, **settings):
        """As in training."""
        lmbda = float(rate_lambda(settings["rate"]))
        return result.loss(lmbda=lmbda, metric="mse") * math.sqrt(self.weight_of_distortion / lmbda)


recipe = LightRecipe(
    architecture="light",
    optimizer=Optimizer(
        learning_rate=1.5e-3,
        schedule="cosine",
        warmup_steps=200,
        decay_from=0.5,
        slow_layers="linear",
        ema_decay=0.999,
    ),
    steps=40_000,
    batch_size=8,
    crop=128,
    validate_every=4000,
    checkpoint_every=500,
)
