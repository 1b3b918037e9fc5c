"""Cycles estimated from counts of instructions by class."""

from __future__ import annotations

import numpy as np
import pytest

from qnnlab.codegen import CORES
from qnnlab.targets.bench.cycles import CLASSES, cycle_source, cycle_tables, estimate_cycles
from qnnlab.targets.bench.runs import BenchRun


def _run(**classes: int) -> BenchRun:
    total = sum(count for name, count in classes.items() if name != "word")
    return BenchRun(np.zeros(1, np.int8), total, {}, {}, {}, 0, classes)


def test_every_table_has_every_class() -> None:
    assert set(cycle_tables()) <= set(CORES)
    for table in cycle_tables().values():
        assert set(table) == set(CLASSES)
        assert all(0 < low <= high for low, high, _ in table.values())


def test_an_interval_by_hand() -> None:
    run = _run(load=10, word=5, multiply=4, branch=2, other=20)
    assert estimate_cycles(CORES["cortex-m4"], run) == (10 + 5 + 4 + 2 + 20, 20 + 5 + 4 + 8 + 20)
    low, high = estimate_cycles(CORES["cortex-m0"], run) or (0, 0)
    assert (low, high) == (20 + 5 + 4 + 2 + 20, 20 + 5 + 4 + 6 + 20)


@pytest.mark.parametrize("core", ["host"])
def test_no_table_no_estimate(core: str) -> None:
    assert estimate_cycles(CORES[core], _run(load=1)) is None
    assert cycle_source(CORES[core]) == ""
    assert estimate_cycles(CORES["cortex-m4"], _run()) is None
