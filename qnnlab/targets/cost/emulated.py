"""Cycles from counted instructions: what a core needs for one, by published results.

For cores with published CMSIS-NN latencies, cycles per instruction are the ratio of published
cycles to the instructions that TFLM + CMSIS-NN executes on the same network: flash wait states,
pairing and stalls are all in it. For other cores the timings of their manuals are multiplied by
how much slower than its manual the others were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from qnnlab.targets.bench.cycles import cycle_tables
from qnnlab.targets.cost.calibration import NORMAL_90
from qnnlab.targets.cost.observations import observations

_LIKE_COUNTED = ("tflm_cmsis_nn", "microtvm_cmsis_nn")
_COUNTED_ON = {"cortex-m33": "cortex-m4", "cortex-m85": "cortex-m55"}
_LEAST_SPREAD = 0.12
# Chips of one core differ by their flash and caches, kernels by their stalls (natural log): what
# the latency model finds between chips, and is not seen where one chip was published.
_OTHER_CHIP = 0.15


@dataclass(frozen=True)
class CyclesPerInstruction:
    """Median and spread (natural log) over published systems and networks of one core."""

    core: str
    median: float
    log_sd: float


def instruction_ratios() -> pd.DataFrame:
    """Published cycles over counted instructions: one row a published row of a like runtime."""
    counted = {
        (row.levels["core"], row.benchmark): row.cycles
        for row in observations()
        if row.origin == "instructions" and row.levels["runtime"] == "tflm_cmsis_nn"
    }
    found = []
    for row in observations():
        core = row.levels["core"]
        key = core if (core, row.benchmark) in counted else _COUNTED_ON.get(core, core)
        instructions = counted.get((key, row.benchmark))
        if row.kind == "quoted" and row.levels["runtime"] in _LIKE_COUNTED and instructions:
            found.append(
                {
                    "core": core,
                    "platform": row.levels["platform"],
                    "benchmark": row.benchmark,
                    "runtime": row.levels["runtime"],
                    "instructions": instructions,
                    "published_cycles": row.cycles,
                    "observation": row.key,
                    "cycles_per_instruction": row.cycles / instructions,
                }
            )
    return pd.DataFrame(found)


@lru_cache(maxsize=1)
def cycles_per_instruction() -> Mapping[str, CyclesPerInstruction]:
    """By core, from published rows."""
    found = {}
    for core, rows in instruction_ratios().groupby("core"):
        logs = np.log(rows["cycles_per_instruction"].to_numpy())
        spread = max(float(logs.std(ddof=1)) if len(logs) > 1 else 1.0, _LEAST_SPREAD)
        median = float(np.exp(np.median(logs)))
        found[str(core)] = CyclesPerInstruction(str(core), median, spread)
    return found


def _by_manual(core: str, classes: Mapping[str, int]) -> float | None:
    """Cycles by the manual's table, midway (geometric) between its least and most."""
    table = cycle_tables().get(core)
    if table is None or not classes:
        return None
    low, high = (
        sum(float(table[name][end]) * count for name, count in classes.items()) for end in (0, 1)
    )
    return math.sqrt(low * high)


def emulated_cycles(
    core: str, instructions: float, classes: Mapping[str, int]
) -> tuple[float, float, float, str] | None:
    """Cycles, low, high (nine in ten) and where they are from; None for a core without timings.

    `classes`: executed instructions by class, as the bench counts them.
    """
    known = cycles_per_instruction()
    if core in known:
        factor = known[core]
        reach = NORMAL_90 * math.hypot(factor.log_sd, _OTHER_CHIP)
        cycles = instructions * factor.median
        source = f"instructions × {factor.median:.2f} cycles, as published for {core}"
        return cycles, cycles * math.exp(-reach), cycles * math.exp(reach), source
    here = _by_manual(core, classes)
    others = {name: _by_manual(name, classes) for name in known}
    slower = [
        math.log(known[name].median * instructions / cycles)
        for name, cycles in others.items()
        if cycles
    ]
    if here is None or not slower:
        return None
    reach = NORMAL_90 * max(float(np.std(slower)), 0.3)
    cycles = here * math.exp(float(np.mean(slower)))
    source = f"timings of {core}'s manual × {math.exp(float(np.mean(slower))):.2f} (other cores)"
    return cycles, cycles * math.exp(-reach), cycles * math.exp(reach), source
