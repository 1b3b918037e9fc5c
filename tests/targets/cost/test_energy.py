"""Power, energy, batteries: published rows are met, and duty cycles add up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.targets.cost.duty import batteries, duty_cycle
from qnnlab.targets.cost.energy import (
    energy,
    power_cross_validation,
    power_rows,
    predict_power,
    published_voltage,
)
from qnnlab.targets.cost.latency import Estimate


def test_published_power_lies_in_its_interval():
    inside = [
        found.low <= row.power_mw <= found.high
        for row in power_rows()
        if (found := predict_power(row.levels, row.clock_mhz, row.voltage_v))
    ]
    assert sum(inside) >= 0.9 * len(inside) > 50


def test_power_of_a_known_chip_is_known_out_of_sample():
    table = power_cross_validation()
    known = table[(table["scheme"] == "system") & (table["knowledge"] == "pair")]
    error = (known["predicted_mw"] / known["power_mw"] - 1).abs()
    assert error.median() < 0.15


def test_rows_without_a_voltage_are_not_fitted():
    assert all(row.voltage_v > 0 for row in power_rows())
    assert published_voltage("not_a_chip") is None


def test_energy_is_power_times_time_and_no_surer_than_either():
    time = Estimate(100.0, 80.0, 125.0, "ms", 0.1, "pair", "")
    power = Estimate(10.0, 8.0, 12.5, "mW", 0.1, "pair", "")
    found = energy(time, power)
    assert math.isclose(found.value, 1.0)
    assert found.high / found.value > time.high / time.value


@given(
    rate=st.floats(0, 3600),
    energy_mj=st.floats(1e-3, 10),
    sleep_uw=st.floats(0.1, 1e4),
    latency_ms=st.floats(0.01, 1000),
)
def test_a_duty_cycle_lies_between_sleep_and_all_busy(rate, energy_mj, sleep_uw, latency_ms):
    found = duty_cycle(energy_mj, latency_ms, sleep_uw, rate, "cr2032")
    busy_uw = energy_mj / latency_ms * 1e6
    low, high = sorted((sleep_uw, busy_uw))
    assert low * (1 - 1e-9) <= found.average_uw <= high * (1 + 1e-9)


def test_life_is_what_the_cell_holds_over_what_is_drawn():
    cell = batteries()["cr2032"]
    found = duty_cycle(0.0, 1.0, 10.0, 0.0, "cr2032")
    assert math.isclose(found.life_days, cell.capacity_mah * cell.voltage_v * 1e3 / 10 / 24)


@pytest.mark.parametrize(
    ("rate", "battery", "said"),
    [(1e6, "cr2032", "do not fit into an hour"), (-1, "cr2032", "give 0"), (1, "aa", "cr2032")],
)
def test_impossible_duty_cycles_are_refused(rate, battery, said):
    with pytest.raises(SpecError, match=said):
        duty_cycle(1.0, 100.0, 10.0, rate, battery)
