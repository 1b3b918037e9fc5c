"""Where clipping costs least: squared error, information, Newton's recursion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnnlab.numerics.affine import CodeRange, affine_from_range, fake_quantize

Doubles = NDArray[np.float64]

_SHARES = np.linspace(0.05, 1.0, 96)
_BINS = 2048
_KL_CANDIDATES = 128
_NEWTON_STEPS = 50
_NEWTON_CLOSE = 1e-6


def mse_shares(rows: Doubles, codes: CodeRange, symmetric: bool) -> Doubles:
    """For each row, the share of its extremes whose grid has the least squared error.

    Both ends shrink alike; the extremes themselves are among the candidates, so that the error is
    never larger than min-max's.
    """
    low, high = rows.min(axis=1), rows.max(axis=1)
    best = np.full(len(rows), np.inf)
    chosen = np.ones(len(rows))
    for share in _SHARES[::-1]:
        affine = affine_from_range(low * share, high * share, codes, symmetric=symmetric, axis=0)
        error = ((fake_quantize(rows, affine) - rows) ** 2).sum(axis=1)
        better = error < best
        best, chosen = np.where(better, error, best), np.where(better, share, chosen)
    return chosen


def kl_shares(rows: Doubles, codes: CodeRange, _: bool) -> Doubles:
    """For each row, the share of its largest magnitude that loses the least information.

    Candidates clip a histogram of magnitudes; what is clipped joins the last bin, the rest is
    merged into as many levels as codes reach (Migacz 2017). The first bin takes its neighbour's
    count: a ReLU's exact zeros lose nothing and would drown the rest.
    """
    return np.array([_kl_share(row, codes) for row in rows])


def _kl_share(row: Doubles, codes: CodeRange) -> float:
    reach = float(np.abs(row).max())
    if reach == 0:
        return 1.0
    counts, _ = np.histogram(np.abs(row), bins=_BINS, range=(0.0, reach))
    histogram = counts.astype(np.float64)
    histogram[0] = histogram[1]
    one_sided = row.min() >= 0
    levels = max(2, codes.high - codes.low + 1 if one_sided else codes.high)
    first = min(_BINS, max(levels, _BINS // _KL_CANDIDATES))
    stops = np.unique(np.linspace(first, _BINS, _KL_CANDIDATES).round().astype(int))
    losses = [_information_lost(histogram, stop, levels) for stop in stops]
    return float(stops[int(np.argmin(losses))]) / _BINS


def _information_lost(histogram: Doubles, stop: int, levels: int) -> float:
    """KL divergence of the clipped histogram from its quantized form."""
    kept = histogram[:stop].copy()
    filled = kept > 0
    clipped = kept.copy()
    clipped[-1] += histogram[stop:].sum()
    level = np.minimum(np.arange(stop) * levels // stop, levels - 1)
    totals = np.bincount(level, weights=kept, minlength=levels)
    holders = np.bincount(level, weights=filled, minlength=levels)
    spread = np.where(filled, totals[level] / np.maximum(holders[level], 1), 0.0)
    if clipped.sum() == 0 or spread.sum() == 0:
        return np.inf
    p, q = clipped / clipped.sum(), spread / spread.sum()
    seen = p > 0
    # A bin that only the clipped mass fills has no counterpart: it counts as almost nothing.
    return float((p[seen] * np.log(p[seen] / np.maximum(q[seen], 1e-10))).sum())


def octav_reach(rows: Doubles, bits: int, one_sided: NDArray[np.bool_]) -> Doubles:
    """For each row, the clip s of least expected squared error.

    Newton's step of Sakr et al. 2022 (arXiv:2206.06501, equation 6), with |x| ≠ 0:
    s ← Σ|x|·[|x| > s] / (4^−b / 3 · Σ[|x| ≤ s] + Σ[|x| > s]). The rounding error is step² / 12;
    a range of both signs has steps of 2s / 2^b, a `one_sided` one of s / 2^b: a quarter of it,
    4^−b / 12.
    """
    magnitude = np.abs(rows)
    share = np.where(one_sided, 12.0, 3.0)
    live = magnitude > 0
    count = live.sum(axis=1)
    reach = np.where(count > 0, magnitude.sum(axis=1) / np.maximum(count, 1), 0.0)
    for _ in range(_NEWTON_STEPS):
        beyond = magnitude > reach[:, np.newaxis]
        over = np.where(beyond, magnitude, 0.0).sum(axis=1)
        weight = 4.0**-bits / share * (live & ~beyond).sum(axis=1) + beyond.sum(axis=1)
        moved = np.where(weight > 0, over / np.where(weight > 0, weight, 1.0), reach)
        settled = np.abs(moved - reach) <= _NEWTON_CLOSE * np.maximum(reach, 1e-30)
        reach = np.where(over > 0, moved, reach)
        if settled.all():
            break
    return reach
