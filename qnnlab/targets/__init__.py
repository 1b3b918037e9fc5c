"""Targets: platforms, what they hold, whether a model fits, what their runtimes accept."""

from qnnlab.targets.fit import KB, Fit, RuntimeReserve, check_fit, fit_platforms, runtime_reserve
from qnnlab.targets.policy import Ruling, Scheme, ruling, scheme_of

__all__ = [
    "KB",
    "Fit",
    "Ruling",
    "RuntimeReserve",
    "Scheme",
    "check_fit",
    "fit_platforms",
    "ruling",
    "runtime_reserve",
    "scheme_of",
]
