"""Power and energy, fitted on published energy with a stated supply voltage.

Active power is P = k · clock · voltage, k being nearly constant for a chip (a datasheet's µA/MHz):
resubmissions at other voltages and runtimes show it. Energy without a stated voltage is quoted
elsewhere and not fitted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import pandas as pd

from qnnlab.survey import load_table
from qnnlab.survey.benchmarks import mlperf
from qnnlab.targets.cost.calibration import (
    KNOWLEDGE,
    NORMAL_90,
    Calibration,
    best_known,
    calibrate,
)
from qnnlab.targets.cost.latency import Estimate, interval
from qnnlab.targets.cost.mixed import Effect, MixedFit, Prior, fit_mixed
from qnnlab.targets.cost.observations import observations

#: k in µA/MHz: chips differ by their process more than by their core.
POWER_PRIOR = Prior(
    (100.0,),
    (0.8,),
    (
        Effect("core_class", 0.3),
        Effect("core", 0.25),
        Effect("platform", 0.4),
        Effect("runtime_family", 0.08),
    ),
)
#: Assumed where a chip's supply was never stated.
DEFAULT_VOLTAGE = 3.0
_NOISE = 0.06
# Power of another network on the chip is taken to lie within this factor of what was quoted.
_QUOTED_RANGE = 1.5
_NOT_THE_CHIP = ("board", "suspicious", "camera")


@dataclass(frozen=True)
class PowerRow:
    """A published energy with its voltage: power in mW, k in µA/MHz."""

    key: str
    levels: Mapping[str, str]
    benchmark: str
    power_mw: float
    voltage_v: float
    clock_mhz: float
    group: Mapping[str, str]
    source: str

    @property
    def density(self) -> float:
        """µA/MHz."""
        return self.power_mw / (self.voltage_v * self.clock_mhz) * 1e3


@lru_cache(maxsize=1)
def power_rows() -> tuple[PowerRow, ...]:
    """Every published row with energy, latency and a stated voltage, on a known core."""
    known = {row.key: row for row in observations()}
    found = []
    for row in mlperf().to_dict("records"):
        seen = known.get(str(row["row_key"]))
        if seen is None or pd.isna(row["energy_uj"]) or pd.isna(row["voltage_v"]):
            continue
        power = float(row["energy_uj"]) / float(row["latency_ms"])
        found.append(
            PowerRow(
                seen.key,
                seen.levels,
                seen.benchmark,
                power,
                float(row["voltage_v"]),
                seen.clock_mhz,
                seen.group,
                seen.source,
            )
        )
    return tuple(found)


def fit_power(rows: Sequence[PowerRow], start: MixedFit | None = None) -> MixedFit:
    """Fit k on `rows`."""
    ones = np.ones((len(rows), 1))
    noise = np.full(len(rows), _NOISE)
    log_density = np.log([row.density for row in rows])
    return fit_mixed(POWER_PRIOR, [row.levels for row in rows], ones, log_density, noise, start)


@lru_cache(maxsize=1)
def power_fit() -> MixedFit:
    """The fit on all rows."""
    return fit_power(power_rows())


def power_knowledge(fit: MixedFit, levels: Mapping[str, str]) -> str:
    """Whether power of the chip, of its core, or of its class only was published; else nothing."""
    return best_known(fit, levels, ("platform", "core", "core_class"))


def _power_group(row: PowerRow, scheme: str) -> str:
    """What is left out with a row."""
    if scheme == "system":
        return f"{row.group['round']} {row.group['system_id']}"
    return row.levels["platform"]


@lru_cache(maxsize=1)
def power_cross_validation() -> pd.DataFrame:
    """Leave out a submission's system, or a chip: log of truth over prediction, by row."""
    rows = power_rows()
    whole, found = fit_power(rows), []
    for scheme in ("system", "chip"):
        for left_out in sorted({_power_group(row, scheme) for row in rows}):
            fit = fit_power([r for r in rows if _power_group(r, scheme) != left_out], whole)
            for row in (row for row in rows if _power_group(row, scheme) == left_out):
                mean, sd = fit.predict(row.levels, np.ones(1))
                found.append(
                    {
                        "scheme": scheme,
                        "observation": row.key,
                        "platform": row.levels["platform"],
                        "core": row.levels["core"],
                        "knowledge": power_knowledge(fit, row.levels),
                        "power_mw": row.power_mw,
                        "predicted_mw": math.exp(mean) * row.clock_mhz * row.voltage_v / 1e3,
                        "log_error": math.log(row.density) - mean,
                        "log_sd": sd,
                    }
                )
    return pd.DataFrame(found)


@lru_cache(maxsize=1)
def power_calibration() -> Mapping[str, Calibration]:
    """How far intervals of power are stretched, by what is known of the chip."""
    table = power_cross_validation()
    found = {}
    for level in KNOWLEDGE:
        rows = table[table["knowledge"] == level]
        found[level] = calibrate(rows["log_error"].to_numpy(), rows["log_sd"].to_numpy(), level)
    return found


def published_voltage(platform: str) -> float | None:
    """The supply voltage (V) of the platform's published energies, the commonest; None if none."""
    voltages = [row.voltage_v for row in power_rows() if row.levels["platform"] == platform]
    return max(sorted(set(voltages)), key=voltages.count) if voltages else None


def predict_power(levels: Mapping[str, str], clock_mhz: float, voltage_v: float) -> Estimate | None:
    """Active power in mW; None where no power of the core's class was published."""
    fit = power_fit()
    knowledge = power_knowledge(fit, levels)
    if knowledge == "nothing":
        return None
    mean, sd = fit.predict(levels, np.ones(1))
    scale = math.log(clock_mhz * voltage_v / 1e3)
    return interval(mean + scale, sd, power_calibration()[knowledge], "mW", knowledge)


@cache
def catalog_power(platform: str) -> Estimate | None:
    """Active power in mW that deployments report of a chip, quoted and not fitted.

    None where the catalog has none, or only that of a whole board or one marked suspicious.
    """
    row = load_table("platforms").set_index("key").loc[platform]
    low, high = row["typical_active_power_mw_min"], row["typical_active_power_mw_max"]
    note = str(row["typical_active_power_note"])
    if pd.isna(low) or any(word in note for word in _NOT_THE_CHIP):
        return None
    value = math.sqrt(float(low) * float(high))
    spread = math.log(float(high) / float(low)) / 2 + math.log(_QUOTED_RANGE)
    said = f"quoted of deployments, not fitted: {note}"
    return Estimate.around(value, spread, "mW", spread / NORMAL_90, "quoted", said)


def energy(latency_ms: Estimate, power_mw: Estimate) -> Estimate:
    """Energy in mJ of one inference; the two errors are taken as independent."""
    value = latency_ms.value * power_mw.value / 1e3
    reach = math.hypot(
        math.log(latency_ms.high / latency_ms.value), math.log(power_mw.high / power_mw.value)
    )
    log_sd = math.hypot(latency_ms.log_sd, power_mw.log_sd)
    note = f"latency {latency_ms.error_note}; power {power_mw.error_note}"
    return Estimate.around(value, reach, "mJ", log_sd, power_mw.knowledge, note)
