"""Training: the rate-distortion objective."""

from jaxcompress.train.losses import RateDistortion, rate_distortion

__all__ = ["RateDistortion", "rate_distortion"]
