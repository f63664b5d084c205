"""Entropy models: likelihoods for training, integer tables for the coder.

The likelihoods are pure JAX functions with thin Flax modules around them. The tables are NumPy arrays on the host,
built once from trained parameters, saved beside them and handed to the codec; they are never part of the parameters
and never differentiated. Any axes may come before the channels, which are last: latents need not be pictures'.
"""

from jaxcompress.entropy.bottleneck import (
    EntropyBottleneck,
    bottleneck_aux_loss,
    bottleneck_likelihood,
    bottleneck_logits,
    bottleneck_medians,
    solve_quantiles,
)
from jaxcompress.entropy.gaussian import (
    SCALE_BOUND,
    GaussianConditional,
    build_indexes,
    default_scale_table,
    gaussian_likelihood,
)
from jaxcompress.entropy.mixture import LogisticMixture, mixture_likelihood
from jaxcompress.entropy.symbols import channel_indexes, to_symbols
from jaxcompress.entropy.tables import (
    CodingTables,
    build_bottleneck_tables,
    build_gaussian_tables,
    build_mixture_tables,
)

__all__ = [
    "SCALE_BOUND",
    "CodingTables",
    "EntropyBottleneck",
    "GaussianConditional",
    "LogisticMixture",
    "bottleneck_aux_loss",
    "bottleneck_likelihood",
    "bottleneck_logits",
    "bottleneck_medians",
    "build_bottleneck_tables",
    "build_gaussian_tables",
    "build_indexes",
    "build_mixture_tables",
    "channel_indexes",
    "default_scale_table",
    "gaussian_likelihood",
    "mixture_likelihood",
    "solve_quantiles",
    "to_symbols",
]
