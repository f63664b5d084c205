"""Priors: in which order the symbols of a latent are coded, and from what each is predicted."""

from jaxcompress.priors.phases import Phases

__all__ = ["Phases"]
