"""LSQ+: as LSQ, with a better start and a learned offset of activations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods.estimators import lsq
from qnnlab.methods.estimators.estimator import SMALLEST, Estimator, Variables
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.quantized import Range
from qnnlab.methods.network.straight_through import code_limits, passed


def start_weights(matrix: Floats, bits: int, per_channel: bool) -> Mapping[str, Floats]:
    """max(|mean − 3 deviations|, |mean + 3 deviations|) / 2^(b−1), section 3.2.2 of the paper."""
    axis = 0 if per_channel else None
    mean, deviation = matrix.mean(axis=axis), matrix.std(axis=axis)
    reach = np.maximum(np.abs(mean - 3 * deviation), np.abs(mean + 3 * deviation))
    return {"log_scale": np.log(np.maximum(reach / 2 ** (bits - 1), SMALLEST))}


def start_activations(calibrated: Range) -> Mapping[str, Floats]:
    """Scale, and offset: the real number of the least code over the scale."""
    low, _ = code_limits(calibrated.bits)
    return {
        **lsq.start_activations(calibrated),
        "offset": np.array(low - calibrated.zero_point, np.float32),
    }


def activations(calibrated: Range, learned: Variables) -> tuple[Any, Any]:
    """A learned scale and zero point; this is rounded, as integers need it."""
    tf = backend.tensorflow()
    low, high = code_limits(calibrated.bits)
    exact = tf.clip_by_value(low - learned["offset"], low, high)
    return tf.exp(learned["log_scale"]), passed(exact, tf.round(exact))


ESTIMATOR = Estimator(
    "lsqplus",
    "learned step size and offset",
    "Bhalgat et al. 2020 (arXiv:2004.09576)",
    range(2, 9),
    start_weights,
    lsq.weights,
    start_activations,
    activations,
)
