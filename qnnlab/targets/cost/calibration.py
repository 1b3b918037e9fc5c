"""How far intervals must be stretched so that they hold what they say: from cross-validation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from qnnlab.survey import load_table
from qnnlab.targets.cost.mixed import MixedFit

#: Share of truths that an interval is meant to hold.
COVERAGE = 0.9
#: Standard deviations of a normal distribution on each side that hold nine tenths of it.
NORMAL_90 = 1.6449
#: Rows differ by this (natural log) from what any model of them can say.
FLOOR = 0.06
_FEW = 10
_ENOUGH = 25
# Of nothing like it was any row seen: the widest error that cross-validation met.
_UNCHECKED = 3.0


@dataclass(frozen=True)
class Calibration:
    """For one level of knowledge: `stretch` of the spread, and what was found out of sample."""

    stretch: float
    rows: int
    median_ape_pct: float
    note: str

    def half_width(self, log_sd: float) -> float:
        """Half of the interval (natural log) around an estimate of spread `log_sd`."""
        return self.stretch * math.hypot(log_sd, FLOOR)


def calibrate(log_error: np.ndarray, log_sd: np.ndarray, level: str) -> Calibration:
    """The stretch that lets intervals hold COVERAGE of errors out of sample (conformal).

    The quantile is that of split conformal prediction (Vovk et al. 2005), ⌈(n + 1) · 0.9⌉ / n.
    """
    count = len(log_error)
    if count < _FEW:
        return Calibration(_UNCHECKED, count, math.nan, f"{level}: not checked")
    scores = np.sort(np.abs(log_error) / np.hypot(log_sd, FLOOR))
    place = min(math.ceil((count + 1) * COVERAGE), count) - 1
    ape = float(np.median(np.abs(np.expm1(log_error))) * 100)
    note = f"out of sample: median error {ape:.0f} % over {count} rows"
    return Calibration(max(float(scores[place]), NORMAL_90 / 2), count, ape, note)


#: What can be known of a target, best first.
KNOWLEDGE = ("pair", "core", "class")


def best_known(fit: MixedFit, levels: Mapping[str, str], effects: Sequence[str]) -> str:
    """The first of KNOWLEDGE whose effect (of `effects`, in that order) was seen; or nothing."""
    for word, effect in zip(KNOWLEDGE, effects, strict=True):
        if fit.knows(effect, levels[effect]):
            return word
    return "nothing"


@lru_cache(maxsize=1)
def latency_calibration() -> Mapping[tuple[str, bool], Calibration]:
    """By what is known of the target, and whether the network is one of the fitted ones."""
    table = load_table("latency_cv")
    found = {}
    for level in KNOWLEDGE:
        for reference in (True, False):
            use = "reference" if reference else "new"
            rows = table[(table["knowledge"] == level) & (table["network"] == use)]
            found[level, reference] = _strictest(rows, level)
    return found


def _strictest(rows: pd.DataFrame, level: str) -> Calibration:
    """The stretch of the scheme that asks for most, of those with enough rows; pooled errors."""
    pooled = calibrate(*_errors(rows), level)
    schemes = [group for _, group in rows.groupby("scheme") if len(group) >= _ENOUGH]
    stretches = [calibrate(*_errors(group), level).stretch for group in schemes]
    return replace(pooled, stretch=max([pooled.stretch, *stretches]))


def _errors(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return rows["log_error"].to_numpy(float), rows["log_sd"].to_numpy(float)
