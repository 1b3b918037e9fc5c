"""Numpy arrays as C: weights in the order in which kernels read them, channels' constants."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import CodegenError
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, channel_axis
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier

_MOST_SHIFT = 20


def c_array(kind: str, name: str, values: NDArray[np.integer]) -> str:
    """A constant array, sixteen numbers a line."""
    flat = [str(int(v)) for v in values.reshape(-1)]
    lines = [", ".join(flat[i : i + 16]) for i in range(0, len(flat), 16)]
    body = ",\n  ".join(lines)
    return f"static const {kind} {name}[{len(flat)}] __attribute__((aligned(4))) = {{\n  {body}}};"


def weight_values(op: Op) -> NDArray[np.int8]:
    """The integers that the codes of a weighted operator stand for."""
    assert op.weights is not None
    return op.weights.values()


def padded_to(values: NDArray[np.int8], axis: int, multiple: int) -> NDArray[np.int8]:
    """`values` with zeros behind along an axis, up to a multiple."""
    missing = -values.shape[axis] % multiple
    widths = [(0, missing if a == axis else 0) for a in range(values.ndim)]
    return np.pad(values, widths)


def interleaved(rows: NDArray[np.int8], together: int) -> NDArray[np.int8]:
    """Rows (channels, k), `together` channels at a time: four values of each in turn."""
    rows = padded_to(padded_to(rows, 1, 4), 0, together)
    channels, k = rows.shape
    words = rows.reshape(channels // together, together, k // 4, 4)
    return words.transpose(0, 2, 1, 3).reshape(-1)


def channel_table(
    graph: IntegerGraph, op: Op, together: int, fixed: NDArray[np.int64], lifted: bool
) -> NDArray[np.int64]:
    """bias, multiplier, add and shift (rows, 4) for `requantized` of the prelude.

    The bias takes in the input's zero point, for kernels that multiply codes as they are, and
    where weights are `lifted` by 128 their share of that. There are rows for a multiple of
    `together` channels. `fixed`: the code of channels that are
    constant, −129 for others; their sums are multiplied by 0, so that they may leave 32 bits.
    Raises CodegenError for shifts that the fast requantization does not cover.
    """
    assert op.weights is not None
    source, target = (graph.activations[i] for i in (op.inputs[0], op.output))
    values = weight_values(op).astype(np.int64)
    axis = channel_axis(op)
    channels = values.shape[axis]
    total = np.moveaxis(values, axis, 0).reshape(channels, -1).sum(axis=1)
    bias = -(source.zero_point + (128 if lifted else 0)) * total
    if op.bias is not None:
        bias = bias + op.bias
    real = np.broadcast_to(channel_multipliers(graph, op), (channels,))
    multiplier, shift = quantize_multiplier(real)
    dead = fixed > -129
    bias = np.where(dead, 0, bias)
    multiplier = np.where(dead, 0, multiplier)
    right = np.where(dead, 1, -np.asarray(shift))
    if ((right < 1) | (right > _MOST_SHIFT)).any():
        raise CodegenError(
            f"operator {op.name!r}: its scales need a shift of {int(right.min())} to "
            f"{int(right.max())} bits; code is generated for 1 to {_MOST_SHIFT}"
        )
    zero = np.where(dead, fixed, target.zero_point)
    add = (np.int64(1) << (right - 1)) + (zero << right)
    table = np.zeros((-(-channels // together) * together, 4), np.int64)
    table[:channels] = np.stack([bias, multiplier, add, right], axis=1)
    table[channels:, 3] = 1
    if np.abs(table).max() >= 2**31:
        raise CodegenError(f"operator {op.name!r}: its constants leave 32 bits")
    return table


def fixed_multiplier(op: Op, real: float) -> tuple[int, int, int]:
    """A real multiplier as multiplier, left and right shift of `rescaled` in the prelude."""
    multiplier, shift = quantize_multiplier(real)
    return int(multiplier), max(int(shift), 0), max(-int(shift), 0)


def byte_only(op: Op, *activations: Activation) -> None:
    """Raise CodegenError for activations of more than 8 bits."""
    for activation in activations:
        if activation.wide:
            raise CodegenError(
                f"operator {op.name!r}: activations of {activation.bits} bits are not generated"
            )
