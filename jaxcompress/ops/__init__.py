"""Pure functions of arrays: the arithmetic of learned image codecs, with no Flax in it.

Conventions, everywhere in this package: images and feature maps are float32 `[N, H, W, C]`, pictures lie in
[0, 1]; convolution kernels are `[height, width, in, out]` (transposed ones `[height, width, out, in]`); optional
arguments are keyword-only; random functions take `key`. Convolutions and dot products run at `Precision.HIGHEST`
unless asked otherwise (by `precision=`, or by `jax.default_matmul_precision` around them), since the default of TPUs
and of many GPUs (bfloat16 or TF32 products) moves scales across table thresholds. Arrays may be bfloat16 where said so.
"""

from jaxcompress.ops.conv import conv2d, conv2d_transpose, masked_conv2d, masked_conv2d_at, pointwise
from jaxcompress.ops.gdn import gdn, gdn1, non_negative, non_negative_init
from jaxcompress.ops.lower_bound import lower_bound
from jaxcompress.ops.masks import causal_mask, checkerboard, checkerboard_mask
from jaxcompress.ops.padding import Padding, centered_padding, crop, pad
from jaxcompress.ops.quantize import (
    TRAINING_QUANTIZERS,
    add_uniform_noise,
    quantize,
    round_ste,
    round_straight_through,
    soft_round,
    soft_round_conditional_mean,
    soft_round_inverse,
    soft_round_with_noise,
)
from jaxcompress.ops.rate_table import interpolate_rows
from jaxcompress.ops.shuffle import depth_to_space, pixel_shuffle, space_to_depth
from jaxcompress.ops.winograd import (
    all_phases_kernel,
    one_phase_kernel,
    winograd_conv2d,
    winograd_conv2d_transpose,
    winograd_kernel,
)

__all__ = [
    "TRAINING_QUANTIZERS",
    "Padding",
    "add_uniform_noise",
    "all_phases_kernel",
    "causal_mask",
    "centered_padding",
    "checkerboard",
    "checkerboard_mask",
    "conv2d",
    "conv2d_transpose",
    "crop",
    "depth_to_space",
    "gdn",
    "gdn1",
    "interpolate_rows",
    "lower_bound",
    "masked_conv2d",
    "masked_conv2d_at",
    "non_negative",
    "non_negative_init",
    "one_phase_kernel",
    "pad",
    "pixel_shuffle",
    "pointwise",
    "quantize",
    "round_ste",
    "round_straight_through",
    "soft_round",
    "soft_round_conditional_mean",
    "soft_round_inverse",
    "soft_round_with_noise",
    "space_to_depth",
    "winograd_conv2d",
    "winograd_conv2d_transpose",
    "winograd_kernel",
]
