from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.tasks import Split
from qnnlab.tasks.metrics import METRICS, accuracy, auc, macro_f1

few = settings(max_examples=25)


def split_of(labels: np.ndarray, x: np.ndarray | None = None, clips: np.ndarray | None = None):
    y = np.asarray(labels, np.int64)
    return Split(np.zeros((len(y), 1), np.float32) if x is None else x, y, clips=clips)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_wilson_interval_holds_the_accuracy(right: list[bool]) -> None:
    outputs = np.array([[1, 0] if ok else [0, 1] for ok in right], np.int8)
    score = accuracy(outputs, split_of(np.zeros(len(right))))
    assert score.value_pct == pytest.approx(100 * np.mean(right))
    assert 0 <= score.low_pct <= score.value_pct + 1e-9
    assert score.value_pct - 1e-9 <= score.high_pct <= 100
    assert score.low_pct < score.high_pct


labels = st.lists(st.integers(0, 2), min_size=3, max_size=60)


@few
@given(labels, st.randoms(use_true_random=False))
def test_macro_f1_is_scikit_learns(truth: list[int], chance: object) -> None:
    from sklearn.metrics import f1_score

    y = np.array(truth)
    answers = np.array([chance.choice([0, 1, 2]) for _ in truth])  # type: ignore[attr-defined]
    score = macro_f1(np.eye(3, dtype=np.float32)[answers], split_of(y))
    assert score.value_pct == pytest.approx(100 * f1_score(y, answers, average="macro"))
    assert score.low_pct <= score.high_pct


@few
@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 40))
def test_auc_is_scikit_learns(seed: int, fine: int, wrong: int) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((fine + wrong, 4)).astype(np.float32)
    outputs = x + rng.integers(0, 3, (fine + wrong, 1))
    y = np.array([0] * fine + [1] * wrong)
    score = auc(outputs, split_of(y, x))
    errors = np.square(outputs - x.astype(np.float64)).mean(axis=1)
    assert score.value_pct == pytest.approx(100 * roc_auc_score(y, errors))
    assert score.low_pct <= score.value_pct + 1e-9
    assert score.samples == fine + wrong


def test_auc_scores_recordings_by_the_mean_of_their_windows() -> None:
    x = np.zeros((4, 1), np.float32)
    outputs = np.array([[0.0], [3.0], [2.0], [2.5]])  # mean squares 4.5 and 5.1
    split = split_of([0, 0, 1, 1], x, clips=np.array([7, 7, 9, 9]))
    score = auc(outputs, split)
    assert (score.value_pct, score.samples) == (100.0, 2)
    assert "recordings" in score.interval


def test_auc_needs_both_classes() -> None:
    x = np.zeros((3, 1), np.float32)
    with pytest.raises(ValueError, match="both classes"):
        auc(x, split_of([0, 0, 0], x))


@pytest.mark.parametrize("metric", list(METRICS))
def test_a_metric_needs_matching_samples(metric: str) -> None:
    with pytest.raises(ValueError, match="outputs for"):
        METRICS[metric](np.zeros((3, 2)), split_of([0, 1]))  # type: ignore[index]


def test_same_outputs_give_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    outputs, split = rng.standard_normal((50, 3)), split_of(rng.integers(0, 3, 50))
    assert macro_f1(outputs, split) == macro_f1(outputs, split)
