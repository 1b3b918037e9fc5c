"""How far a quantized signal is from the one it stands for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BINS = 256
_UNSEEN = 1e-12  # probability of a bin that only one side fills


def _pair(
    signal: NDArray[np.floating], other: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(signal, np.float64).reshape(-1), np.asarray(other, np.float64).reshape(-1)
    if a.size == 0 or a.size != b.size:
        raise ValueError(f"two signals of one length are needed, not {a.size} and {b.size}")
    return a, b


def mse(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The mean squared difference, in the signal's unit squared."""
    a, b = _pair(signal, other)
    return float(((a - b) ** 2).mean())


def sqnr_db(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Power of `signal` over that of the difference, in dB; infinite where there is none.

    Minus infinity for a signal of zeros that is not kept.
    """
    a, b = _pair(signal, other)
    noise, power = float(((a - b) ** 2).sum()), float((a**2).sum())
    if noise == 0:
        return np.inf
    return 10 * float(np.log10(power / noise)) if power > 0 else -np.inf


def cosine(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The cosine of the angle between the two; 1 for two signals of zeros, 0 where one is."""
    a, b = _pair(signal, other)
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if lengths == 0:
        return float(not a.any() and not b.any())
    return float(np.clip(a @ b / lengths, -1.0, 1.0))


def kl_divergence(
    signal: NDArray[np.floating], other: NDArray[np.floating], bins: int = _BINS
) -> float:
    """How much the values of `other` are spread unlike those of `signal`, in nats, over a histogram.

    The bins span both. At least 0, and 0 for equal spreads.
    """
    a, b = _pair(signal, other)
    span = (min(a.min(), b.min()), max(a.max(), b.max()))
    p, q = (np.histogram(v, bins, span)[0] / v.size for v in (a, b))
    p, q = p + _UNSEEN, q + _UNSEEN
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())
