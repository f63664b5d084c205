"""CompressAI's own training of bmshj2018-hyperprior, quality 3 (N=128, M=192, lambda 0.0067), step for step.

Adam at 1e-4 with plateaus, the quantiles learned with their auxiliary loss, crops without mirroring, no average.

Command:  jaxcompress train compressai --data vimeo --out run
          (other networks: --set architecture=mbt2018 and so on, --set quality=1 to 8)
Hardware: one data-centre GPU.
Time:     not measured; CompressAI's documentation speaks of 4 to 5 million steps.
Expected: CompressAI's network of this quality has 0.320 bpp and 30.97 dB on Kodak. This recipe has not been run to
          its end by its authors; ten of its steps give CompressAI's parameters (tests/parity/test_training_loop.py).
"""

from jaxcompress.train import Optimizer, Recipe

recipe = Recipe(
    architecture="bmshj2018-hyperprior",
    quality=3,
    optimizer=Optimizer(schedule="plateau", plateau_factor=0.5, plateau_patience=20),
    steps=4_000_000,
    batch_size=16,
    flip=False,
    validate_every=10_000,
    checkpoint_every=2_000,
)
