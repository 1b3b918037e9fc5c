"""DoReFa: weights squeezed by tanh onto a grid without zero.

Activations are clipped where they were calibrated.
"""

from __future__ import annotations

from typing import Any

from qnnlab import backend
from qnnlab.methods.estimators.estimator import SMALLEST, Estimator, Variables, learns_nothing
from qnnlab.methods.network.straight_through import rounded


def weights(matrix: Any, bits: int, _: bool, __: Variables) -> tuple[Any, Any]:
    """2 × round(steps × (t / 2 + ½)) − steps with t = tanh(w) / max|tanh(w)|: odd integers.

    Section 2.3 of the paper, equation 9. Its weights lie in −1 to 1 whatever the kernel; here the
    kernel's largest magnitude multiplies them, so that layers without batch norm keep their size.
    """
    tf = backend.tensorflow()
    steps = 2**bits - 1
    squeezed = tf.tanh(matrix)
    unit = squeezed / tf.maximum(tf.reduce_max(tf.abs(squeezed)), SMALLEST)
    integers = 2 * rounded(steps * (unit / 2 + 0.5), 0, steps) - steps
    return integers, tf.stop_gradient(tf.reduce_max(tf.abs(matrix))) / steps


ESTIMATOR = Estimator(
    "dorefa",
    "DoReFa",
    "Zhou et al. 2016 (arXiv:1606.06160)",
    range(2, 8),
    learns_nothing,
    weights,
)
