from __future__ import annotations

import pytest

from qnnlab.errors import SpecError
from qnnlab.lab import Record, Spec, Sweep
from qnnlab.lab.difficulty import LADDER, difficulty_frame, difficulty_specs
from qnnlab.lab.reference import seed_spread
from qnnlab.tasks import TASKS, offline_tasks
from qnnlab.values import Value


def records_of(scores: list[float | None], seed: int = 0) -> list[Record]:
    return [
        Record("k", Spec("digits", method, seed=seed), "failed", "it broke", ())
        if score is None
        else Record(
            "k",
            Spec("digits", method, seed=seed),
            "ok",
            None,
            (Value("accuracy", score, "%", "measured", "a test"),),
        )
        for method, score in zip(LADDER, scores, strict=True)
    ]


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ([90.0, 89.0, 80.0, 60.0, 40.0], True),
        ([75.0, 75.5, 80.0, 60.0, 60.0], True),
        ([74.9, 74.9, 70.0, 60.0, 30.0], False),
        ([97.1, 97.0, 90.0, 60.0, 30.0], False),
        ([90.0, 88.4, 80.0, 60.0, 40.0], False),
        ([90.0, 89.0, 88.0, 80.0, 75.1], False),
        ([90.0, None, 88.0, 80.0, 40.0], None),
        ([None, 89.0, 88.0, 80.0, 40.0], None),
        ([90.0, 89.0, None, 80.0, 40.0], True),
    ],
)
def test_verdict_follows_the_bounds(scores: list[float | None], verdict: bool | None) -> None:
    frame = difficulty_frame(records_of(scores))
    assert frame.loc["digits", "hard_enough"] is verdict
    assert frame.loc["digits", "origin"] == "real"


def test_seeds_are_averaged() -> None:
    records = [
        *records_of([90.0, 90.0, 80.0, 60.0, 40.0]),
        *records_of([92.0, 90.0, 80.0, 60.0, 50.0], seed=1),
    ]
    row = difficulty_frame(records).loc["digits"]
    assert (row["float"], row["int8_loss"], row["two_bit_loss"]) == (91.0, 1.0, 46.0)


def test_every_rung_runs_on_every_task_and_seed() -> None:
    specs = difficulty_specs(["digits", "ecg"], seed=5, profile="full")
    assert len(set(specs)) == len(specs) == 2 * 3 * len(LADDER)
    assert {spec.seed for spec in specs} == {5, 6, 7}
    with pytest.raises(SpecError, match="digits"):
        difficulty_specs(["digit"])


@pytest.mark.slow
def test_every_rung_of_every_offline_task_runs_and_says_its_origin(smoke_ladder: Sweep) -> None:
    for record in smoke_ladder.records:
        assert record.ok, (record.spec, record.reason)
        task = TASKS[record.spec.task]
        score = record[task.metric]
        assert f"{task.origin} data" in score.source
        assert record.provenance["origin"] == task.origin
        assert 0 <= record[f"{task.metric}_low"].value <= score.value
        assert score.value <= record[f"{task.metric}_high"].value <= 100
        assert record[f"{task.metric}_tflm"].value is not None
    frame = difficulty_frame(smoke_ladder.records)
    assert list(frame.index) == offline_tasks()


def test_spread_over_the_seeds() -> None:
    records = [records_of([score] * 5, seed)[0] for seed, score in enumerate((90.0, 92.0, 94.0))]
    spread = seed_spread(records)
    assert spread.to_dict() == {"runs": 3, "mean": 92.0, "deviation": 2.0, "min": 90.0, "max": 94.0}
    assert seed_spread(records[:1]).isna().tolist() == [False, False, True, False, False]
