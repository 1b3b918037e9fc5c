"""Fixed-point functions: close to the real ones, and to the bit where a value is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.numerics import fixed_point as fp

ONE = 2**31 - 1
words = st.integers(-(2**31), 2**31 - 1)


@given(words, words)
def test_high_product_rounds_half_up_and_saturates(a: int, b: int) -> None:
    exact = (2 * a * b + 2**31) >> 32
    expected = min(exact, ONE)
    assert int(fp.high_product(a, b)) == expected


@given(words, st.integers(0, 31))
def test_divide_by_power_rounds_half_away(value: int, exponent: int) -> None:
    half = 2**exponent // 2
    expected = (abs(value) + half) // 2**exponent
    assert int(fp.divide_by_power(value, exponent)) == (expected if value >= 0 else -expected)


@pytest.mark.parametrize("bits", [4, 5])
def test_functions_are_close_to_the_real_ones(bits: int) -> None:
    unit = 2 ** (31 - bits)
    x = np.linspace(-(2**bits) + 0.01, 2**bits - 0.01, 4001)
    raw = np.rint(x * unit).astype(np.int64)
    real = raw / unit
    negative = raw[raw <= 0]
    exp = fp.exp_of_negative(negative, bits) / 2**31
    assert np.abs(exp - np.exp(negative / unit)).max() < 5e-7
    assert np.abs(fp.logistic(raw, bits) / 2**31 - 1 / (1 + np.exp(-real))).max() < 5e-7
    assert np.abs(fp.tanh(raw, bits) / 2**31 - np.tanh(real)).max() < 5e-7


def test_known_values() -> None:
    zero = np.zeros(1, np.int64)
    assert fp.exp_of_negative(zero, 5)[0] == ONE
    assert fp.logistic(zero, 4)[0] == 2**30
    assert fp.tanh(zero, 4)[0] == 0
    assert fp.inverse_of_one_plus(zero)[0] == ONE
    assert fp.shift_left(np.array([2**30]), 2)[0] == ONE


@given(st.integers(1, 2**31 - 1))
def test_leading_zeros(value: int) -> None:
    assert int(fp.leading_zeros(np.array([value]))[0]) == 32 - value.bit_length()
