"""1.58 bits: ternary by rounding over the mean magnitude, as BitNet does it."""

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


def weights(matrix: Any, _: int, per_channel: bool, __: Variables) -> tuple[Any, Any]:
    """round(w / mean|w|) clipped to −1 … 1, and mean|w| (equations 1 to 3 of the paper)."""
    tf = backend.tensorflow()
    scale = tf.stop_gradient(tf.maximum(mean_in_channel(tf.abs(matrix), per_channel), SMALLEST))
    return passed(matrix / scale, tf.clip_by_value(tf.round(matrix / scale), -1.0, 1.0)), scale


ESTIMATOR = Estimator(
    "b158",
    "ternary, 1.58 bits",
    "Ma et al. 2024 (arXiv:2402.17764)",
    range(2, 3),
    learns_nothing,
    weights,
)
