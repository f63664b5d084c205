"""mbt2018-mean at CompressAI's sizes, quality 3 (N=128, M=192, lambda 0.0067).

Command:  jaxcompress train mbt2018-mean --data vimeo --out run --set compute=bfloat16
          (another quality: --set quality=4; MS-SSIM, from the finished run: --set metric=ms-ssim
          --set start=run/best.safetensors --set optimizer.learning_rate=1e-5 and another --out)
Hardware: one data-centre GPU, or a TPU host; more of them share the batch.
Time:     not measured; CompressAI's networks took 4 to 5 million steps of plain Adam with plateaus.
Expected: CompressAI's network of this quality has 0.307 bpp and 31.13 dB on Kodak. This recipe has not been run to
          its end by its authors.
"""

from jaxcompress.train import Optimizer, Recipe

recipe = Recipe(
    architecture="mbt2018-mean",
    quality=3,
    optimizer=Optimizer(schedule="cosine", warmup_steps=1000, quantiles="solved", ema_decay=0.9999),
    steps=2_000_000,
    batch_size=16,
    validate_every=10_000,
    checkpoint_every=2_000,
)
