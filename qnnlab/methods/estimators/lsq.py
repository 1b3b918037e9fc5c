"""Learned step size: the scales are trained with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods.estimators.estimator import SMALLEST, Estimator, Variables, narrow_high
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.quantized import Range
from qnnlab.methods.network.straight_through import rounded, weight_limits


def start_weights(matrix: Floats, bits: int, per_channel: bool) -> Mapping[str, Floats]:
    """2 mean|w| / √high, section 2.1 of the paper.

    Scales are learned as logarithms: Adam's steps are then relative, and no scale turns negative
    (Jain et al. 2020, arXiv:1903.08066).
    """
    mean = np.abs(matrix).mean(axis=0 if per_channel else None)
    first = np.maximum(2 * mean / np.sqrt(narrow_high(bits)), SMALLEST)
    return {"log_scale": np.log(first)}


def weights(matrix: Any, bits: int, _: bool, learned: Variables) -> tuple[Any, Any]:
    """The nearest of the codes times learned scales."""
    scale = backend.tensorflow().exp(learned["log_scale"])
    return rounded(matrix / scale, *weight_limits(bits)), scale


def start_activations(calibrated: Range) -> Mapping[str, Floats]:
    """The calibrated scale; its zero point stays."""
    return {"log_scale": np.log(np.float32(calibrated.scale))}


def activations(calibrated: Range, learned: Variables) -> tuple[Any, Any]:
    """A learned scale."""
    return backend.tensorflow().exp(learned["log_scale"]), float(calibrated.zero_point)


ESTIMATOR = Estimator(
    "lsq",
    "learned step size",
    "Esser et al. 2020 (arXiv:1902.08153)",
    range(2, 9),
    start_weights,
    weights,
    start_activations,
    activations,
)
