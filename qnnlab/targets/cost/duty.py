"""Duty cycles: sleep between inferences, and how long a battery lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from qnnlab.errors import SpecError, unknown_name
from qnnlab.survey import load_table

_SECONDS_AN_HOUR = 3600.0
_HOURS_A_DAY = 24.0


@dataclass(frozen=True)
class Battery:
    """A cell: what it holds, and at which voltage."""

    key: str
    title: str
    capacity_mah: float
    voltage_v: float
    source: str


def batteries() -> Mapping[str, Battery]:
    """Cells by key."""
    found = {}
    for row in load_table("batteries").to_dict("records"):
        key, title, source = (str(row[name]) for name in ("battery", "title", "source"))
        found[key] = Battery(
            key, title, float(row["capacity_mah"]), float(row["voltage_v"]), source
        )
    return found


@dataclass(frozen=True)
class DutyCycle:
    """Average power in µW and life in days at so many inferences an hour.

    Losses of regulators, self-discharge, radio and sensors are not in it.
    """

    inferences_an_hour: float
    sleep_uw: float
    busy_share: float
    average_uw: float
    life_days: float
    battery: str


def busy_share(inferences_an_hour: float, latency_ms: float) -> float:
    """Share of the time that is spent on inferences; more than 1 can't be done."""
    return inferences_an_hour * latency_ms / 1e3 / _SECONDS_AN_HOUR


def duty_cycle(
    energy_mj: float, latency_ms: float, sleep_uw: float, inferences_an_hour: float, battery: str
) -> DutyCycle:
    """Sleep but for inferences. Raises SpecError where they don't fit into an hour."""
    cells: Mapping[str, Any] = batteries()
    if battery not in cells:
        raise SpecError(unknown_name("battery", battery, cells))
    busy = busy_share(inferences_an_hour, latency_ms)
    if inferences_an_hour < 0 or busy > 1:
        most = math.floor(_SECONDS_AN_HOUR * 1e3 / latency_ms)
        raise SpecError(f"{inferences_an_hour:g} inferences an hour of {latency_ms:.3g} ms do not "
                        f"fit into an hour: give 0 to {most:,}")  # fmt: skip
    average = energy_mj * 1e3 * inferences_an_hour / _SECONDS_AN_HOUR + sleep_uw * (1 - busy)
    cell = cells[battery]
    stored_uwh = cell.capacity_mah * cell.voltage_v * 1e3
    life = stored_uwh / average / _HOURS_A_DAY if average else math.inf
    return DutyCycle(inferences_an_hour, sleep_uw, busy, average, life, battery)


@lru_cache(maxsize=1)
def _sleep_rows() -> Mapping[str, Mapping[str, Any]]:
    table = load_table("platform_sleep")
    ordered = pd.concat([table[table["retention"] == kept] for kept in ("full_ram", "part_ram")])
    best = ordered.drop_duplicates("platform_key")
    return {str(row["platform_key"]): row for row in best.to_dict("records")}


def sleep_power(platform: str) -> tuple[float, str] | None:
    """Sleep power in µW and its source, of a mode that keeps all RAM where one is sourced.

    None where no mode that keeps any is: what loses RAM has to start anew, which costs more.
    """
    row = _sleep_rows().get(platform)
    return None if row is None else (float(row["power_uw"]), f"{row['mode']}: {row['source']}")
