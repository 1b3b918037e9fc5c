"""From real multiples of a scale to whole codes: fixed rules, chance, or a learned choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import unknown_name

Reals = NDArray[np.float64]

# AdaRound's stretch of the sigmoid, so that 0 and 1 are reached (Nagel et al. 2020, equation 23).
ZETA = 1.1
GAMMA = -0.1


def _half_away(x: Reals, rng: np.random.Generator | None) -> Reals:
    whole = np.trunc(x)
    # Not floor(|x| + 0.5): that sum rounds 0.49999999999999994 up to 1.
    with np.errstate(invalid="ignore"):
        away = np.abs(x - whole) >= 0.5
    rounded: Reals = whole + np.copysign(away, x)
    return rounded


def _stochastic(x: Reals, rng: np.random.Generator | None) -> Reals:
    if rng is None:
        raise ValueError("stochastic rounding needs a numpy Generator as rng")
    below = np.floor(x)
    with np.errstate(invalid="ignore"):
        up = rng.random(x.shape) < x - below
    return below + up


ROUNDINGS: Mapping[str, Callable[[Reals, np.random.Generator | None], Reals]] = {
    "nearest_even": lambda x, _: np.rint(x),
    "half_away": _half_away,
    "floor": lambda x, _: np.floor(x),
    "stochastic": _stochastic,
}


def round_codes(
    x: NDArray[np.floating], rounding: str = "nearest_even", rng: np.random.Generator | None = None
) -> Reals:
    """`x`, in multiples of the scale, as whole numbers that are not yet saturated.

    `stochastic` rounds up with the probability of the fraction, so that the mean is kept (Gupta
    et al. 2015, arXiv:1502.02551); it draws from `rng`. Raises ValueError for an unknown rounding
    and where `rng` is missing.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(unknown_name("rounding", rounding, ROUNDINGS))
    return ROUNDINGS[rounding](np.asarray(x, np.float64), rng)


def learned(x_over_scale: NDArray[np.floating], up: NDArray[np.bool_]) -> Reals:
    """Floor, and one more where `up`: the form in which AdaRound's choice is kept.

    Nagel et al. 2020 (arXiv:2004.10568), equation 22 with h(V) settled to 0 or 1.
    """
    codes: Reals = np.floor(np.asarray(x_over_scale, np.float64)) + np.asarray(up, bool)
    return codes


def rectified_sigmoid(v: NDArray[np.floating]) -> Reals:
    """AdaRound's h(V) in [0, 1]: how far above the floor each weight is, while still learned.

    Nagel et al. 2020 (arXiv:2004.10568), equation 23.
    """
    v = np.asarray(v, np.float64)
    # tanh does not overflow where exp(−v) would.
    sigmoid = 0.5 * (1 + np.tanh(v / 2))
    h: Reals = np.clip(sigmoid * (ZETA - GAMMA) + GAMMA, 0, 1)
    return h


def initial_v(x_over_scale: NDArray[np.floating]) -> Reals:
    """The V whose h(V) is the fraction of `x_over_scale`: learning starts at the float weights."""
    x = np.asarray(x_over_scale, np.float64)
    sigmoid = (x - np.floor(x) - GAMMA) / (ZETA - GAMMA)
    v: Reals = np.log(sigmoid / (1 - sigmoid))
    return v
