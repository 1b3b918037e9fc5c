"""Codebooks: levels that need not be evenly spaced, sorted, as float64 arrays."""

from __future__ import annotations

from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_INT8_HIGH = 127


def power_of_two(bits: int) -> Doubles:
    """0 and ±2^−i for i = 0 … 2^(bits−1) − 2: products by these levels are shifts.

    Zhou et al. 2017 (arXiv:1702.03044). Raises ValueError unless there are 2 to 8 bits.
    """
    _check_bits(bits)
    powers = 2.0 ** -np.arange(2 ** (bits - 1) - 1)
    return np.concatenate([-powers, [0.0], powers[::-1]])


def additive_power_of_two(bits: int, k: int = 2) -> Doubles:
    """Signed sums of n powers of two, (bits − 1) / k of them, scaled to a largest level of 1.

    Term i is 0 or 2^−(i + j·n) for j = 0 … 2^k − 2: Li et al. 2020 (arXiv:1909.13144), equation
    4, on the magnitude bits. Where one bit is left over, it is a term of its own, 0 or a power,
    that takes its turn just before the last round of the others; 4 bits then give 0, 0.1, 0.2,
    0.3, 0.4, 0.6, 0.8 and 1. Raises ValueError for other splits and unless bits are 2 to 8.
    """
    _check_bits(bits)
    n, rest = divmod(bits - 1, k) if k >= 1 else (0, 0)
    if n < 1 or rest > 1:
        raise ValueError(f"{bits} bits are no sign and terms of {k} bits; take another k")
    last = 2**k - 2
    terms = [
        [0.0, *(2.0 ** -(i + j * n + (rest if j == last else 0)) for j in range(last + 1))]
        for i in range(n)
    ]
    if rest:
        terms.append([0.0, 2.0 ** -(last * n)])
    sums = np.array([sum(chosen) for chosen in product(*terms)])
    return np.unique(np.concatenate([-sums, sums]) / sums.max()) + 0.0  # no −0


def nf4() -> Doubles:
    """The 16 levels of NormalFloat4: quantiles of a normal distribution, with exact 0 and ±1.

    Dettmers et al. 2023 (arXiv:2305.14314), section 3 and appendix E: 8 levels above zero and 7
    below, each side evenly spaced in probability from an offset that keeps the ends finite.
    """
    offset = (1 - 1 / 32 + 1 - 1 / 30) / 2
    normal = NormalDist()
    above = [normal.inv_cdf(p) for p in np.linspace(offset, 0.5, 9)[:-1]]
    below = [-normal.inv_cdf(p) for p in np.linspace(offset, 0.5, 8)[:-1]]
    return np.array([*below, 0.0, *reversed(above)]) / above[0]


def kmeans(values: NDArray[np.floating], levels: int, seed: int, iterations: int = 50) -> Doubles:
    """The sorted centres of `levels` clusters of `values`, by Lloyd's steps in one dimension.

    Weight sharing of Han et al. 2016 (arXiv:1510.00149), section 3. It starts from values drawn
    far from each other (k-means++, Arthur & Vassilvitskii 2007), the same ones for a `seed`, which
    keeps the rare large weights. A cluster that runs empty stays where it is: with fewer distinct
    values than levels, some centres are equal. Raises ValueError for no values, NaN, infinity or
    a number of levels that is not 1 to 256.
    """
    flat = np.sort(np.asarray(values, np.float64).reshape(-1))
    if flat.size == 0 or not np.isfinite(flat).all():
        raise ValueError("k-means needs values, all of them finite")
    if not 1 <= levels <= 256:
        raise ValueError(f"levels must be from 1 to 256, not {levels}")
    centres = _far_apart(flat, levels, np.random.default_rng(seed))
    sums = np.concatenate([[0.0], np.cumsum(flat)])
    for _ in range(iterations):
        cuts = np.searchsorted(flat, _midpoints(centres), side="right")
        edges = np.concatenate([[0], cuts, [flat.size]])
        counts = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(counts, 1)
        moved = np.sort(np.where(counts > 0, means, centres))
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _far_apart(flat: Doubles, levels: int, rng: np.random.Generator) -> Doubles:
    """Values drawn one by one, likelier by the squared distance to those drawn before."""
    drawn = [rng.choice(flat)]
    squared = (flat - drawn[0]) ** 2
    while len(drawn) < levels:
        reached = np.cumsum(squared)
        spot = np.searchsorted(reached, rng.random() * reached[-1], side="right")
        drawn.append(flat[min(int(spot), flat.size - 1)])
        np.minimum(squared, (flat - drawn[-1]) ** 2, out=squared)
    return np.sort(drawn)


def assign(values: NDArray[np.floating], levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The index of the level nearest to each value, in the values' shape; ties go to the lower.

    Raises ValueError for NaN and unless `levels` are 1 to 256 sorted numbers.
    """
    table, real = np.asarray(levels, np.float64), np.asarray(values, np.float64)
    if table.ndim != 1 or not 1 <= table.size <= 256 or not (np.diff(table) >= 0).all():
        raise ValueError("levels must be 1 to 256 sorted numbers")
    if np.isnan(real).any():
        raise ValueError("NaN has no nearest level")
    return np.searchsorted(_midpoints(table), real).astype(np.uint8)


def integer_codebook(levels: NDArray[np.floating]) -> tuple[NDArray[np.int8], float]:
    """`levels` ≈ int8 values × one scale: the largest magnitude is 127, ties go to even.

    Levels of zeros have scale 1. Raises ValueError for no levels, NaN and infinity.
    """
    table = np.asarray(levels, np.float64)
    if table.size == 0 or not np.isfinite(table).all():
        raise ValueError("a codebook needs levels, all of them finite")
    scale = float(np.abs(table).max()) / _INT8_HIGH or 1.0
    return np.rint(table / scale).astype(np.int8), scale


def _midpoints(levels: Doubles) -> Doubles:
    middle: Doubles = levels[:-1] + np.diff(levels) / 2
    return middle


def _check_bits(bits: int) -> None:
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be from 2 to 8, not {bits}")
