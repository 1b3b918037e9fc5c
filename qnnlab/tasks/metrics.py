"""How a task's answers are scored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Score:
    """An accuracy in percent with its 95 % Wilson interval over the test samples."""

    accuracy_pct: float
    low_pct: float
    high_pct: float
    samples: int


def accuracy(outputs: NDArray[np.generic], labels: NDArray[np.int64]) -> Score:
    """Top-1 accuracy of `outputs` (samples, classes); integer outputs are scored as they are.

    Interval: Wilson 1927. Raises ValueError when the samples do not match.
    """
    if len(outputs) != len(labels) or len(labels) == 0:
        raise ValueError(f"{len(outputs)} outputs for {len(labels)} labels")
    n = len(labels)
    share = float((outputs.reshape(n, -1).argmax(axis=1) == labels).mean())
    z = NormalDist().inv_cdf(0.975)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Score(100 * share, 100 * max(0.0, centre - half), 100 * min(1.0, centre + half), n)
