"""The contract that every task keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.lab import PROFILES
from qnnlab.tasks import TASKS, load_task
from qnnlab.tasks.metrics import accuracy


@pytest.fixture(params=list(TASKS))
def task_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_splits_are_typed_shaped_and_labelled(task_name: str) -> None:
    task, data = load_task(task_name)
    for split in ("train", "val", "test"):
        x, y = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
        assert x.dtype == np.float32
        assert x.shape[1:] == task.input_shape
        assert y.dtype == np.int64
        assert len(x) == len(y) > 0
        assert set(np.unique(y)) == set(range(len(task.labels)))


def _rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(x)}


def test_calibration_comes_from_training_and_not_from_test(task_name: str) -> None:
    _, data = load_task(task_name)
    calibration = _rows(data.x_calibration)
    assert calibration <= _rows(data.x_train)
    assert not calibration & _rows(data.x_test)
    assert not _rows(data.x_val) & _rows(data.x_test)


def test_same_data_each_time(task_name: str) -> None:
    assert load_task(task_name)[1].sha256() == load_task(task_name)[1].sha256()


def test_sources_and_budgets_are_given(task_name: str) -> None:
    task = TASKS[task_name]
    assert task.name == task_name
    assert task.source
    assert task.licence
    assert set(task.budgets) == set(PROFILES)


def test_digits_split_sizes() -> None:
    _, data = load_task("digits")
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (1144, 203, 450)
    assert 0.0 <= data.x_train.min() < data.x_train.max() <= 1.0


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="digits"):
        load_task("digit")


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_wilson_interval_holds_the_accuracy(right: list[bool]) -> None:
    labels = np.zeros(len(right), np.int64)
    outputs = np.array([[1, 0] if ok else [0, 1] for ok in right], np.int8)
    score = accuracy(outputs, labels)
    assert score.accuracy_pct == pytest.approx(100 * np.mean(right))
    assert 0 <= score.low_pct <= score.accuracy_pct + 1e-9
    assert score.accuracy_pct - 1e-9 <= score.high_pct <= 100
    assert score.low_pct < score.high_pct


def test_accuracy_needs_matching_samples() -> None:
    with pytest.raises(ValueError, match="outputs for"):
        accuracy(np.zeros((3, 2)), np.zeros(2, np.int64))
