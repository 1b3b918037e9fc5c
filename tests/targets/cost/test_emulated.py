"""Cycles from counted instructions."""

from qnnlab.targets.cost.emulated import cycles_per_instruction, emulated_cycles, instruction_ratios


def test_ratios_are_of_published_rows():
    table = instruction_ratios()
    assert len(table) > 20
    assert (table["cycles_per_instruction"] > 0.8).all()


def test_published_cycles_lie_in_the_interval():
    table = instruction_ratios()
    inside = []
    for row in table.to_dict("records"):
        _, low, high, _ = emulated_cycles(row["core"], row["instructions"], {})
        inside.append(low <= row["published_cycles"] <= high)
    assert sum(inside) / len(inside) >= 0.85


def test_a_core_without_published_rows_goes_by_its_manual():
    classes = {"load": 300, "store": 100, "multiply": 100, "branch": 50, "other": 450}
    known = cycles_per_instruction()
    assert "cortex-m0" not in known
    cycles, low, high, source = emulated_cycles("cortex-m0", 1000, classes)
    assert low < cycles < high
    assert "manual" in source


def test_nothing_is_said_of_a_core_without_timings():
    assert emulated_cycles("z80", 1000, {}) is None
