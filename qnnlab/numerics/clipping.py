"""Where a range is best cut off: least squared error, least information lost, Newton's recursion.

Each function takes `rows`, a matrix with one row for each scale, and returns the low and the high
end for each row. Rows are thinned evenly to 2^20 values in all (4096 in a row at least); their
extremes are those of all values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.numerics.affine import Affine, CodeRange, affine_from_range

Doubles = NDArray[np.float64]
Rows = NDArray[np.floating]
Ends = tuple[Doubles, Doubles]

_MOST_VALUES = 2**20
_LEAST_IN_ROW = 4096
# 1 % apart near the top, where many bits have their optimum; then in even ratios down to 0.01, as
# an outlier can be a hundred times what should be kept.
_SHARES = np.concatenate([np.arange(100, 80, -1) / 100, np.geomspace(0.8, 0.01, 64)])

_BINS = 2048
_STOPS = np.unique(np.geomspace(_BINS, 8, 128).round().astype(int))[::-1]
_UNSEEN = 1e-4

_NEWTON_STEPS = 60
_NEWTON_CLOSE = 1e-7


@dataclass(frozen=True)
class Grid:
    """What the range is for: the codes, whether symmetric; `samples` that a row strings together.

    `samples` is 1 where rows do not run along the samples of a batch.
    """

    codes: CodeRange
    symmetric: bool
    samples: int = 1

    def one_sided(self, low: Doubles) -> NDArray[np.bool_]:
        """Whether all codes serve the positive side of a row whose lowest value is `low`."""
        if self.symmetric:
            return np.full(low.shape, not self.codes.signed)
        return low >= 0


def extremes(rows: Rows) -> Ends:
    """The lowest and the highest value."""
    return rows.min(axis=1).astype(np.float64), rows.max(axis=1).astype(np.float64)


def least_squares(rows: Rows, grid: Grid) -> Ends:
    """The share of the extremes, both ends alike, whose grid has the least squared error.

    84 shares from 1 to 0.01 are tried, so that the error is never above that of the extremes.
    """
    low, high = extremes(rows)
    values = _thinned(rows)
    best, chosen = np.full(len(rows), np.inf), np.ones(len(rows))
    for share in _SHARES:
        affine = affine_from_range(
            low * share, high * share, grid.codes, symmetric=grid.symmetric, axis=0
        )
        error = _squared_error(values, affine)
        better = error < best
        best, chosen = np.where(better, error, best), np.where(better, share, chosen)
    return low * chosen, high * chosen


def _squared_error(values: Doubles, affine: Affine) -> Doubles:
    """Summed over each row, without the copies that quantize and dequantize would take."""
    scale, zero_point = affine.scale[:, np.newaxis], affine.zero_point[:, np.newaxis]
    moved = values / scale
    np.rint(moved, out=moved)
    np.clip(moved, affine.codes.low - zero_point, affine.codes.high - zero_point, out=moved)
    moved *= scale
    moved -= values
    error: Doubles = np.einsum("rv,rv->r", moved, moved)
    return error


def least_divergence(rows: Rows, grid: Grid) -> Ends:
    """The share of the extremes, both ends alike, that loses the least information.

    TensorRT's entropy calibration (Migacz 2017): magnitudes in 2048 bins are cut off at each
    candidate; what lies beyond joins the last bin, what is kept is merged into as many levels as
    there are codes, and the cut with the least KL divergence between the two wins. The bin of
    zero takes its neighbour's count: the exact zeros of a ReLU lose nothing at any scale, and at
    few bits they would outweigh all else and pull the cut down to them.
    """
    low, high = extremes(rows)
    values = np.maximum(_thinned(rows), 0) if _positive_only(grid) else np.abs(_thinned(rows))
    reach = np.maximum(high, 0) if _positive_only(grid) else np.maximum(-low, high)
    bits = grid.codes.bits
    levels = np.where(grid.one_sided(low), 2**bits, max(2, 2 ** (bits - 1)))
    cut = reach * [
        _kept_share(row, top, count) if top > 0 else 1.0
        for row, top, count in zip(values, reach, levels, strict=True)
    ]
    share = np.where(reach > 0, cut / np.where(reach > 0, reach, 1.0), 1.0)
    return low * share, high * share


def _positive_only(grid: Grid) -> bool:
    return grid.symmetric and not grid.codes.signed


def _kept_share(magnitudes: Doubles, reach: float, levels: int) -> float:
    # Scaled first: bins that narrow could not be told apart near the least floats.
    histogram = np.histogram(magnitudes / reach, _BINS, (0.0, 1.0))[0].astype(np.float64)
    histogram[0] = histogram[1]
    losses = [_divergence(histogram, stop, levels) for stop in _STOPS]
    return float(_STOPS[int(np.argmin(losses))]) / _BINS


def _divergence(histogram: Doubles, stop: int, levels: int) -> float:
    """KL divergence of the histogram cut off at bin `stop` from its quantized form, in nats."""
    kept = histogram[:stop]
    cut = kept.copy()
    cut[-1] += histogram[stop:].sum()
    level = np.arange(stop) * levels // stop
    filled = kept > 0
    mass, holders = np.bincount(level, kept), np.bincount(level, filled)
    merged = np.where(filled, mass[level] / np.maximum(holders[level], 1), 0.0)
    if not merged.any():
        return np.inf
    p = (cut / cut.sum() + _UNSEEN / stop) / (1 + _UNSEEN)
    q = (merged / merged.sum() + _UNSEEN / stop) / (1 + _UNSEEN)
    return float((p * np.log(p / q)).sum())


def optimal_clip(rows: Rows, grid: Grid) -> Ends:
    """OCTAV: the clip s of least expected squared error, by Newton's recursion.

    Sakr et al. 2022 (arXiv:2206.06501), section 4: over the magnitudes that are not 0,
    s ← Σ|x|·[|x| > s] / (k·Σ[|x| ≤ s] + Σ[|x| > s]), where rounding errs by step² / 12 = k·s² in
    the mean. The paper's step 2s / 2^b makes k = 4^−b / 3; where all codes serve one sign, its
    step s / 2^b makes k = 4^−b / 12. A grid of finite codes has somewhat longer steps, as both its
    ends are codes, and k follows them: symmetric s / highest code, otherwise s / (2^b − 1) or
    2s / (2^b − 1). Only at 2 and 3 bits does that matter. Symmetric unsigned codes leave negative
    values out; an asymmetric range keeps an extreme that lies within the clip.
    """
    low, high = extremes(rows)
    values = np.maximum(_thinned(rows), 0) if _positive_only(grid) else np.abs(_thinned(rows))
    reach = np.maximum(high, 0) if _positive_only(grid) else np.maximum(-low, high)
    steps = np.full(len(rows), float(max(grid.codes.high, 1)))
    if not grid.symmetric:
        steps = (grid.codes.high - grid.codes.low) / np.where(grid.one_sided(low), 1, 2)
    clip = _recursion(values, reach, 1 / (12 * steps**2))
    return np.clip(low, -clip, clip), np.clip(high, -clip, clip)


def _recursion(magnitudes: Doubles, reach: Doubles, k: Doubles) -> Doubles:
    live = np.count_nonzero(magnitudes, axis=1)
    clip = np.minimum(magnitudes.sum(axis=1) / np.maximum(live, 1), reach)
    for _ in range(_NEWTON_STEPS):
        beyond = magnitudes > clip[:, np.newaxis]
        over = np.count_nonzero(beyond, axis=1)
        total = np.einsum("rv,rv->r", magnitudes, beyond)
        # Nothing lies beyond: all magnitudes are equal, and clipped at the right place.
        moved = np.where(over > 0, total / np.maximum(k * (live - over) + over, k), clip)
        settled = np.abs(moved - clip) <= _NEWTON_CLOSE * reach
        clip = np.minimum(moved, reach)
        if settled.all():
            break
    found: Doubles = clip
    return found


def _thinned(rows: Rows) -> Doubles:
    """Evenly spaced values of long rows: errors and histograms need no more."""
    most = max(_MOST_VALUES // len(rows), _LEAST_IN_ROW)
    step = -(-rows.shape[1] // most)
    thinned: Doubles = rows[:, ::step].astype(np.float64)
    return thinned
