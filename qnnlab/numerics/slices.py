"""Which elements of an array share a scale: the whole of it, a channel, or a group of a channel.

A channel's elements are flattened in C order with the channel axis moved first; a group is a run
of them, and the last group of a channel may be shorter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def slice_rows(
    values: NDArray[Any], axis: int | None, group: int | None
) -> tuple[NDArray[Any], ...]:
    """`values` as matrices with one row for each scale.

    One matrix of (1, elements), (channels, elements) or (channels × whole groups, group), and
    after the last a (channels, rest) where groups do not come out even. Raises ValueError for an
    axis that `values` lacks, a group below 1 or without an axis.
    """
    check_slices(axis, group)
    if axis is None:
        return (values.reshape(1, -1),)
    rows = np.moveaxis(values, _checked_axis(axis, values.shape), 0)
    rows = rows.reshape(len(rows), -1)
    if group is None:
        return (rows,)
    even = rows.shape[1] - rows.shape[1] % group
    whole, rest = rows[:, :even].reshape(-1, group), rows[:, even:]
    return tuple(block for block in (whole, rest) if block.size)


def join_rows(
    found: tuple[NDArray[np.float64], ...], channels: int, axis: int | None, group: int | None
) -> NDArray[np.float64]:
    """What was found for each row of `slice_rows`, as (), (channels,) or (channels, groups)."""
    if axis is None:
        return found[0].reshape(())
    if group is None:
        return found[0]
    return np.concatenate([part.reshape(channels, -1) for part in found], axis=1)


def spread(
    parameter: NDArray[Any], shape: tuple[int, ...], axis: int | None, group: int | None
) -> NDArray[Any]:
    """`parameter` in a form that broadcasts to an array of `shape`: each slice's to its elements.

    Raises ValueError where `parameter` has another number of channels or groups.
    """
    if axis is None:
        return parameter
    axis = _checked_axis(axis, shape)
    others = [extent for i, extent in enumerate(shape) if i != axis]
    size = int(np.prod(others))
    expected = (shape[axis],) if group is None else (shape[axis], -(-size // group))
    if parameter.shape != expected:
        raise ValueError(
            f"an array of shape {shape} takes scales of shape {expected} along axis {axis}, "
            f"not {parameter.shape}"
        )
    if group is None:
        return parameter.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    each = np.repeat(parameter, group, axis=1)[:, :size]
    return np.moveaxis(each.reshape(shape[axis], *others), 0, axis)


def check_slices(axis: int | None, group: int | None) -> None:
    """Raise ValueError for a group below 1 or without an axis."""
    if group is not None and (group < 1 or axis is None):
        raise ValueError(f"a group has 1 or more elements of a channel axis, not {group} of {axis}")


def _checked_axis(axis: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis {axis} does not exist in an array of shape {shape}")
    return axis % len(shape)
