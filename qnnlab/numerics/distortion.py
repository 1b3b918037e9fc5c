"""How far a quantized signal is from the one it stands for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_UNSEEN = 1e-12  # probability of a bin that only one side fills


def mse(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The mean squared difference, in the signal's unit squared.

    Raises ValueError, as all measures here, for no values, NaN, infinity and unlike shapes.
    """
    a, b = _pair(signal, other)
    return float(((a - b) ** 2).mean())


def sqnr_db(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Power of `signal` over power of the difference, in dB.

    Infinite where there is no difference, minus infinity where a signal of zeros is not kept.
    """
    a, b = _pair(signal, other)
    power, noise = float((a**2).sum()), float(((a - b) ** 2).sum())
    if noise == 0:
        return math.inf
    return 10 * (math.log10(power) - math.log10(noise)) if power > 0 else -math.inf


def cosine(signal: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """The cosine of the angle between both: 1 where both are zeros, 0 where one of them is."""
    a, b = _pair(signal, other)
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not all(lengths):
        return float(lengths[0] == lengths[1])
    return float(np.clip((a / lengths[0]) @ (b / lengths[1]), -1, 1))


def kl_divergence(
    p_values: NDArray[np.floating], q_values: NDArray[np.floating], bins: int = 256
) -> float:
    """KL divergence of the spread of `q_values` from that of `p_values`, in nats, at least 0.

    Estimated over `bins` even bins that span both, which may be of different sizes.
    """
    p, q = _finite(p_values), _finite(q_values)
    span = min(p.min(), q.min()), max(p.max(), q.max())
    shares = [np.histogram(values, bins, span)[0] / values.size + _UNSEEN for values in (p, q)]
    of_p, of_q = (share / share.sum() for share in shares)
    return max(0.0, float((of_p * np.log(of_p / of_q)).sum()))


def _pair(signal: NDArray[np.floating], other: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
    if np.shape(signal) != np.shape(other):
        raise ValueError(f"can't compare shapes {np.shape(signal)} and {np.shape(other)}")
    return _finite(signal), _finite(other)


def _finite(values: NDArray[np.floating]) -> Doubles:
    flat = np.asarray(values, np.float64).reshape(-1)
    if flat.size == 0 or not np.isfinite(flat).all():
        raise ValueError("a signal must have values, all of them finite")
    return flat
