from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.affine import dequantize, quantize, round_to_grid

scales = st.floats(1e-6, 1e3)
reals = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e6))


@given(reals, scales, st.integers(-128, 127))
def test_error_is_half_a_scale_inside_the_range_and_saturates_outside(
    real: np.ndarray, scale: float, zero_point: int
) -> None:
    codes = quantize(real, scale, zero_point, np.dtype(np.int8))
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    back = (codes.astype(float) - zero_point) * scale
    inside = (real >= low) & (real <= high)
    assert np.all(np.abs(back - real)[inside] <= scale / 2 * (1 + 1e-9))
    assert np.all(codes[real < low - scale] == -128)
    assert np.all(codes[real > high + scale] == 127)


@given(scales, st.integers(-128, 127))
def test_zero_is_exact_and_codes_survive(scale: float, zero_point: int) -> None:
    codes = np.arange(-128, 128).astype(np.int8)
    assert dequantize(np.array([zero_point], np.int8), scale, zero_point)[0] == 0.0
    real = (codes.astype(float) - zero_point) * scale
    assert np.array_equal(quantize(real, scale, zero_point, np.dtype(np.int8)), codes)


@given(reals, scales, st.integers(-128, 127))
def test_monotone(real: np.ndarray, scale: float, zero_point: int) -> None:
    codes = quantize(np.sort(real), scale, zero_point, np.dtype(np.int8)).astype(int)
    assert np.all(np.diff(codes) >= 0)


def test_ties_go_to_even() -> None:
    codes = quantize(np.array([0.5, 1.5, 2.5, -0.5]), 1.0, 0, np.dtype(np.int16))
    assert codes.tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        quantize(np.zeros(3), scale, 0, np.dtype(np.int8))


kernels = hnp.arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))


@given(kernels, st.integers(2, 8), st.sampled_from([0, 1, -1]))
def test_grid_is_half_a_step_away_keeps_zero_and_its_own_points(
    weights: np.ndarray, bits: int, axis: int
) -> None:
    rounded = round_to_grid(weights, bits, axis)
    step = np.abs(weights).max(axis=0 if axis else 1, keepdims=True) / (2 ** (bits - 1) - 1)
    assert np.all(np.abs(rounded - weights) <= step / 2 * (1 + 1e-5))
    assert np.all(rounded[weights == 0] == 0)
    np.testing.assert_allclose(round_to_grid(rounded, bits, axis), rounded, rtol=1e-6)
    for row in np.moveaxis(rounded, axis, 0):
        assert len(np.unique(row)) <= 2**bits - 1


def test_two_bits_leave_three_points() -> None:
    weights = np.array([[-1.0, -0.4, 0.2, 0.6]], np.float32)
    assert round_to_grid(weights, 2, 0).tolist() == [[-1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("bits", [1, 17])
def test_a_grid_needs_2_to_16_bits(bits: int) -> None:
    with pytest.raises(ValueError, match="bits must be"):
        round_to_grid(np.ones((2, 2), np.float32), bits, 0)
