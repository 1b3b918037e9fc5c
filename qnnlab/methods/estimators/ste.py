"""Plain straight-through training: the grid follows the largest weight."""

from __future__ import annotations

from typing import Any

from qnnlab.methods.estimators.estimator import (
    Estimator,
    Variables,
    largest_in_channel,
    learns_nothing,
    narrow_high,
)
from qnnlab.methods.network.straight_through import rounded


def weights(matrix: Any, bits: int, per_channel: bool, _: Variables) -> tuple[Any, Any]:
    """Symmetric min-max grid of the present kernel."""
    high = narrow_high(bits)
    scale = largest_in_channel(matrix, per_channel) / high
    return rounded(matrix / scale, -high, high), scale


ESTIMATOR = Estimator(
    "ste",
    "straight-through",
    "Jacob et al. 2018 (arXiv:1712.05877); gradient of Bengio et al. 2013 (arXiv:1308.3432)",
    range(2, 9),
    learns_nothing,
    weights,
)
