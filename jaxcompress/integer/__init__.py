"""Entropy-parameter networks in exact integer arithmetic, so that streams decode on every device."""

from jaxcompress.integer.evaluate import IntegerEvaluator, Parameters
from jaxcompress.integer.forms import FORMS, default_form
from jaxcompress.integer.layer import IntegerLayer
from jaxcompress.integer.linear import UnsupportedNetworkError
from jaxcompress.integer.network import IntegerNetworks
from jaxcompress.integer.quantize import quantize_entropy
from jaxcompress.integer.setting_tables import SettingTables

__all__ = [
    "FORMS",
    "IntegerEvaluator",
    "IntegerLayer",
    "IntegerNetworks",
    "Parameters",
    "SettingTables",
    "UnsupportedNetworkError",
    "default_form",
    "quantize_entropy",
]
