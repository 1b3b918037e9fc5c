"""Cycles estimated from executed instructions: an interval, from tables of cycles by instruction.

The low end takes every load as pipelined and every branch as not taken or foreseen, the high end
none. Memory without wait states is assumed; flash is slower on most chips.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache

from qnnlab.codegen import Core
from qnnlab.files import resource
from qnnlab.targets.bench.runs import BenchRun

_FILE = "data/runtimes/core_cycles.csv"
#: The classes of instructions that the tables tell apart; "word" is each further word that one
#: instruction moves.
CLASSES = ("load", "store", "word", "multiply", "multiply_long", "branch", "other")


@lru_cache(maxsize=1)
def cycle_tables() -> Mapping[str, Mapping[str, tuple[float, float, str]]]:
    """By core and class of instruction: least and most cycles, and where they are from."""
    tables: dict[str, dict[str, tuple[float, float, str]]] = {}
    with resource(_FILE).open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            entry = (float(row["cycles_low"]), float(row["cycles_high"]), row["source"])
            tables.setdefault(row["core"], {})[row["instruction"]] = entry
    return tables


def estimate_cycles(core: Core, run: BenchRun) -> tuple[float, float] | None:
    """Least and most cycles of one inference; None for a core without a table or classes."""
    table = cycle_tables().get(core.name)
    if table is None or not run.classes:
        return None
    low = sum(table[name][0] * count for name, count in run.classes.items())
    high = sum(table[name][1] * count for name, count in run.classes.items())
    return low, high


def cycle_source(core: Core) -> str:
    """Where a core's cycles are from; empty for a core without a table."""
    return next(iter({source for _, _, source in cycle_tables().get(core.name, {}).values()}), "")
