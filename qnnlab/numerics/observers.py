"""From values to a quantizer: how far the codes should reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import unknown_name
from qnnlab.numerics.affine import Affine, CodeRange, affine_from_range
from qnnlab.numerics.clipping import kl_shares, mse_shares, octav_reach

Doubles = NDArray[np.float64]
Ends = tuple[Doubles, Doubles]

_MOMENTUM = 0.99
_BATCH = 32
_PERCENTILE = 99.99
_MOST_SAMPLES = 2**20  # of a row, taken evenly: enough for any range


def _minmax(rows: Doubles, _: CodeRange, __: bool) -> Ends:
    return rows.min(axis=1), rows.max(axis=1)


def _percentile(
    rows: Doubles, _: CodeRange, __: bool, *, percentile: float = _PERCENTILE
) -> Ends:
    """All but (100 − percentile) % at either end, interpolated."""
    if not 50 < percentile <= 100:
        raise ValueError(f"percentile must be over 50 and at most 100, not {percentile}")
    rows = _fewer(rows)
    low, high = np.percentile(rows, [100 - percentile, percentile], axis=1)
    return low, high


def _shrunk(shares: Callable[[Doubles, CodeRange, bool], Doubles]) -> Callable[..., Ends]:
    """An observer that takes a share of the extremes, both ends alike."""

    def ends(rows: Doubles, codes: CodeRange, symmetric: bool) -> Ends:
        rows = _fewer(rows)
        share = shares(rows, codes, symmetric)
        low, high = rows.min(axis=1), rows.max(axis=1)
        return low * share, high * share

    return ends


def _octav(rows: Doubles, codes: CodeRange, _: bool) -> Ends:
    """The clip of least expected squared error, found by Newton's steps; see `octav_reach`."""
    rows = _fewer(rows)
    one_sided = rows.min(axis=1) >= 0
    reach = octav_reach(rows, codes.bits, one_sided & (not codes.signed or codes.bits > 1))
    low = np.maximum(rows.min(axis=1), -reach)
    return low, np.minimum(rows.max(axis=1), reach)


def _fewer(rows: Doubles) -> Doubles:
    """Every n-th value of long rows, and their extremes: quantiles and errors need no more."""
    step = -(-rows.shape[1] // _MOST_SAMPLES)
    if step == 1:
        return rows
    extremes = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)
    return np.concatenate([rows[:, ::step], extremes], axis=1)


OBSERVERS: Mapping[str, Callable[..., Ends]] = {
    "minmax": _minmax,
    "moving_average": _minmax,
    "percentile": _percentile,
    "mse": _shrunk(mse_shares),
    "kl": _shrunk(kl_shares),
    "octav": _octav,
}


def observe(
    values: NDArray[np.floating],
    codes: CodeRange,
    observer: str = "minmax",
    *,
    symmetric: bool,
    axis: int | None = None,
    group: int | None = None,
    **options: Any,
) -> Affine:
    """The quantizer for `values`: one, one a channel along `axis`, or one a `group` of a channel.

    Zero has a code always. minmax: the extremes. moving_average: of batches of 32 along the first
    axis, each batch's extremes averaged with momentum 0.99 (arXiv:1712.05877, section 3.1;
    options `momentum`, `batch`). percentile: but for the outermost 0.01 % (option `percentile`).
    mse: the share of the extremes with the least squared error. kl: that of least information
    lost (Migacz 2017, TensorRT's calibration). octav: optimal clipping (arXiv:2206.06501). Long
    inputs are thinned to about 2^20 values. Raises ValueError on NaN, infinity, nothing, and on
    an unknown observer.
    """
    array = np.asarray(values, np.float64)
    if observer not in OBSERVERS:
        raise ValueError(unknown_name("observer", observer, OBSERVERS))
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError("an observer needs values, all of them finite")
    if observer == "moving_average" and axis is None:
        low, high = _moving(array, **options)
        return affine_from_range(low, high, codes, symmetric=symmetric)
    rows = _rows(array, axis, group)
    parts = [OBSERVERS[observer](part, codes, symmetric, **options) for part in rows]
    low, high = (np.stack(ends, axis=-1) for ends in zip(*parts, strict=True))
    if group is None:
        low, high = low[..., 0], high[..., 0]
    if axis is None:
        low, high = low[0], high[0]
    return affine_from_range(low, high, codes, symmetric=symmetric, axis=axis, group=group)


def _rows(array: Doubles, axis: int | None, group: int | None) -> list[Doubles]:
    """Arrays (channels, values) that share a scale along their rows, one for each group."""
    if axis is None:
        if group is not None:
            raise ValueError("groups lie inside channels: give axis too")
        return [array.reshape(1, -1)]
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis {axis} is not one of an array of {array.ndim} dimensions")
    rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
    if group is None:
        return [rows]
    if group < 1:
        raise ValueError(f"group must be at least 1, not {group}")
    return [rows[:, at : at + group] for at in range(0, rows.shape[1], group)]


def _moving(array: Doubles, *, momentum: float = _MOMENTUM, batch: int = _BATCH) -> Ends:
    low = high = None
    for at in range(0, max(1, len(array) if array.ndim else 1), batch):
        part = array[at : at + batch] if array.ndim else array
        least, most = part.min(), part.max()
        low = least if low is None else momentum * low + (1 - momentum) * least
        high = most if high is None else momentum * high + (1 - momentum) * most
    return np.asarray(low), np.asarray(high)
