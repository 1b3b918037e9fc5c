from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.rounding import (
    ROUNDINGS,
    initial_v,
    learned,
    rectified_sigmoid,
    round_codes,
)

numbers = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e5, 1e5))


def test_ties_by_hand() -> None:
    x = np.array([-2.5, -1.5, -0.5, 0.49999999999999994, 0.5, 1.5, 2.5])
    assert round_codes(x).tolist() == [-2, -2, 0, 0, 0, 2, 2]
    assert round_codes(x, "half_away").tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert round_codes(x, "floor").tolist() == [-3, -2, -1, 0, 0, 1, 2]


@given(numbers, st.sampled_from(sorted(ROUNDINGS)), st.integers(0, 99))
def test_whole_numbers_stay_and_others_move_one_at_most(
    x: np.ndarray, rounding: str, seed: int
) -> None:
    rounded = round_codes(x, rounding, np.random.default_rng(seed))
    assert np.array_equal(rounded, np.rint(rounded))
    assert np.all(np.abs(rounded - x) <= 1)
    assert np.array_equal(round_codes(rounded, rounding, np.random.default_rng(seed)), rounded)


def test_stochastic_rounding_keeps_the_mean() -> None:
    x = np.tile([-1.75, 0.1, 0.5, 2.9], (40_000, 1))
    rounded = round_codes(x, "stochastic", np.random.default_rng(0))
    # Five standard errors of a coin's mean.
    assert np.all(np.abs(rounded.mean(axis=0) - x[0]) < 5 * 0.5 / np.sqrt(len(x)))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="Generator"):
        round_codes(np.zeros(2), "stochastic")
    with pytest.raises(ValueError, match="unknown rounding 'flor'; did you mean floor"):
        round_codes(np.zeros(2), "flor")


@given(numbers, st.data())
def test_learned_rounding_is_the_floor_or_one_more(x: np.ndarray, data: st.DataObject) -> None:
    up = data.draw(hnp.arrays(np.bool_, x.shape))
    assert np.array_equal(learned(x, up) - np.floor(x), up)


@given(numbers)
def test_learning_starts_at_the_float_weights(x: np.ndarray) -> None:
    np.testing.assert_allclose(rectified_sigmoid(initial_v(x)), x - np.floor(x), atol=1e-9)


def test_the_rectified_sigmoid_reaches_both_ends() -> None:
    assert rectified_sigmoid(np.array([-1e4, -3.0, 3.0, 1e4])).tolist() == [0, 0, 1, 1]
    assert rectified_sigmoid(np.zeros(1)) == pytest.approx(0.5)
