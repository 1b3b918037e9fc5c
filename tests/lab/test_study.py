from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.lab import Record, Spec
from qnnlab.lab.study import REPEATS, absent_reasons, pareto_front, study_specs, summarise
from qnnlab.methods import RECIPES
from qnnlab.values import Value

points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=20)


def test_specs_cover_methods_and_seeds() -> None:
    specs = study_specs("digits", "all", 4, "quick")
    assert len(specs) == len(RECIPES) * REPEATS["quick"]
    assert {spec.seed for spec in specs} == {4, 5, 6}
    assert len(study_specs("digits", ["float32", "float32"], 0, "smoke")) == 1


@pytest.mark.parametrize("methods", ["float32", [], ["float23"]])
def test_wrong_methods_are_refused(methods: str | list[str]) -> None:
    with pytest.raises(SpecError):
        study_specs("digits", methods, 0, "smoke")


def _record(seed: int, accuracy: float, arena: int | None) -> Record:
    values = (
        Value("accuracy", accuracy, "%", "measured", "t"),
        Value("arena_bytes", arena, "B", "measured", "t", None if arena else "refused"),
    )
    return Record(str(seed), Spec("digits", "float32", seed=seed), "ok", None, values)


def test_summary_is_the_mean_over_seeds() -> None:
    failed = Record("f", Spec("digits", "ptq_w8_dynamic"), "failed", "why", ())
    summary = summarise([_record(0, 90.0, 100), _record(1, 80.0, 200), failed])
    row = summary.loc["float32"]
    assert list(summary.index) == ["float32"]
    assert (row["accuracy"], row["accuracy_min"], row["accuracy_max"]) == (85.0, 80.0, 90.0)
    assert (row["runs"], row["arena_bytes_max"]) == (2, 200)


def test_an_absent_figure_stays_absent_with_its_reason() -> None:
    records = [_record(0, 90.0, None)]
    assert pd.isna(summarise(records).loc["float32", "arena_bytes"])
    assert absent_reasons(records, "arena_bytes") == {"float32": "refused"}
    assert summarise([]).empty


@given(points)
def test_nobody_beats_the_front_and_all_others_are_beaten(pairs: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(pairs, columns=["cost", "gain"])
    front = pareto_front(frame, "cost", "gain")

    def beaten(row: pd.Series) -> bool:
        no_worse = (frame["cost"] <= row["cost"]) & (frame["gain"] >= row["gain"])
        better = (frame["cost"] < row["cost"]) | (frame["gain"] > row["gain"])
        return bool((no_worse & better).any())

    assert not any(beaten(row) for _, row in front.iterrows())
    kept = set(zip(front["cost"], front["gain"], strict=True))
    for _, row in frame.drop(index=front.index).iterrows():
        assert beaten(row) or (row["cost"], row["gain"]) in kept
