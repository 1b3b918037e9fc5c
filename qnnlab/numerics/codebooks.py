"""Codebooks: levels that need not be evenly spaced."""

from __future__ import annotations

from itertools import product
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_INT8_HIGH = 127


def power_of_two(bits: int) -> Doubles:
    """0 and ±2^−i for i = 0 … 2^(bits−1) − 2: levels whose products are shifts, largest 1.

    Zhou et al. 2017 (arXiv:1702.03044). Raises ValueError unless there are 2 to 8 bits.
    """
    _check_bits(bits)
    powers = 2.0 ** -np.arange(2 ** (bits - 1) - 1)
    return np.unique(np.concatenate([-powers, [0.0], powers]))


def additive_power_of_two(bits: int, terms_bits: int = 2) -> Doubles:
    """Sums of powers of two with a sign, largest 1: n = (bits − 1) / `terms_bits` terms.

    Term i is 0 or 2^−(i + j·n) for j = 0 … 2^`terms_bits` − 2 (Li et al. 2020, arXiv:1909.13144,
    equation 5). Raises ValueError where `bits` − 1 is not a multiple of `terms_bits`.
    """
    _check_bits(bits)
    terms, rest = divmod(bits - 1, terms_bits)
    if rest or terms < 1:
        raise ValueError(f"{bits} bits don't split into a sign and terms of {terms_bits} bits")
    choices = [
        [0.0, *(2.0 ** -(i + j * terms) for j in range(2**terms_bits - 1))] for i in range(terms)
    ]
    sums = np.array([sum(chosen) for chosen in product(*choices)])
    return np.unique(np.concatenate([-sums, sums]) / sums.max())


def nf4() -> Doubles:
    """The 16 levels of NormalFloat4: quantiles of a normal distribution, −1 to 1 with a 0.

    Dettmers et al. 2023 (arXiv:2305.14314, section 3): 8 quantiles of the negative half and 9 of
    the positive one, evenly spaced in probability from an offset that avoids infinity.
    """
    offset = (1 - 1 / 32 + 1 - 1 / 30) / 2
    quantile = np.vectorize(NormalDist().inv_cdf)
    positive = quantile(np.linspace(offset, 0.5, 9)[:-1])
    negative = -quantile(np.linspace(offset, 0.5, 8)[:-1])
    levels = np.sort(np.concatenate([positive, [0.0], negative]))
    return np.asarray(levels / levels.max())


def kmeans(
    values: NDArray[np.floating], levels: int, seed: int = 0, iterations: int = 50
) -> Doubles:
    """Sorted centres of `levels` clusters of `values`, by Lloyd's steps (Han et al. 2016).

    Starts from evenly spaced levels, which keep the rare large weights (arXiv:1510.00149, section
    3.2); a cluster that runs empty moves to a value drawn by `seed`. Raises ValueError on no
    values and on no levels.
    """
    flat = np.sort(np.asarray(values, np.float64).reshape(-1))
    if flat.size == 0 or levels < 1 or not np.isfinite(flat).all():
        raise ValueError("k-means needs finite values and at least one level")
    rng = np.random.default_rng(seed)
    centres = np.linspace(flat[0], flat[-1], levels)
    sums = np.concatenate([[0.0], np.cumsum(flat)])
    for _ in range(iterations):
        cuts = np.searchsorted(flat, (centres[1:] + centres[:-1]) / 2, side="right")
        edges = np.concatenate([[0], cuts, [flat.size]])
        counts = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(counts, 1)
        moved = np.sort(np.where(counts > 0, means, rng.choice(flat, levels)))
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def assign(values: NDArray[np.floating], levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The index of the level nearest to each value, of the values' shape; ties go to the lower.

    `levels` are sorted, at most 256. Raises ValueError where they are not.
    """
    table = np.asarray(levels, np.float64)
    if table.ndim != 1 or not 1 <= table.size <= 256 or (np.diff(table) < 0).any():
        raise ValueError("levels must be 1 to 256 sorted numbers")
    middle = (table[1:] + table[:-1]) / 2
    return np.searchsorted(middle, np.asarray(values, np.float64)).astype(np.uint8)


def integer_codebook(levels: NDArray[np.floating]) -> tuple[NDArray[np.int8], float]:
    """`levels` as int8 values times one scale: the largest magnitude is 127; ties to even."""
    reach = float(np.abs(levels).max())
    scale = reach / _INT8_HIGH if reach > 0 else 1.0
    return np.rint(np.asarray(levels, np.float64) / scale).astype(np.int8), scale


def _check_bits(bits: int) -> None:
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be from 2 to 8, not {bits}")
