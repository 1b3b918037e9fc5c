"""The audio front ends, against TensorFlow's operators and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.tasks.front_ends import (
    RATE_HZ,
    frames,
    log_mel_windows,
    loudest_at_one,
    mel_filters,
    mfcc,
)


def _noise(count: int = 3, samples: int = RATE_HZ) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, samples), np.float32) * np.float32(0.1)


def _tone(hertz: float, seconds: float) -> NDArray[np.float32]:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.sin(2 * np.pi * hertz * time).astype(np.float32)


@pytest.mark.slow
def test_mfcc_is_that_of_tensorflow() -> None:
    tf = backend.tensorflow()
    waves = np.concatenate([_noise(), _tone(440.0, 1.0)[np.newaxis], np.zeros((1, RATE_HZ), "f")])
    spectrum = tf.abs(tf.signal.stft(waves, 480, 320, 512, window_fn=tf.signal.hann_window))
    bands = tf.signal.linear_to_mel_weight_matrix(40, 257, RATE_HZ, 20.0, 4000.0)
    np.testing.assert_allclose(mel_filters("htk", 40, 512, 20.0, 4000.0), bands.numpy(), atol=1e-5)
    logarithm = tf.math.log(tf.tensordot(spectrum, bands, 1) + 1e-6)
    theirs = tf.signal.mfccs_from_log_mel_spectrograms(logarithm)[..., :10].numpy()
    ours = mfcc(waves)
    assert ours.shape == (5, 49, 10, 1)
    # Between the lines of a tone the spectrum is rounding noise, which the logarithm enlarges.
    np.testing.assert_allclose(ours[:3, ..., 0], theirs[:3], atol=1e-4)
    np.testing.assert_allclose(ours[3:, ..., 0], theirs[3:], atol=2e-2)


def test_mfcc_of_silence_is_the_floor() -> None:
    features = mfcc(np.zeros((1, RATE_HZ), np.float32))[0, ..., 0]
    floor = 2 * 40 * np.log(1e-6) / np.sqrt(2 * 40)  # all bands alike, in the first coefficient
    np.testing.assert_allclose(features[:, 0], floor, rtol=1e-5)
    np.testing.assert_allclose(features[:, 1:], 0.0, atol=1e-4)


def test_mfcc_of_each_clip_is_its_own() -> None:
    waves = _noise()
    np.testing.assert_array_equal(mfcc(waves)[1:2], mfcc(waves[1:2]))


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(-1.0, 1.0))
def test_loudest_at_one(count: int, seed: int, offset: float) -> None:
    waves = np.random.default_rng(seed).uniform(-1, 1, (count, 50)).astype(np.float32)
    waves = (waves / 2 + np.float32(offset)).astype(np.float32)
    scaled = loudest_at_one(waves)
    assert scaled.dtype == np.float32
    for before, after in zip(waves, scaled, strict=True):
        if before.max() > 0:
            assert after.max() == 1.0
            np.testing.assert_allclose(after * before.max(), before, rtol=1e-5, atol=1e-7)
        else:
            np.testing.assert_array_equal(after, before)


def test_frames_overlap_without_padding() -> None:
    cut = frames(np.arange(10, dtype=np.float32), 4, 3)
    np.testing.assert_array_equal(cut, [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]])


def test_htk_bands_share_each_bin_between_two() -> None:
    filters = mel_filters("htk", 40, 512, 20.0, 4000.0)
    assert filters.shape == (257, 40)
    hertz = np.linspace(0, RATE_HZ / 2, 257)
    assert not filters[(hertz < 20.0) | (hertz > 4000.0)].any()
    centres = hertz[filters.argmax(axis=0)]
    inner = (hertz > centres[0] + 32) & (hertz < centres[-1] - 64)
    np.testing.assert_allclose(filters[inner].sum(axis=1), 1.0, atol=1e-5)


def test_slaney_bands_are_of_equal_area() -> None:
    filters = mel_filters("slaney", 128, 1024, 0.0, RATE_HZ / 2)
    assert filters.shape == (513, 128)
    areas = filters.sum(axis=0) * RATE_HZ / 1024
    assert (areas > 0.0).all()
    np.testing.assert_allclose(areas[90:], 1.0, atol=0.03)  # the narrow ones hold few bins
    assert (np.diff(filters.argmax(axis=0)) >= 0).all()


def test_log_mel_windows_of_ten_seconds() -> None:
    wave = _noise(1, 10 * RATE_HZ)[0]
    windows = log_mel_windows(wave)
    assert windows.shape == (309, 640)
    assert windows.dtype == np.float32
    np.testing.assert_array_equal(windows[1, :512], windows[0, 128:])
    np.testing.assert_array_equal(log_mel_windows(wave, hop=4), windows[::4])


@pytest.mark.parametrize("hertz", [250.0, 700.0, 1000.0, 2500.0, 5000.0])
def test_tone_lands_in_its_band(hertz: float) -> None:
    band = int(log_mel_windows(_tone(hertz, 1.0))[10, :128].argmax())
    filters = mel_filters("slaney", 128, 1024, 0.0, RATE_HZ / 2)
    nearest = round(hertz * 1024 / RATE_HZ)
    assert filters[nearest, band] > 0.0


def test_ten_times_louder_is_20_db() -> None:
    wave = _noise(1, RATE_HZ)[0]
    gain = log_mel_windows(10 * wave) - log_mel_windows(wave)
    np.testing.assert_allclose(gain, 20.0, atol=1e-3)


def test_log_mel_of_silence_is_finite() -> None:
    silence = log_mel_windows(np.zeros(2 * RATE_HZ, np.float32))
    np.testing.assert_allclose(silence, 10 * np.log10(np.finfo(np.float64).eps), rtol=1e-5)
