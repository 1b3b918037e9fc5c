"""Latency: known targets are met, unknown ones are wide, and the goals of cross-validation hold."""

import math
from dataclasses import replace

import numpy as np
import pytest

from qnnlab.survey import load_table
from qnnlab.targets.cost.calibration import calibrate
from qnnlab.targets.cost.latency import fit_rows, is_reference, latency_fit, predict_cycles
from qnnlab.targets.cost.observations import observations, reference_workloads
from qnnlab.targets.cost.validation import evidence_digest, summary
from qnnlab.targets.cost.workload import KINDS, mac_workload
from qnnlab.targets.target import find_target


def levels(platform, runtime="tflm_cmsis_nn"):
    found = find_target(platform, runtime).levels()
    assert found is not None
    return found


def test_published_rows_lie_in_their_intervals():
    inside = []
    for row in observations():
        if row.origin == "mlperf":
            found = predict_cycles(row.levels, row.work, row.live)
            inside.append(found.low <= row.cycles <= found.high)
    assert len(inside) > 200
    assert np.mean(inside) >= 0.9


def test_more_is_known_where_more_was_published():
    work = reference_workloads()["ic"]
    known, core_only = (predict_cycles(levels(key), work) for key in ("stm32l4r5", "max78000"))
    assert known.knowledge == core_only.knowledge == "pair"
    unknown_core = predict_cycles(levels("stm32g0b1", "tflm_reference"), work)
    assert known.high / known.low < core_only.high / core_only.low
    assert core_only.high / core_only.low < unknown_core.high / unknown_core.low


def test_a_class_without_rows_is_not_predicted():
    nowhere = levels("stm32l4r5") | {"core_class": "analog", "core": "x", "pair": "x y"}
    assert predict_cycles(nowhere, reference_workloads()["ic"]) is None


def test_a_new_network_is_less_certain_than_a_published_one():
    work = reference_workloads()["ic"]
    assert is_reference(work)
    other = mac_workload({k: v * 1.001 for k, v in work.work.items()}, 1e5, 20)
    assert not is_reference(other)
    ours, new = (predict_cycles(levels("stm32l4r5"), w) for w in (work, other))
    assert new.high / new.low > ours.high / ours.low


def test_a_row_that_is_added_moves_the_prediction():
    rows = list(observations())
    work = reference_workloads()["ic"]
    at = levels("max78000")
    before = fit_rows(rows).predict(at, work.vector())[0]
    seen = next(row for row in rows if row.benchmark == "ic" and row.origin == "mlperf")
    added = replace(seen, key="added", levels=at, cycles=math.exp(before) * 1.5)
    after = fit_rows([*rows, added]).predict(at, work.vector())[0]
    assert 0.1 < after - before < math.log(1.5)


def test_cycles_by_kind_are_positive_and_named():
    costs = latency_fit().cost_by_kind(levels("stm32l4r5"))
    assert len(costs) == len(KINDS)
    assert (costs > 0).all()


def test_the_table_of_cross_validation_is_of_these_rows():
    table = load_table("latency_cv")
    assert set(table["evidence"]) == {evidence_digest()}, "run: qnnlab predictions refresh"


@pytest.mark.parametrize(
    ("scheme", "knowledge", "limit"),
    [("submitter", "pair", 15), ("system", "pair", 15), ("chip", "pair", 15), ("chip", None, 30)],
)
def test_goals_are_met_out_of_sample(scheme, knowledge, limit):
    table = load_table("latency_cv")
    rows = table[table["scheme"] == scheme]
    if knowledge:
        rows = rows[rows["knowledge"] == knowledge]
    error = (rows["predicted_cycles"] / rows["cycles"] - 1).abs() * 100
    assert error.median() <= limit


def test_intervals_hold_nine_truths_in_ten_out_of_sample():
    found = summary()
    assert (found.loc[found["rows"] >= 25, "coverage_pct"] >= 90).all()


def test_few_rows_are_not_taken_for_a_check():
    found = calibrate(np.zeros(3), np.ones(3), "pair")
    assert found.rows == 3
    assert "not checked" in found.note
