"""Latency of a network on a target, fitted on published rows: `estimated`, with an interval.

The fit is made anew from the tables each time that it is asked for in a process, so that a row
added to them is in the next prediction. Its intervals are stretched by what cross-validation
found (`data/targets/latency_cv.csv`), level by level of what is known of the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from qnnlab.targets.cost.calibration import Calibration, best_known, latency_calibration
from qnnlab.targets.cost.mixed import Effect, MixedFit, Prior, fit_mixed
from qnnlab.targets.cost.observations import (
    Observation,
    log_cycles,
    observations,
    reference_name,
)
from qnnlab.targets.cost.workload import Workload

#: What differs between targets, and by how much (natural log) before any row is seen. The shifts
#: of classes of cores are as wide as SIMD is; versions of one runtime differ by tens of percent.
EFFECTS = (
    Effect("core_class", 0.9, 0.4),
    Effect("core", 0.35, 0.15),
    Effect("runtime_family", 0.5, 0.3),
    Effect("class_family", 0.4, 0.2),
    Effect("runtime", 0.2, 0.2),
    Effect("pair", 0.15, 0.15),
    Effect("platform", 0.12, 0.05),
    Effect("placement", 0.15),
    Effect("counted", 0.5),
)
#: Cycles for one MAC of each kind, one output element, one operator: scalar code of any core.
PRIOR = Prior((4.0, 4.0, 8.0, 4.0, 15.0, 2000.0), (1.0, 1.0, 1.0, 1.0, 0.7, 0.8), EFFECTS)


@dataclass(frozen=True)
class Estimate:
    """A figure with the interval that holds the truth nine times in ten.

    `log_sd` is the spread (natural log) before stretching, `knowledge` what was known of the
    target (see `knowledge_of`), `error_note` the error that cross-validation found there.
    """

    value: float
    low: float
    high: float
    unit: str
    log_sd: float
    knowledge: str
    error_note: str

    @classmethod
    def around(
        cls, value: float, reach: float, unit: str, log_sd: float, knowledge: str, note: str
    ) -> Estimate:
        """The estimate that reaches as far (natural log) below `value` as above."""
        low, high = value * math.exp(-reach), value * math.exp(reach)
        return cls(value, low, high, unit, log_sd, knowledge, note)


def knowledge_of(fit: MixedFit, levels: Mapping[str, str]) -> str:
    """What rows were seen of: this core and runtime family, the core, its class, or nothing."""
    return best_known(fit, levels, ("pair", "core", "core_class"))


def fit_rows(rows: Sequence[Observation], start: MixedFit | None = None) -> MixedFit:
    """Fit the latency model on `rows`, from `start` where there is a fit of nearly the same."""
    work = np.array([row.work.vector(row.live) for row in rows])
    noise = np.array([row.noise for row in rows])
    levels = [row.levels for row in rows]
    return fit_mixed(PRIOR, levels, work, log_cycles(tuple(rows)), noise, start)


@lru_cache(maxsize=1)
def latency_fit() -> MixedFit:
    """The fit on all rows."""
    return fit_rows(observations())


def is_reference(work: Workload) -> bool:
    """Whether the network is one of those that the model was fitted on, by its amounts of work."""
    return reference_name(work) is not None


def predict_cycles(
    levels: Mapping[str, str], work: Workload, live: bool = False, fit: MixedFit | None = None
) -> Estimate | None:
    """Cycles of one inference on the target that `levels` describe (see `levels_of`).

    None where no row of the core's class was ever published: there is nothing to go by.
    """
    fit = fit or latency_fit()
    knowledge = knowledge_of(fit, levels)
    if knowledge == "nothing":
        return None
    mean, sd = fit.predict(levels, work.vector(live))
    calibration = latency_calibration()[knowledge, is_reference(work)]
    return interval(mean, sd, calibration, "cycles", knowledge)


def interval(
    log_value: float, log_sd: float, calibration: Calibration, unit: str, knowledge: str
) -> Estimate:
    """The estimate whose interval holds the truth nine times in ten, as far as was checked."""
    reach = calibration.half_width(log_sd)
    return Estimate.around(math.exp(log_value), reach, unit, log_sd, knowledge, calibration.note)


def scaled(estimate: Estimate, factor: float, unit: str) -> Estimate:
    """An estimate in another unit: `factor` of the new ones are one of the old."""
    value, low, high = (factor * x for x in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high, unit=unit)
