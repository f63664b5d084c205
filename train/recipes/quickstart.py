"""A tiny bmshj2018-factorized (N=32, M=48, lambda 0.013), to see everything happen: not a good compressor.

Command:  jaxcompress train quickstart --data photographs --out run
Hardware: two cores of a CPU.
Time:     three minutes, with 247 photographs of 640 x 480.
Expected: 0.41 bpp and 22.6 dB on pictures held out of them, cropped to 128 x 128.
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
