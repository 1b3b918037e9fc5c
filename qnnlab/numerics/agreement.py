"""Do two runtimes answer the same? Compared for equality, never with a tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """How far two sets of output vectors agree.

    `identical_pct`: share of vectors that are equal in each element. `max_difference`: largest
    absolute difference, in codes (LSB) for integer outputs and in real units for float ones.
    `argmax_flips`: vectors whose largest element has another index.
    """

    identical_pct: float
    max_difference: float
    argmax_flips: int


def agreement(first: NDArray[np.generic], second: NDArray[np.generic]) -> Agreement:
    """Compare outputs of shape (samples, classes). Raises ValueError on unlike arrays or none."""
    if first.shape != second.shape or first.dtype != second.dtype:
        raise ValueError(
            f"can't compare {first.dtype}{first.shape} with {second.dtype}{second.shape}"
        )
    if first.size == 0:
        raise ValueError("nothing to compare: the outputs are empty")
    a = first.reshape(len(first), -1)
    b = second.reshape(len(second), -1)
    same = (a == b).all(axis=1)
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return Agreement(
        identical_pct=100.0 * float(same.mean()),
        max_difference=float(difference.max()),
        argmax_flips=int((a.argmax(axis=1) != b.argmax(axis=1)).sum()),
    )
