"""The architectures, one file for each family, and `create` to make them by name."""

from jaxcompress.models.base import CompressionModel, Output
from jaxcompress.models.cheng2020 import Cheng2020Anchor, Cheng2020Attention
from jaxcompress.models.factorized import FactorizedPrior, FactorizedPriorReLU
from jaxcompress.models.hyperprior import MeanScaleHyperprior, ScaleHyperprior
from jaxcompress.models.joint_autoregressive import JointAutoregressive
from jaxcompress.models.layout import Latent, Layout, Network, Setting, runs, sees
from jaxcompress.models.light import Light
from jaxcompress.models.registry import ARCHITECTURES, create, sizes

__all__ = [
    "ARCHITECTURES",
    "Cheng2020Anchor",
    "Cheng2020Attention",
    "CompressionModel",
    "FactorizedPrior",
    "FactorizedPriorReLU",
    "JointAutoregressive",
    "Latent",
    "Layout",
    "Light",
    "MeanScaleHyperprior",
    "Network",
    "Output",
    "ScaleHyperprior",
    "Setting",
    "create",
    "runs",
    "sees",
    "sizes",
]
