"""Ternary weights: −1, 0, 1 beyond a threshold, scaled by the mean of what is kept."""

from __future__ import annotations

from typing import Any

from qnnlab import backend
from qnnlab.methods.estimators.estimator import (
    SMALLEST,
    Estimator,
    Variables,
    learns_nothing,
    mean_in_channel,
)
from qnnlab.methods.network.straight_through import passed

_THRESHOLD = 0.7  # of mean|w|, equation 6 of the paper


def weights(matrix: Any, _: int, per_channel: bool, __: Variables) -> tuple[Any, Any]:
    """Signs of what exceeds 0.7 mean|w|, and the mean of those magnitudes (equation 5)."""
    tf = backend.tensorflow()
    magnitude = tf.abs(matrix)
    kept = magnitude > _THRESHOLD * mean_in_channel(magnitude, per_channel)
    counted = mean_in_channel(tf.cast(kept, matrix.dtype), per_channel)
    total = mean_in_channel(tf.where(kept, magnitude, 0.0), per_channel)
    scale = tf.stop_gradient(tf.maximum(total, SMALLEST) / tf.maximum(counted, SMALLEST))
    signs = tf.where(kept, tf.sign(matrix), 0.0)
    return passed(matrix / scale, signs), scale


ESTIMATOR = Estimator(
    "twn",
    "ternary, threshold",
    "Li et al. 2016 (arXiv:1605.04711)",
    range(2, 3),
    learns_nothing,
    weights,
)
