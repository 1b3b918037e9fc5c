"""Audio front ends: waveforms in, the features that MLPerf Tiny's networks take out.

Both follow the reference code of MLPerf Tiny (mlcommons/tiny), in numpy and scipy.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000

_KWS_FRAME, _KWS_HOP, _KWS_FFT = 480, 320, 512
_KWS_BANDS, _KWS_LOW_HZ, _KWS_HIGH_HZ = 40, 20.0, 4000.0
_KWS_FLOOR = 1e-6
KWS_COEFFICIENTS = 10

_AD_FFT, _AD_HOP, AD_BANDS = 1024, 512, 128
AD_FRAMES = 5
_SLANEY_LINEAR_HZ = 200.0 / 3
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def frames(waves: NDArray[np.float32], length: int, hop: int) -> NDArray[np.float32]:
    """Overlapping frames (…, count, length) of waveforms (…, samples); no padding."""
    view = np.lib.stride_tricks.sliding_window_view
    windows: NDArray[np.float32] = view(waves, length, axis=-1)
    return windows[..., ::hop, :]


def loudest_at_one(waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Waveforms (…, samples) divided by their largest sample each, where that is above zero.

    MLPerf Tiny does this to each clip before `mfcc`. The largest is that of the positive samples,
    as in its code, so a clip can reach beyond -1.
    """
    largest = waves.max(axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = waves / np.where(largest > 0.0, largest, np.ones_like(largest))
    return scaled


def mfcc(waves: NDArray[np.float32]) -> NDArray[np.float32]:
    """MFCCs (clips, 49, 10, 1) of one-second clips (clips, 16000) in -1 to 1.

    Frames of 30 ms every 20 ms, periodic Hann window, 512-point magnitude spectrum, 40 HTK mel
    bands from 20 to 4,000 Hz, natural logarithm of the sum with 1e-6, DCT-II over the root of
    twice the bands (HTK's), first 10 coefficients: MLPerf Tiny's keyword spotting front end.
    """
    from scipy.fft import dct, rfft

    window = np.hanning(_KWS_FRAME + 1)[:-1].astype(np.float32)
    spectrum = np.abs(rfft(frames(waves, _KWS_FRAME, _KWS_HOP) * window, _KWS_FFT))
    mel = _in_bands(spectrum, "htk", _KWS_BANDS, _KWS_FFT, (_KWS_LOW_HZ, _KWS_HIGH_HZ))
    cepstrum: NDArray[np.float32] = dct(np.log(mel + _KWS_FLOOR)) / np.sqrt(2 * _KWS_BANDS)
    return cepstrum[..., :KWS_COEFFICIENTS, np.newaxis].astype(np.float32)


def log_mel_windows(wave: NDArray[np.float32], hop: int = 1) -> NDArray[np.float32]:
    """Windows (count, 640) of 5 log-mel frames each of one recording (samples,) at 16 kHz.

    1,024-point power spectrum every 512 samples (periodic Hann window, centred, zero padding),
    128 Slaney mel bands to 8 kHz, in dB; the frames of a window stand one after the other.
    `hop` is in frames. The anomaly detection front end of MLPerf Tiny (DCASE 2020 baseline).
    """
    from scipy.fft import rfft

    window = np.hanning(_AD_FFT + 1)[:-1].astype(np.float32)
    padded = np.pad(wave, _AD_FFT // 2)
    power = np.abs(rfft(frames(padded, _AD_FFT, _AD_HOP) * window)) ** 2
    mel = _in_bands(power, "slaney", AD_BANDS, _AD_FFT, (0.0, RATE_HZ / 2))
    decibel = 10.0 * np.log10(np.maximum(mel, np.finfo(np.float64).eps))
    stacked = np.lib.stride_tricks.sliding_window_view(decibel, AD_FRAMES, axis=0)[::hop]
    return np.ascontiguousarray(
        stacked.transpose(0, 2, 1).reshape(len(stacked), -1), dtype=np.float32
    )


def _in_bands(
    spectrum: NDArray[np.float32],
    scale: Literal["htk", "slaney"],
    bands: int,
    fft: int,
    span_hz: tuple[float, float],
) -> NDArray[np.float32]:
    """Spectra (…, fft // 2 + 1) summed under mel filters: (…, bands).

    As a sparse product: a dense one adds in another order with another number of threads.
    """
    from scipy.sparse import csr_array

    filters = csr_array(mel_filters(scale, bands, fft, *span_hz).T)
    flat = np.ascontiguousarray(spectrum.reshape(-1, spectrum.shape[-1]).T)
    summed: NDArray[np.float32] = (filters @ flat).T
    return summed.reshape(*spectrum.shape[:-1], bands)


@cache
def mel_filters(
    scale: Literal["htk", "slaney"], bands: int, fft: int, low_hz: float, high_hz: float
) -> NDArray[np.float32]:
    """Triangular filters (fft // 2 + 1, bands) evenly spaced in mel from `low_hz` to `high_hz`.

    "htk": triangles in mel of height 1 without the zero-frequency bin, as TensorFlow draws them.
    "slaney": triangles in hertz of equal area, as librosa draws them.
    """
    bins = np.linspace(0.0, RATE_HZ / 2, fft // 2 + 1)
    mel = _htk_mel if scale == "htk" else _slaney_mel
    edges = np.linspace(mel(np.array(low_hz)), mel(np.array(high_hz)), bands + 2)
    points = mel(bins) if scale == "htk" else bins
    if scale == "slaney":
        edges = _slaney_hz(edges)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (points[:, None] - low) / (centre - low)
    falling = (high - points[:, None]) / (high - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if scale == "htk":
        filters[0] = 0.0
    else:
        filters *= 2.0 / (high - low)
    return filters.astype(np.float32)


def _htk_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    mel: NDArray[np.float64] = 1127.0 * np.log1p(hz / 700.0)
    return mel


def _slaney_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = hz / _SLANEY_LINEAR_HZ
    start = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
    logarithmic = start + np.log(np.maximum(hz, 1.0) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_BREAK_HZ, linear, logarithmic)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    start = _SLANEY_BREAK_HZ / _SLANEY_LINEAR_HZ
    logarithmic = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (mel - start))
    return np.where(mel < start, mel * _SLANEY_LINEAR_HZ, logarithmic)
