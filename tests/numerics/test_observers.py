from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.affine import Affine, CodeRange, affine_from_range, fake_quantize
from qnnlab.numerics.observers import OBSERVERS, observe

kernels = hnp.arrays(np.float32, (4, 3, 5), elements=st.floats(-100, 100, width=16))
code_ranges = st.builds(CodeRange, st.integers(2, 8), st.booleans(), st.booleans())


def _squared_error(values: np.ndarray, affine: Affine) -> float:
    return float(((fake_quantize(values, affine) - values) ** 2).sum())


def _samples(name: str, count: int = 40_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    normal, laplace = rng.normal(size=count), rng.laplace(size=count)
    return {
        "normal": normal,
        "laplace": laplace,
        "relu": np.maximum(normal, 0),
        "spike": np.maximum(laplace - 3, 0),  # 97 % zeros
    }[name]


@given(
    kernels,
    code_ranges,
    st.sampled_from(sorted(OBSERVERS)),
    st.booleans(),
    st.sampled_from([(None, None), (0, None), (-1, None), (1, 3)]),
)
def test_zero_is_exact_and_the_grid_stays_within_the_extremes(
    values: np.ndarray,
    codes: CodeRange,
    observer: str,
    symmetric: bool,
    slices: tuple[int | None, int | None],
) -> None:
    axis, group = slices
    affine = observe(values, codes, observer, symmetric=symmetric, axis=axis, group=group)
    shape = {None: (), 0: (4,), -1: (5,), 1: (3, 7)}[axis]
    assert affine.scale.shape == affine.zero_point.shape == shape
    assert not fake_quantize(np.zeros(values.shape), affine).any()
    widest = observe(values, codes, symmetric=symmetric, axis=axis, group=group).scale
    assert np.all(affine.scale <= np.maximum(widest, 1) * (1 + 1e-6))


@given(kernels, st.integers(2, 8), st.booleans(), st.sampled_from([0, 1, 2]), st.integers(1, 6))
def test_finer_slices_have_finer_scales(
    values: np.ndarray, bits: int, symmetric: bool, axis: int, group: int
) -> None:
    codes = CodeRange(bits)
    tensor = observe(values, codes, symmetric=symmetric)
    channel = observe(values, codes, symmetric=symmetric, axis=axis)
    groups = observe(values, codes, symmetric=symmetric, axis=axis, group=group)
    rows = np.abs(np.moveaxis(values, axis, 0).reshape(len(channel.scale), -1)).max(axis=1)
    assert np.all(channel.scale[rows > 0] <= tensor.scale * (1 + 1e-9))
    finer = groups.scale <= channel.scale[:, np.newaxis] * (1 + 1e-9)
    assert np.all(finer | (groups.scale == 1))  # a group of zeros has scale 1
    # Rounding errs by half a scale; a nudged zero point can cost as much again at an end.
    bound = tensor.scale * (0.5 if symmetric else 1.0) * (1 + 1e-5)
    for affine in (tensor, channel, groups):
        assert np.abs(fake_quantize(values, affine) - values).max() <= bound


@given(kernels, code_ranges, st.booleans(), st.sampled_from([None, 0, 2]))
def test_mse_never_loses_to_the_extremes(
    values: np.ndarray, codes: CodeRange, symmetric: bool, axis: int | None
) -> None:
    best = observe(values, codes, "mse", symmetric=symmetric, axis=axis)
    widest = observe(values, codes, symmetric=symmetric, axis=axis)
    assert _squared_error(values, best) <= _squared_error(values, widest) * (1 + 1e-5) + 1e-6


@given(kernels, st.integers(2, 8), st.sampled_from(["minmax", "mse", "octav", "percentile", "kl"]))
def test_a_channel_is_observed_as_if_alone(values: np.ndarray, bits: int, observer: str) -> None:
    together = observe(values, CodeRange(bits), observer, symmetric=False, axis=1)
    for channel in range(values.shape[1]):
        alone = observe(values[:, channel], CodeRange(bits), observer, symmetric=False)
        np.testing.assert_allclose(together.scale[channel], alone.scale, rtol=1e-6)


def _least_error(values: np.ndarray, codes: CodeRange, symmetric: bool) -> float:
    low, high = values.min(), values.max()
    shares = np.linspace(0.02, 1, 150)
    grids = [affine_from_range(low * s, high * s, codes, symmetric=symmetric) for s in shares]
    return min(_squared_error(values, grid) for grid in grids)


@pytest.mark.parametrize("name", ["normal", "laplace", "relu"])
@pytest.mark.parametrize(("bits", "slack"), [(2, 1.15), (3, 1.06), (4, 1.05), (8, 1.06)])
def test_octav_and_mse_come_close_to_the_best_clip(name: str, bits: int, slack: float) -> None:
    values, codes = _samples(name, 8_000), CodeRange(bits)
    for symmetric in (True, False):
        least = _least_error(values, codes, symmetric)
        for observer, factor in (("octav", slack), ("mse", 1.03)):
            found = observe(values, codes, observer, symmetric=symmetric)
            assert _squared_error(values, found) <= factor * least, (observer, symmetric)


def test_octav_settles_where_the_papers_fixed_point_is() -> None:
    magnitudes = np.abs(_samples("normal"))
    clip = 127 * float(observe(magnitudes, CodeRange(8), "octav", symmetric=True).scale)
    beyond = magnitudes > clip
    weight = 4.0**-8 / 3 * (~beyond).sum() + beyond.sum()
    assert clip == pytest.approx(magnitudes[beyond].sum() / weight, rel=0.02)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["relu", "spike"])
def test_kl_is_not_pulled_down_by_zeros(name: str, bits: int) -> None:
    values = _samples(name)
    reach = float(observe(values, CodeRange(bits), "kl", symmetric=False).scale) * (2**bits - 1)
    positive = values[values > 0]
    assert np.quantile(positive, 0.9) < reach <= values.max() * (1 + 1e-9)


def test_kl_cuts_an_outlier_off() -> None:
    values = np.concatenate([_samples("normal"), [100.0, -80.0]])
    for symmetric in (True, False):
        found = observe(values, CodeRange(4), "kl", symmetric=symmetric)
        widest = observe(values, CodeRange(4), symmetric=symmetric)
        assert 4 * found.scale < widest.scale
        assert _squared_error(values[:-2], found) < _squared_error(values[:-2], widest) / 4


def test_moving_average_by_hand() -> None:
    x = np.array([[0.0, 1.0], [0.0, 3.0], [-2.0, 2.0], [0.0, 9.0], [-4.0, 5.0]])
    options: dict[str, Any] = {"momentum": 0.5, "batch": 2}
    codes = CodeRange(8)
    found = observe(x, codes, "moving_average", symmetric=False, **options)
    high = 0.5 * (0.5 * 3 + 0.5 * 9) + 0.5 * 5
    low = 0.5 * (0.5 * 0 + 0.5 * -2) + 0.5 * -4
    assert found.scale == pytest.approx((high - low) / 255)
    each = observe(x, codes, "moving_average", symmetric=True, axis=1, **options)
    np.testing.assert_allclose(each.scale * 127, [-low, high])
    alone = observe(x, codes, "moving_average", symmetric=True, axis=0, **options)
    np.testing.assert_allclose(alone.scale * 127, [1, 3, 2, 9, 5])


def test_percentiles_by_hand() -> None:
    x = np.arange(-100.0, 301.0)
    found = observe(x, CodeRange(8), "percentile", symmetric=False, percentile=99.0)
    assert found.scale == pytest.approx((296 + 96) / 255)
    sparse = np.zeros(100_000)
    sparse[7] = 5.0
    assert observe(sparse, CodeRange(8), "percentile", symmetric=True).scale == 5 / 127


def test_long_inputs_keep_their_extremes_and_are_thinned_the_same_way() -> None:
    values = np.random.default_rng(0).normal(size=3 * 2**20 + 5).astype(np.float32)
    values[1] = 40.0
    assert observe(values, CodeRange(8), symmetric=True).scale == pytest.approx(40 / 127)
    for observer in ("mse", "kl", "octav"):
        found = [observe(values, CodeRange(8), observer, symmetric=True) for _ in range(2)]
        assert found[0].scale == found[1].scale


@pytest.mark.parametrize("observer", sorted(OBSERVERS))
def test_odd_inputs_have_quantizers(observer: str) -> None:
    for values in (np.zeros(5), np.full(3, 2.5), np.full(3, -2.5), np.array([7]), np.array(1e-42)):
        for codes in (CodeRange(1), CodeRange(8), CodeRange(4, signed=False), CodeRange(16)):
            for symmetric in (True, False):
                affine = observe(values, codes, observer, symmetric=symmetric)
                assert affine.codes.low <= affine.zero_point <= affine.codes.high


@pytest.mark.parametrize("observer", sorted(OBSERVERS))
def test_bad_input_is_refused(observer: str) -> None:
    codes = CodeRange(8)
    for wrong in (np.array([1.0, np.nan]), np.array([np.inf])):
        with pytest.raises(ValueError, match="finite"):
            observe(wrong, codes, observer, symmetric=True)
    with pytest.raises(ValueError, match="empty"):
        observe(np.zeros((0, 4)), codes, observer, symmetric=True)
    with pytest.raises(ValueError, match="axis 2 does not exist"):
        observe(np.ones((2, 2)), codes, observer, symmetric=True, axis=2)
    with pytest.raises(ValueError, match="group"):
        observe(np.ones((2, 2)), codes, observer, symmetric=True, group=2)


def test_unknown_names_and_options_are_refused() -> None:
    x, codes = np.ones(4), CodeRange(8)
    with pytest.raises(ValueError, match="unknown observer 'minmx'; did you mean minmax"):
        observe(x, codes, "minmx", symmetric=True)
    with pytest.raises(ValueError, match="percentile must be"):
        observe(x, codes, "percentile", symmetric=True, percentile=101)
    with pytest.raises(ValueError, match="momentum"):
        observe(x, codes, "moving_average", symmetric=True, momentum=1.0)
    with pytest.raises(TypeError, match="percentile"):
        observe(x, codes, "minmax", symmetric=True, percentile=99)
