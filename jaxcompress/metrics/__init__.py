"""Rate and distortion: bits per pixel, PSNR, SSIM, MS-SSIM."""

from jaxcompress.metric_table import to_db
from jaxcompress.metrics.distortion import psnr, psnr_y, psnr_yuv
from jaxcompress.metrics.ms_ssim import MS_SSIM_MIN_SIDE, ms_ssim
from jaxcompress.metrics.rate import bits_per_pixel, estimated_bits_per_pixel
from jaxcompress.metrics.ssim import ssim

__all__ = [
    "MS_SSIM_MIN_SIDE",
    "bits_per_pixel",
    "estimated_bits_per_pixel",
    "ms_ssim",
    "psnr",
    "psnr_y",
    "psnr_yuv",
    "ssim",
    "to_db",
]
