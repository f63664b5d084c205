"""How the symbols of a latent are coded: in which passes, and what each pass knows of its symbols."""

from jaxcompress.priors.base import Prior, Selection, check_passes, checked_passes
from jaxcompress.priors.checkerboard import Checkerboard
from jaxcompress.priors.factorized import Factorized
from jaxcompress.priors.hyperprior import Hyperprior
from jaxcompress.priors.mixture import Mixture
from jaxcompress.priors.phases import Phases
from jaxcompress.priors.raster import Raster

__all__ = [
    "Checkerboard",
    "Factorized",
    "Hyperprior",
    "Mixture",
    "Phases",
    "Prior",
    "Raster",
    "Selection",
    "check_passes",
    "checked_passes",
]
