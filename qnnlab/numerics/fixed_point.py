"""Fixed-point functions as gemmlowp computes them, on int64 arrays that hold int32 values.

Qm.n: m integer bits, n = 31 − m fractional bits. TFLite Micro's int8 softmax, logistic and tanh
are made of these. Source: gemmlowp, fixedpoint/fixedpoint.h (algorithms and constants).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Raw = NDArray[np.int64]

_HIGH = 2**31 - 1
_LOW = -(2**31)
_EXP_MINUS_EIGHTH = 1895147668
_THIRD = 715827883
# Q2.29.
_48_OVER_17 = 1515870810
_MINUS_32_OVER_17 = -1010580540
_ONE_Q2 = 1 << 29
# exp(−2^k) in Q0.31, for k from −2.
_EXPONENTIALS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def high_product(first: Any, second: Any) -> Raw:
    """The high word of twice the product, rounded half up, saturated (ARM's SQRDMULH)."""
    a, b = np.asarray(first, np.int64), np.asarray(second, np.int64)
    product = (a * b + 2**30) >> 31
    saturated: Raw = np.where((a == _LOW) & (b == _LOW), _HIGH, product)
    return saturated


def divide_by_power(value: Any, exponent: Any) -> Raw:
    """value / 2^exponent, rounded half away from zero."""
    x, e = np.asarray(value, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    threshold = (mask >> 1) + (x < 0)
    rounded: Raw = (x >> e) + ((x & mask) > threshold)
    return rounded


def shift_left(value: Raw, bits: int) -> Raw:
    """value × 2^bits, saturated to int32."""
    saturated: Raw = np.clip(value << bits, _LOW, _HIGH)
    return saturated


def exp_of_negative(value: Raw, integer_bits: int) -> Raw:
    """exp(x) in Q0.31 of x ≤ 0 in Q`integer_bits`."""
    fractional = 31 - integer_bits
    quarter = np.int64(1) << (fractional - 2)
    low = (value & (quarter - 1)) - quarter
    result = _exp_near_zero(shift_left(low, integer_bits))
    remainder = low - value
    for place, factor in enumerate(_EXPONENTIALS):
        if integer_bits > place - 2:
            bit = np.int64(1) << (fractional + place - 2)
            result = np.where(remainder & bit, high_product(result, factor), result)
    if integer_bits > 5:
        # The table of exponentials ends at −16: below −32 nothing is left.
        result = np.where(value < -(np.int64(32) << fractional), 0, result)
    return np.where(value == 0, _HIGH, result)


def _exp_near_zero(value: Raw) -> Raw:
    """exp(x) of −1/4 ≤ x < 0, both in Q0.31: a Taylor series of fourth order around −1/8."""
    x = value + (1 << 28)
    square = high_product(x, x)
    cube = high_product(square, x)
    fourth = divide_by_power(high_product(square, square), 2)
    series = divide_by_power(high_product(fourth + cube, _THIRD) + square, 1)
    return _EXP_MINUS_EIGHTH + high_product(_EXP_MINUS_EIGHTH, x + series)


def _inverse_of_half_sum(value: Raw) -> Raw:
    """2 / (1 + x) in Q2.29 of 0 ≤ x < 1 in Q0.31, by three steps of Newton's method."""
    total = value + _HIGH
    half = (total + 1) >> 1
    x = _48_OVER_17 + high_product(half, _MINUS_32_OVER_17)
    for _ in range(3):
        error = _ONE_Q2 - high_product(half, x)
        x = x + shift_left(high_product(x, error), 2)
    return x


def inverse_of_one_plus(value: Raw) -> Raw:
    """1 / (1 + x) in Q0.31 of 0 ≤ x < 1 in Q0.31."""
    return shift_left(_inverse_of_half_sum(value), 1)


def logistic(value: Raw, integer_bits: int) -> Raw:
    """1 / (1 + exp(−x)) in Q0.31 of x in Q`integer_bits`."""
    positive = inverse_of_one_plus(exp_of_negative(-np.abs(value), integer_bits))
    result = np.where(value > 0, positive, _HIGH - positive)
    return np.where(value == 0, 1 << 30, result)


def tanh(value: Raw, integer_bits: int) -> Raw:
    """tanh(x) in Q0.31 of x in Q`integer_bits`."""
    # One bit more of integer is a factor of 2 in the same raw value.
    exponential = exp_of_negative(-np.abs(value), integer_bits + 1)
    magnitude = shift_left(_inverse_of_half_sum(exponential) - _ONE_Q2, 2)
    result = np.where(value < 0, -magnitude, magnitude)
    return np.where(value == 0, 0, result)


def leading_zeros(value: Raw) -> NDArray[np.int64]:
    """Leading zero bits of positive 32-bit integers."""
    _, exponent = np.frexp(value.astype(np.float64))
    return 32 - exponent.astype(np.int64)
