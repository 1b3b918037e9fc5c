from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.distortion import cosine, kl_divergence, mse, sqnr_db

signals = hnp.arrays(np.float64, 12, elements=st.floats(-1e3, 1e3, width=32))


def test_by_hand() -> None:
    first, second = np.array([3.0, 4.0]), np.array([3.0, 3.5])
    assert mse(first, second) == 0.125
    assert sqnr_db(first, second) == pytest.approx(20.0)
    assert cosine(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(math.sqrt(0.5))
    halves = np.array([0.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0])
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert kl_divergence(*halves, bins=2) == pytest.approx(expected)


def test_silence_and_no_noise() -> None:
    silence, signal = np.zeros(3), np.array([1.0, -2.0, 0.0])
    assert sqnr_db(signal, signal) == sqnr_db(silence, silence) == math.inf
    assert sqnr_db(silence, signal) == -math.inf
    assert (cosine(silence, silence), cosine(silence, signal)) == (1.0, 0.0)
    assert kl_divergence(silence, silence) == 0


@given(signals, signals)
def test_bounds(first: np.ndarray, second: np.ndarray) -> None:
    assert mse(first, second) == mse(second, first) >= 0
    assert -1 <= cosine(first, second) <= 1
    assert kl_divergence(first, second) >= 0
    assert kl_divergence(first, first[::-1]) == 0


@given(signals, st.floats(0.01, 100))
def test_sqnr_does_not_depend_on_the_unit(signal: np.ndarray, factor: float) -> None:
    signal = np.concatenate([signal, [7.0]])
    noisy = signal + 0.25
    assert sqnr_db(factor * signal, factor * noisy) == pytest.approx(sqnr_db(signal, noisy))


def test_bad_input_is_refused() -> None:
    for wrong in (np.array([np.nan]), np.array([np.inf]), np.zeros(0)):
        with pytest.raises(ValueError, match="finite"):
            mse(wrong, wrong)
        with pytest.raises(ValueError, match="finite"):
            kl_divergence(np.ones(2), wrong)
    with pytest.raises(ValueError, match="shapes"):
        cosine(np.ones(2), np.ones(3))
