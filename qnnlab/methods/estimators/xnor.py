"""Binary weights: signs, scaled by the mean magnitude."""

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
    """sign(w) and mean|w| (XNOR-Net, section 3.1); the gradient of a sign is 1 where |w| ≤ 1."""
    tf = backend.tensorflow()
    signs = tf.where(matrix >= 0, 1.0, -1.0)
    scale = tf.maximum(mean_in_channel(tf.abs(matrix), per_channel), SMALLEST)
    return passed(tf.clip_by_value(matrix / scale, -1.0, 1.0), signs), tf.stop_gradient(scale)


ESTIMATOR = Estimator(
    "xnor",
    "binary, scaled signs",
    "Rastegari et al. 2016 (arXiv:1603.05279)",
    range(1, 2),
    learns_nothing,
    weights,
)
