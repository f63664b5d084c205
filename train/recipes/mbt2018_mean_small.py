"""mbt2018-mean with N=64, M=96, lambda 0.013: what the bundled weights were trained with.

Command:  jaxcompress train mbt2018-mean-small --data photographs --out run
Hardware: one core of a CPU.
Time:     85 minutes for 20,000 steps.
Expected: 0.58 bpp and 30.6 dB on Kodak (docs/models.md), from some 300 photographs.
"""

from jaxcompress.train import Optimizer, Recipe

recipe = Recipe(
    architecture="mbt2018-mean",
    n=64,
    m=96,
    lmbda=0.013,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup_steps=200, quantiles="solved", ema_decay=0.998),
    steps=20_000,
    batch_size=4,
    crop=128,
    validate_every=2000,
    checkpoint_every=500,
)
