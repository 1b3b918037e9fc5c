from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.codebooks import (
    additive_power_of_two,
    assign,
    integer_codebook,
    kmeans,
    nf4,
    power_of_two,
)

values_ = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-100, 100, width=16))


def test_nf4_is_the_published_table() -> None:
    published = [-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0]
    published += [0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0]
    np.testing.assert_allclose(nf4(), published, atol=1e-6)
    assert (nf4()[0], nf4()[7], nf4()[15]) == (-1.0, 0.0, 1.0)


def test_powers_of_two_and_their_sums() -> None:
    assert power_of_two(3).tolist() == [-1, -0.5, -0.25, 0, 0.25, 0.5, 1]
    half = [0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1]
    np.testing.assert_allclose(additive_power_of_two(4)[7:], half)
    # Two terms, {0, 1, 1/4, 1/16} and {0, 1/2, 1/8, 1/32}; the largest sum is 3/2.
    sums = {a + b for a in (0, 1, 1 / 4, 1 / 16) for b in (0, 1 / 2, 1 / 8, 1 / 32)}
    np.testing.assert_allclose(additive_power_of_two(5, k=2)[15:], np.sort([*sums]) / 1.5)
    np.testing.assert_allclose(additive_power_of_two(4, k=3), power_of_two(4))


@pytest.mark.parametrize("bits", range(3, 9))
def test_tables_are_symmetric_hold_zero_and_fit_their_bits(bits: int) -> None:
    for levels in (power_of_two(bits), additive_power_of_two(bits)):
        assert np.array_equal(levels, -levels[::-1])
        assert levels.max() == 1
        assert (levels == 0).sum() == 1
        assert len(np.unique(levels)) == 2**bits - 1


@given(values_, st.integers(1, 8), st.integers(0, 5))
def test_kmeans_stays_inside_and_beats_one_level(
    values: np.ndarray, levels: int, seed: int
) -> None:
    centres = kmeans(values, levels, seed)
    assert centres.shape == (levels,)
    assert np.all(np.diff(centres) >= 0)
    assert np.all((centres >= values.min() - 1e-9) & (centres <= values.max() + 1e-9))
    error = ((centres[assign(values, centres)] - values) ** 2).sum()
    assert error <= ((values - values.mean()) ** 2).sum() + 1e-6
    assert np.array_equal(centres, kmeans(values, levels, seed))


def test_kmeans_finds_what_is_there() -> None:
    values = np.repeat([-3.0, 0.0, 9.0], [5, 100, 1])
    assert kmeans(values, 3, seed=0).tolist() == [-3, 0, 9]
    assert set(kmeans(values, 6, seed=0)) == {-3, 0, 9}
    # Lloyd-Max for a normal distribution and 4 levels: ±0.453, ±1.510 (Max 1960).
    normal = np.random.default_rng(0).normal(size=50_000)
    np.testing.assert_allclose(
        kmeans(normal, 4, seed=0, iterations=200), [-1.51, -0.453, 0.453, 1.51], atol=0.03
    )


@given(values_, st.integers(1, 8))
def test_assigned_levels_are_nearest(values: np.ndarray, count: int) -> None:
    levels = np.sort(np.random.default_rng(count).normal(size=count) * 50)
    chosen = assign(values, levels)
    assert chosen.dtype == np.uint8
    nearest = np.abs(values[:, np.newaxis] - levels).min(axis=1)
    np.testing.assert_allclose(np.abs(levels[chosen] - values), nearest, atol=1e-9)


def test_ties_go_to_the_lower_level() -> None:
    assert assign(np.array([[0.5, 1.5], [-9, 9]]), np.arange(3.0)).tolist() == [[0, 1], [0, 2]]


@given(hnp.arrays(np.float64, 16, elements=st.floats(-1e3, 1e3, width=32)))
def test_integer_codebooks_err_by_half_a_scale(levels: np.ndarray) -> None:
    codes, scale = integer_codebook(levels)
    assert codes.dtype == np.int8
    assert np.abs(codes.astype(int)).max() == (127 if levels.any() else 0)
    assert np.all(np.abs(codes * scale - levels) <= scale / 2 * (1 + 1e-9))


def test_bad_input_is_refused() -> None:
    for bits in (1, 9):
        with pytest.raises(ValueError, match="bits must be"):
            power_of_two(bits)
    for bits, k in ((2, 2), (6, 3), (4, 0)):
        with pytest.raises(ValueError, match="another k"):
            additive_power_of_two(bits, k)
    for wrong in (np.zeros(0), np.array([np.nan])):
        with pytest.raises(ValueError, match="finite"):
            kmeans(wrong, 2, 0)
        with pytest.raises(ValueError, match="finite"):
            integer_codebook(wrong)
    for levels in (0, 257):
        with pytest.raises(ValueError, match="levels must be"):
            kmeans(np.ones(3), levels, 0)
    with pytest.raises(ValueError, match="NaN"):
        assign(np.array([np.nan]), np.arange(3.0))
    for table in (np.array([1.0, 0.0]), np.zeros(0), np.arange(257.0), np.array([np.nan, 1.0])):
        with pytest.raises(ValueError, match="sorted"):
            assign(np.ones(2), table)
