from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.affine import (
    Affine,
    CodeRange,
    affine_from_range,
    dequantize,
    fake_quantize,
    quantize,
)

reals = hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e6, 1e6, width=32))
kernels = hnp.arrays(np.float32, (3, 2, 5), elements=st.floats(-100, 100, width=32))
code_ranges = st.builds(CodeRange, st.integers(2, 16), st.booleans(), st.booleans())


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    codes = draw(code_ranges)
    zero_point = draw(st.integers(codes.low, codes.high))
    return Affine(np.array(draw(st.floats(1e-6, 1e3))), np.array(zero_point), codes)


def _ends(affine: Affine) -> tuple[np.ndarray, np.ndarray]:
    codes = affine.codes
    return (
        (codes.low - affine.zero_point) * affine.scale,
        (codes.high - affine.zero_point) * affine.scale,
    )


@given(reals, affines(), st.sampled_from(["nearest_even", "half_away", "floor", "stochastic"]))
def test_error_inside_the_range_and_saturation_outside(
    real: np.ndarray, affine: Affine, rounding: str
) -> None:
    codes = quantize(real, affine, rounding, np.random.default_rng(0))
    low, high = _ends(affine)
    error = np.abs((codes - affine.zero_point) * affine.scale - real)
    bound = affine.scale * (1 if rounding in ("floor", "stochastic") else 0.5)
    inside = (real >= low) & (real <= high)
    assert np.all(error[inside] <= bound * (1 + 1e-9))
    assert np.all(codes[real < low - affine.scale] == affine.codes.low)
    assert np.all(codes[real > high + affine.scale] == affine.codes.high)


@given(affines())
def test_zero_is_exact_and_codes_survive(affine: Affine) -> None:
    codes = np.arange(affine.codes.low, affine.codes.high + 1)
    real = dequantize(codes, affine)
    assert real[affine.zero_point - affine.codes.low] == 0.0
    assert np.array_equal(quantize(real, affine), codes)


@given(reals, affines(), st.sampled_from(["nearest_even", "half_away", "floor"]))
def test_monotone(real: np.ndarray, affine: Affine, rounding: str) -> None:
    assert np.all(np.diff(quantize(np.sort(real), affine, rounding)) >= 0)


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.builds(CodeRange, st.integers(1, 16), st.booleans()),
    st.booleans(),
)
def test_a_range_is_covered_and_holds_zero(
    low: float, width: float, codes: CodeRange, symmetric: bool
) -> None:
    affine = affine_from_range(low, low + width, codes, symmetric=symmetric)
    assert dequantize(affine.zero_point, affine) == 0
    bottom, top = _ends(affine)
    slack = affine.scale * (0 if symmetric else 0.5) + 1e-9 * affine.scale
    if codes.bits > 1:
        assert top >= max(low + width, 0) - slack
    if codes.signed or not symmetric:
        assert bottom <= min(low, 0) + slack
    if symmetric:
        assert affine.zero_point == 0


def test_known_quantizers() -> None:
    affine = affine_from_range(-1.0, 3.0, CodeRange(8), symmetric=False)
    assert (float(affine.scale), int(affine.zero_point)) == (4 / 255, -64)
    affine = affine_from_range(-1.0, 3.0, CodeRange(8, narrow=True), symmetric=True)
    assert (float(affine.scale), int(affine.zero_point)) == (3 / 127, 0)
    affine = affine_from_range(2.0, 6.0, CodeRange(4, signed=False), symmetric=False)
    assert (float(affine.scale), int(affine.zero_point)) == (6 / 15, 0)
    affine = affine_from_range(-6.0, 3.0, CodeRange(4, signed=False), symmetric=True)
    assert fake_quantize(np.array([-6.0, 3.0]), affine).tolist() == [0.0, 3.0]


@pytest.mark.parametrize("tiny", [0.0, 5e-324, 1e-40])
def test_a_range_of_zeros_has_scale_1(tiny: float) -> None:
    for symmetric in (False, True):
        affine = affine_from_range(-tiny, tiny, CodeRange(8), symmetric=symmetric)
        assert affine.scale == 1
        assert fake_quantize(np.zeros(1), affine) == 0


def test_code_ranges() -> None:
    assert (CodeRange(8).low, CodeRange(8).high) == (-128, 127)
    assert (CodeRange(4, narrow=True).low, CodeRange(4, signed=False).high) == (-7, 15)
    assert (CodeRange(1).low, CodeRange(1).high) == (-1, 0)
    for bits in (0, 17):
        with pytest.raises(ValueError, match="bits must be"):
            CodeRange(bits)
    with pytest.raises(ValueError, match="narrow"):
        CodeRange(1, narrow=True)


def test_ties_go_to_even_and_infinity_saturates() -> None:
    affine = Affine(np.array(1.0), np.array(0), CodeRange(16))
    real = np.array([0.5, 1.5, 2.5, -0.5, np.inf, -np.inf])
    assert quantize(real, affine).tolist() == [0, 2, 2, 0, 32767, -32768]
    with pytest.raises(ValueError, match="NaN"):
        quantize(np.array([np.nan]), affine)


@given(kernels, st.sampled_from([0, 1, 2, -1]), st.integers(1, 7))
def test_groups_are_runs_of_each_channel(real: np.ndarray, axis: int, group: int) -> None:
    channels = real.shape[axis]
    rows = np.moveaxis(real, axis, 0).reshape(channels, -1)
    count = -(-rows.shape[1] // group)
    scale = np.arange(1, channels * count + 1).reshape(channels, count) / 7
    affine = Affine(scale, np.zeros(scale.shape, np.int64), CodeRange(8), axis, group)
    found = np.moveaxis(fake_quantize(real, affine), axis, 0).reshape(channels, -1)
    for channel in range(channels):
        for at in range(count):
            part = slice(at * group, (at + 1) * group)
            one = Affine(scale[channel, at], np.array(0), CodeRange(8))
            assert np.array_equal(found[channel, part], fake_quantize(rows[channel, part], one))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Affine(np.array(scale), np.array(0), CodeRange(8))


@pytest.mark.parametrize(
    ("scale", "axis", "group", "message"),
    [
        (np.ones(3), None, None, "dimensions"),
        (np.ones(()), 0, None, "dimensions"),
        (np.ones((3, 2)), 0, 0, "group"),
        (np.ones(()), None, 4, "group"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(
    scale: np.ndarray, axis: int | None, group: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Affine(scale, np.zeros(scale.shape, np.int64), CodeRange(8), axis, group)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="zero_point"):
        Affine(np.array(1.0), np.array(128), CodeRange(8))
    affine = Affine(np.ones(3), np.zeros(3, np.int64), CodeRange(8), axis=2)
    with pytest.raises(ValueError, match="axis 2 does not exist"):
        quantize(np.zeros((3, 3)), affine)
    with pytest.raises(ValueError, match="takes scales of shape"):
        quantize(np.zeros((3, 3, 4)), affine)
    for low, high in ((np.nan, 1.0), (0.0, np.inf), (1.0, -1.0)):
        with pytest.raises(ValueError, match="range must"):
            affine_from_range(low, high, CodeRange(8), symmetric=True)
