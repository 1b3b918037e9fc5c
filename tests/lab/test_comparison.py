from __future__ import annotations

import math

import pytest

from qnnlab.errors import SpecError
from qnnlab.lab import Record, Spec
from qnnlab.lab.comparison import BASELINE, COMPARED, comparison_frame, comparison_specs
from qnnlab.values import Value


def record(
    method: str, seed: int, score: float | None, gap: float | None = None, task: str = "digits"
) -> Record:
    spec = Spec(task, method, seed=seed)
    if score is None:
        return Record("k", spec, "failed", "it broke", ())
    figures = {"macro_f1" if task == "ecg" else "accuracy": score, "integer_gap": gap}
    values = [Value(name, v, "%", "measured", "t") for name, v in figures.items() if v is not None]
    return Record("k", spec, "ok", None, tuple(values))


def test_losses_are_counted_from_float_of_the_same_seed() -> None:
    frame = comparison_frame(
        [
            record(BASELINE, 0, 90.0),
            record(BASELINE, 1, 80.0),
            record(BASELINE, 2, None),
            record("qat_ste_w4a4", 0, 89.0, 0.25),
            record("qat_ste_w4a4", 1, None),
            record("qat_ste_w4a4", 2, 70.0, -0.5),
        ]
    ).set_index("method")
    floats, ste = frame.loc[BASELINE], frame.loc["qat_ste_w4a4"]
    assert (floats["runs"], floats["mean"], floats["above_float"]) == (2, 85.0, 0.0)
    assert floats["deviation"] == pytest.approx(math.sqrt(50))
    assert math.isnan(floats["gap_low"])
    assert (ste["runs"], ste["mean"], ste["above_float"]) == (2, 79.5, -1.0)
    assert (ste["gap_low"], ste["gap_high"]) == (-0.5, 0.25)


def test_each_task_has_its_own_metric_and_float() -> None:
    frame = comparison_frame(
        [
            record(BASELINE, 0, 90.0),
            record("qat_ste_w4a4", 0, 89.0),
            record(BASELINE, 0, 70.0, task="ecg"),
            record("qat_ste_w4a4", 0, 71.0, task="ecg"),
        ]
    )
    assert list(frame["task"]) == ["digits", "digits", "ecg", "ecg"]
    assert list(frame["above_float"]) == [0.0, -1.0, 0.0, 1.0]
    assert list(frame["origin"]) == ["real", "real", "synthetic", "synthetic"]


def test_a_method_without_a_finished_run_stays_in_the_table() -> None:
    frame = comparison_frame([record(BASELINE, 0, None), record("qat_ste_w4a4", 0, 89.0)])
    assert list(frame["runs"]) == [0, 1]
    assert frame["above_float"].isna().all()


def test_float_comes_first_and_nothing_twice() -> None:
    specs = comparison_specs(["digits", "ecg", "digits"], ["float32", "qat_ste_w4a4"], [3, 4])
    assert len(set(specs)) == len(specs) == 2 * 2 * 2
    assert specs[0].method == BASELINE
    assert {spec.seed for spec in specs} == {3, 4}


def test_methods_that_are_compared_unasked_are_there() -> None:
    assert len(comparison_specs(["digits"])) == 1 + len(COMPARED)
    with pytest.raises(SpecError, match="did you mean"):
        comparison_specs(["digits"], ["qat_lqs_w4a4"])
