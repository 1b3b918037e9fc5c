"""From values to a quantizer: how far the codes should reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import unknown_name
from qnnlab.numerics.affine import Affine, CodeRange, affine_from_range
from qnnlab.numerics.clipping import (
    Ends,
    Grid,
    Rows,
    extremes,
    least_divergence,
    least_squares,
    optimal_clip,
)
from qnnlab.numerics.slices import join_rows, slice_rows


def _minmax(rows: Rows, _: Grid) -> Ends:
    return extremes(rows)


def _moving_average(rows: Rows, grid: Grid, *, momentum: float = 0.99, batch: int = 32) -> Ends:
    if not 0 <= momentum < 1 or batch < 1:
        raise ValueError(f"momentum {momentum} is not in [0, 1) or batch {batch} not above 0")
    starts = np.arange(0, grid.samples, batch) * (rows.shape[1] // grid.samples)
    # The first batch starts the average, each later one moves it by 1 − momentum.
    weight = (1 - momentum) * momentum ** np.arange(len(starts) - 1, -1, -1.0)
    weight[0] = momentum ** (len(starts) - 1)
    low, high = (end.reduceat(rows, starts, axis=1) @ weight for end in (np.minimum, np.maximum))
    return low, high


def _percentile(rows: Rows, _: Grid, *, percentile: float = 99.99) -> Ends:
    if not 50 < percentile <= 100:
        raise ValueError(f"percentile must be above 50 and at most 100, not {percentile}")
    low, high = np.percentile(rows, [100 - percentile, percentile], axis=1).astype(np.float64)
    lost = (low == 0) & (high == 0)  # next to all values are 0: the others decide
    least, most = extremes(rows)
    return np.where(lost, least, low), np.where(lost, most, high)


OBSERVERS: Mapping[str, Callable[..., Ends]] = {
    "minmax": _minmax,
    "moving_average": _moving_average,
    "percentile": _percentile,
    "mse": least_squares,
    "kl": least_divergence,
    "octav": optimal_clip,
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
    """The quantizer that `observer` finds for `values`; 0 has a code always.

    One scale, one for each channel along `axis`, or one for each `group` of a channel (see
    `Affine`). Samples of an activation lie along axis 0.

    - minmax: the extremes.
    - moving_average: the extremes of batches of samples (option `batch`, 32), averaged with
      `momentum` (0.99); Jacob et al. 2018 (arXiv:1712.05877, section 3.1). Channels along axis 0
      and groups are one batch: its extremes.
    - percentile: all but (100 − `percentile`) % at either end (99.99), interpolated between
      values; McKinstry et al. 2018 (arXiv:1809.04191).
    - mse, kl, octav: see `least_squares`, `least_divergence` and `optimal_clip`.

    Raises ValueError for an unknown observer, NaN, infinity, no values, a wrong axis, group or
    option; TypeError for an option that the observer does not have.
    """
    if observer not in OBSERVERS:
        raise ValueError(unknown_name("observer", observer, OBSERVERS))
    array = np.asarray(values)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if array.size == 0:
        raise ValueError("an observer needs values; the array is empty")
    if not np.isfinite(array).all():
        raise ValueError("an observer needs finite values; the array holds NaN or infinity")
    blocks = slice_rows(array, axis, group)
    together = array.ndim == 0 or group is not None or (axis is not None and axis % array.ndim == 0)
    grid = Grid(codes, symmetric, 1 if together else len(array))
    found = [OBSERVERS[observer](rows, grid, **options) for rows in blocks]
    channels = 1 if axis is None else array.shape[axis]
    low, high = (join_rows(ends, channels, axis, group) for ends in zip(*found, strict=True))
    return affine_from_range(low, high, codes, symmetric=symmetric, axis=axis, group=group)
