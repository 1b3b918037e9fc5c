"""Targets: platforms, what they hold, and whether a model fits."""

from qnnlab.targets.fit import KB, Fit, RuntimeReserve, check_fit, fit_platforms, runtime_reserve

__all__ = ["KB", "Fit", "RuntimeReserve", "check_fit", "fit_platforms", "runtime_reserve"]
