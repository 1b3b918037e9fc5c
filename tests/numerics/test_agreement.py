from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.agreement import agreement

outputs = hnp.arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 12)))


def test_counts_by_hand() -> None:
    first = np.array([[1, 5], [9, 2], [4, 4]], np.int8)
    second = np.array([[1, 5], [1, 2], [4, 3]], np.int8)
    found = agreement(first, second)
    assert found.identical_pct == pytest.approx(100 / 3)
    assert found.max_difference == 8
    assert found.argmax_flips == 1


def test_differences_do_not_wrap_around() -> None:
    low, high = np.array([[-128]], np.int8), np.array([[127]], np.int8)
    assert agreement(low, high).max_difference == 255


@given(outputs)
def test_anything_agrees_with_itself(first: np.ndarray) -> None:
    found = agreement(first, first.copy())
    assert (found.identical_pct, found.max_difference, found.argmax_flips) == (100.0, 0.0, 0)


@given(outputs, st.data())
def test_one_changed_code_is_seen(first: np.ndarray, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, first.shape[0] - 1))
    column = data.draw(st.integers(0, first.shape[1] - 1))
    second = first.copy()
    second[row, column] ^= 1
    found = agreement(first, second)
    assert found.max_difference == 1
    assert found.identical_pct == pytest.approx(100 * (1 - 1 / len(first)))
    assert found == agreement(second, first)


def test_unlike_or_empty_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="can't compare"):
        agreement(np.zeros((2, 3), np.int8), np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="empty"):
        agreement(np.zeros((0, 3), np.int8), np.zeros((0, 3), np.int8))
