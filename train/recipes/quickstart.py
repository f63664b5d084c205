"""A tiny bmshj2018-factorized (N=32, M=48, lambda 0.013), to see everything happen: not a good compressor.

Command:  jaxcompress train quickstart --data photographs --out run
Hardware: two cores of a CPU.
Time:     TIME
Expected: EXPECTED
"""

from jaxcompress.train import Optimizer, Recipe

recipe = Recipe(
    architecture="bmshj2018-factorized",
    n=32,
    m=48,
    lmbda=0.013,
    optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup_steps=50, quantiles="solved", ema_decay=0.98),
    steps=1000,
    batch_size=4,
    crop=128,
    validation_crop=128,
    log_every=50,
    validate_every=250,
    checkpoint_every=250,
    validation_pictures=4,
)
