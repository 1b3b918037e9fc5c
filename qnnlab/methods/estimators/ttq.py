"""Trained ternary quantization: positive and negative weights have learned sizes of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods.estimators.estimator import SMALLEST, Estimator, Variables
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.straight_through import passed

_THRESHOLD = 0.05  # of max|w|, equation 9 of the paper
_STEPS = 127  # the sizes are whole numbers of int8


def start_weights(matrix: Floats, _: int, __: bool) -> Mapping[str, Floats]:
    """The mean of the weights beyond the threshold, on either side."""
    threshold = _THRESHOLD * np.abs(matrix).max()
    sides = {
        "log_positive": matrix[matrix > threshold],
        "log_negative": -matrix[matrix < -threshold],
    }
    return {
        name: np.log(np.float32(max(side.mean() if side.size else SMALLEST, SMALLEST)))
        for name, side in sides.items()
    }


def weights(matrix: Any, _: int, __: bool, learned: Variables) -> tuple[Any, Any]:
    """−n, 0 and p of a kernel, as whole numbers up to 127 times one scale.

    Gradients as in section 3 of the paper: to a size the sum over its weights, to a weight the
    upstream one times the size on its side (1 between the thresholds).
    """
    tf = backend.tensorflow()
    positive, negative = tf.exp(learned["log_positive"]), tf.exp(learned["log_negative"])
    scale = tf.stop_gradient(tf.maximum(positive, negative)) / _STEPS
    threshold = _THRESHOLD * tf.reduce_max(tf.abs(matrix))
    above, below = matrix > threshold, matrix < -threshold

    def whole(size: Any) -> Any:
        return passed(size / scale, tf.maximum(tf.round(size / scale), 1.0))

    integers = tf.where(above, whole(positive), tf.where(below, -whole(negative), 0.0))
    weight = tf.stop_gradient(
        tf.where(above, positive, tf.where(below, negative, tf.ones_like(matrix))) / scale
    )
    return integers + weight * (matrix - tf.stop_gradient(matrix)), scale


ESTIMATOR = Estimator(
    "ttq",
    "trained ternary",
    "Zhu et al. 2017 (arXiv:1612.01064)",
    range(2, 3),
    start_weights,
    weights,
)
