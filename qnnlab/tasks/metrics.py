"""How a task's answers are scored: every metric in percent, with a 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from qnnlab.tasks.task import Metric, Split

_RESAMPLES = 1000
_BOOTSTRAP_SEED = 20250820
BOOTSTRAP = f"95 % percentile bootstrap, {_RESAMPLES} resamples"


@dataclass(frozen=True)
class Score:
    """A metric in percent with its 95 % interval, what the interval is, and over how many."""

    value_pct: float
    low_pct: float
    high_pct: float
    samples: int
    interval: str


def accuracy(outputs: NDArray[np.generic], split: Split) -> Score:
    """Top-1 accuracy of `outputs` (samples, classes); integer outputs are scored as they are.

    Interval: Wilson 1927. Raises ValueError when the samples do not match.
    """
    n = _count(outputs, split)
    share = float((outputs.reshape(n, -1).argmax(axis=1) == split.y).mean())
    z = NormalDist().inv_cdf(0.975)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)
    return Score(100 * share, low, high, n, "95 % Wilson interval")


def macro_f1(outputs: NDArray[np.generic], split: Split) -> Score:
    """The classes' F1 averaged, each class counting the same; `outputs` (samples, classes).

    A class that neither occurs nor is answered is left out. Interval: bootstrap over samples.
    Raises ValueError when the samples do not match.
    """
    n = _count(outputs, split)
    predicted = outputs.reshape(n, -1)
    classes = predicted.shape[1]
    cells = split.y * classes + predicted.argmax(axis=1)
    counts = np.bincount(cells, minlength=classes * classes)
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    resampled = rng.multinomial(n, counts / n, size=_RESAMPLES)
    values = _f1(resampled.reshape(-1, classes, classes))
    value = float(_f1(counts.reshape(1, classes, classes))[0])
    low, high = np.percentile(values, [2.5, 97.5])
    return Score(value, float(low), float(high), n, f"{BOOTSTRAP} of the samples")


def _f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Macro F1 in percent of confusion matrices (…, true, answered)."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = confusion.sum(-1) + confusion.sum(-2)
    seen = total > 0
    shares = np.where(seen, 2 * right / np.maximum(total, 1), 0.0)
    mean: NDArray[np.float64] = 100 * shares.sum(-1) / seen.sum(-1)
    return mean


def auc(outputs: NDArray[np.generic], split: Split) -> Score:
    """Area under the ROC curve of an autoencoder that should fail on what is anomalous (label 1).

    `outputs` are real numbers shaped like `split.x`. A recording's score is the mean squared error
    over its windows (Koizumi et al. 2020, arXiv:2006.05822). Interval: bootstrap over the
    recordings of each class. Raises ValueError when the samples do not match or a class lacks.
    """
    n = _count(outputs, split)
    errors = np.square(outputs.reshape(n, -1) - split.x.reshape(n, -1).astype(np.float64)).mean(1)
    clips = np.arange(n) if split.clips is None else split.clips
    _, first, index = np.unique(clips, return_index=True, return_inverse=True)
    scores = np.bincount(index, errors) / np.bincount(index)
    anomalous = split.y[first] == 1
    wrong, fine = scores[anomalous], scores[~anomalous]
    if not (len(wrong) and len(fine)):
        raise ValueError("AUC needs recordings of both classes")
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    wins = (wrong[:, None] > fine) + 0.5 * (wrong[:, None] == fine)
    values = [
        wins[rng.integers(len(wrong), size=len(wrong))][
            :, rng.integers(len(fine), size=len(fine))
        ].mean()
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    value = 100 * float(wins.mean())
    return Score(value, 100 * low, 100 * high, len(scores), f"{BOOTSTRAP} of the recordings")


def _count(outputs: NDArray[np.generic], split: Split) -> int:
    if len(outputs) != len(split) or len(split) == 0:
        raise ValueError(f"{len(outputs)} outputs for {len(split)} labels")
    return len(split)


METRICS: Mapping[Metric, Callable[[NDArray[np.generic], Split], Score]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "auc": auc,
}
# As a person reads them.
METRIC_TITLES: Mapping[Metric, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC",
}
