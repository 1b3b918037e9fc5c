"""Requantization against exact arithmetic and against the formulas of gemmlowp."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.graph.integer.model import Activation
from qnnlab.graph.integer.rounding import (
    ROUNDINGS,
    clamp_range,
    quantize_multiplier,
    rounding_named,
    tflm_excess,
)

narrow = st.integers(-(2**31) + 1, 2**31 - 1)
wide = st.integers(-(2**47) + 1, 2**47 - 1)
below_one = st.floats(2.0**-40, 0.999)


def _applied(name: str, acc: int, real: float, is_wide: bool = False) -> int:
    rule = rounding_named(name).rule
    return int(rule(np.array([acc], np.int64), np.array([real]), is_wide)[0])


def _half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _half_away(value: Fraction) -> int:
    return _half_up(value) if value >= 0 else -_half_up(-value)


@pytest.mark.parametrize(
    ("real", "multiplier", "shift"),
    [(1.0, 2**30, 1), (0.5, 2**30, 0), (0.75, 3 * 2**29, 0), (0.0, 0, 0), (2.0**-40, 0, 0)],
)
def test_known_multipliers(real: float, multiplier: int, shift: int) -> None:
    assert tuple(map(int, quantize_multiplier(real))) == (multiplier, shift)


@given(st.floats(2.0**-31, 2.0**20))
def test_multiplier_is_nearest_and_normal(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    error = abs(Fraction(int(multiplier)) * Fraction(2) ** (int(shift) - 31) - Fraction(real))
    assert error <= Fraction(2) ** (int(shift) - 32)


def test_multiplier_that_rounds_up_to_a_power_carries() -> None:
    multiplier, shift = quantize_multiplier(np.array([1 - 2.0**-40, 0.25]))
    assert multiplier.tolist() == [2**30, 2**30]
    assert shift.tolist() == [1, -1]


@pytest.mark.parametrize("real", [-0.5, math.nan, math.inf])
def test_multiplier_refuses(real: float) -> None:
    with pytest.raises(ValueError, match="must be finite and not negative"):
        quantize_multiplier(real)


@given(narrow, below_one)
def test_tflm_rounds_the_high_word_then_the_shift(acc: int, real: float) -> None:
    multiplier, shift = map(int, quantize_multiplier(real))
    high = _half_up(Fraction(acc * multiplier, 2**31))
    assert _applied("tflm", acc, real) == _half_away(Fraction(high, 2 ** max(-shift, 0)))


@given(st.integers(-(2**20), 2**20), st.floats(1, 1000))
def test_tflm_shifts_left_before_a_multiplier_above_one(acc: int, real: float) -> None:
    multiplier, shift = map(int, quantize_multiplier(real))
    assert _applied("tflm", acc, real) == _half_up(Fraction((acc << shift) * multiplier, 2**31))


@given(narrow, below_one)
def test_single_rounds_once(acc: int, real: float) -> None:
    multiplier, shift = map(int, quantize_multiplier(real))
    exact = Fraction(acc * multiplier, 2 ** (31 - shift))
    assert _applied("single", acc, real) == _half_up(exact)


@given(wide, st.floats(2.0**-31, 2.0**6))
def test_single_is_exact_on_64_bit_accumulators(acc: int, real: float) -> None:
    multiplier, shift = map(int, quantize_multiplier(real))
    exact = Fraction(acc * multiplier, 2 ** (31 - shift))
    assert _applied("single", acc, real, is_wide=True) == _half_up(exact)


@given(wide, st.floats(2.0**-31, 2.0**6))
def test_tflm_reduces_the_multiplier_of_64_bit_accumulators(acc: int, real: float) -> None:
    multiplier, shift = map(int, quantize_multiplier(real))
    reduced = min((multiplier + 2**15) >> 16, 2**15 - 1)
    exact = Fraction(acc * reduced, 2 ** (15 - shift))
    assert _applied("tflm", acc, real, is_wide=True) == _half_up(exact)


@given(st.integers(-(2**20), 2**20), below_one)
def test_rules_differ_by_one_code_at_most(acc: int, real: float) -> None:
    # A shift in place of the multiplier is another model, not another rounding.
    results = {_applied(name, acc, real) for name in ROUNDINGS if name != "power_of_two"}
    assert max(results) - min(results) <= 1


def test_rules_part_where_the_two_roundings_add_up() -> None:
    # −1.5 goes up in one step, and away from zero in the second of two.
    assert _applied("tflm", -6, 0.25) == -2
    assert _applied("single", -6, 0.25) == -1
    assert _applied("float_rescale", -6, 0.25) == -2
    assert _applied("float_rescale", 6, 0.25) == 2


@given(narrow, below_one)
def test_float_rescale_rounds_the_product_half_away(acc: int, real: float) -> None:
    assert _applied("float_rescale", acc, real) == _half_away(Fraction(acc * real))


def test_litert_reference_differs_in_dense_layers_only() -> None:
    assert (
        rounding_named("litert_reference").dense_rule is rounding_named("float_rescale").dense_rule
    )
    assert rounding_named("litert_reference").rule is rounding_named("tflm").rule


def test_unknown_rounding() -> None:
    with pytest.raises(SpecError, match="unknown rounding 'tflmm'; did you mean tflm"):
        rounding_named("tflmm")


def test_clamps() -> None:
    activation = Activation("a", (1,), 8, 0.1, -20)
    assert clamp_range(activation, None) == (-128, 127)
    assert clamp_range(activation, "relu") == (-20, 127)
    assert clamp_range(activation, "relu6") == (-20, 40)
    assert clamp_range(Activation("a", (1,), 4, 0.5, 0), "relu6") == (0, 7)


@pytest.mark.parametrize("share", [0.41421, 0.27183, 0.17725, 0.035921, 0.018217, 0.004123])
def test_excess_is_what_double_rounding_adds_above_zero(share: float) -> None:
    acc = np.arange(2**20, dtype=np.int64)
    shares = np.full(1, share)
    added = rounding_named("tflm").rule(acc, shares, False) - acc * share
    excess = float(tflm_excess(shares)[0])
    assert added.mean() / share == pytest.approx(excess, rel=0.01)
    less = rounding_named("single").rule(acc, shares, False) - acc * share
    assert abs(less.mean()) / share < 0.01


@pytest.mark.parametrize("share", [0.5, 0.7, 1.0, 3.3])
def test_no_excess_without_a_second_rounding(share: float) -> None:
    assert tflm_excess(np.full(1, share))[0] == 0
