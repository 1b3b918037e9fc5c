from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.affine import dequantize, quantize

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
