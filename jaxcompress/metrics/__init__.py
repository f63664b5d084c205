"""Rate and distortion: bits per pixel, PSNR, MS-SSIM."""

from jaxcompress.metrics.distortion import psnr
from jaxcompress.metrics.ms_ssim import MS_SSIM_MIN_SIDE, ms_ssim
from jaxcompress.metrics.rate import bits_per_pixel, estimated_bits_per_pixel

__all__ = ["MS_SSIM_MIN_SIDE", "bits_per_pixel", "estimated_bits_per_pixel", "ms_ssim", "psnr"]
