"""Numpy arrays as C: weights in the order in which kernels read them, channels' constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import CodegenError
from qnnlab.graph.integer.model import IntegerGraph, Op, channel_axis
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier

_MOST_RIGHT, _MOST_LEFT = 20, 8


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


def weight_form(op: Op) -> str:
    """How narrow weights can be stored: "binary" (−1 and 1), "int2", "int4" or "int8".

    Codebooks whose values lie in the codes' own range are stored as values of that many bits,
    others in 8.
    """
    assert op.weights is not None
    bits, values = op.weights.bits, op.weights.values()
    if bits == 1 and set(np.unique(values)) <= {-1, 1}:
        return "binary"
    for width in (2, 4):
        half = 2 ** (width - 1)
        if bits <= width and -half <= values.min() and values.max() < half:
            return f"int{width}"
    return "int8"


#: Bits, what is added before packing and the step of values, by form of packed weights.
PACKED = {"int4": (4, 8, 1), "int2": (2, 2, 1), "binary": (1, 1, 2)}


def packed_words(values: NDArray[Any], form: str) -> NDArray[np.int64]:
    """Values in order, the first ones in the low bits of 32-bit words, as `unpack` reads them."""
    bits, lift, step = PACKED[form]
    codes = (values.reshape(-1).astype(np.int64) + lift) // step
    fields = padded_to(codes, 0, 32 // bits).reshape(-1, 32 // bits)
    words: NDArray[np.int64] = (fields << (bits * np.arange(32 // bits))).sum(axis=1)
    return words


def padded_to(values: NDArray[Any], axis: int, multiple: int) -> NDArray[Any]:
    """`values` with zeros behind along an axis, up to a multiple."""
    missing = -values.shape[axis] % multiple
    widths = [(0, missing if a == axis else 0) for a in range(values.ndim)]
    return np.pad(values, widths)


def channel_table(
    graph: IntegerGraph,
    op: Op,
    together: int,
    fixed: NDArray[np.int64],
    lifted: int = 0,
) -> NDArray[np.int64]:
    """bias, multiplier, add and shift (rows, 4) for `requantized` of the prelude.

    The bias takes in the input's zero point, for kernels that multiply codes as they are, and
    what they add to codes (`lifted`).
    There are rows for a multiple of `together` channels. `fixed`: the code of channels that are
    constant, −129 for others; their sums are multiplied by 0, so that they may leave 32 bits. A
    shift to the left counts 256 a bit.
    Raises CodegenError for shifts that the fast requantization does not cover.
    """
    assert op.weights is not None
    source, target = (graph.activations[i] for i in (op.inputs[0], op.output))
    values = weight_values(op).astype(np.int64)
    axis = channel_axis(op)
    channels = values.shape[axis]
    total = np.moveaxis(values, axis, 0).reshape(channels, -1).sum(axis=1)
    bias = -(source.zero_point + lifted) * total
    if op.bias is not None:
        bias = bias + op.bias
    real = np.broadcast_to(channel_multipliers(graph, op), (channels,))
    multiplier, shift = quantize_multiplier(real)
    dead = fixed > -129
    bias = np.where(dead, 0, bias)
    multiplier = np.where(dead, 0, multiplier)
    right = np.where(dead, 1, np.maximum(-np.asarray(shift), 0))
    left = np.where(dead, 0, np.maximum(np.asarray(shift), 0))
    if (right > _MOST_RIGHT).any() or (left > _MOST_LEFT).any():
        raise CodegenError(
            f"operator {op.name!r}: its scales need a shift of {int(right.max())} bits to the "
            f"right and {int(left.max())} to the left; code is generated for {_MOST_RIGHT} and "
            f"{_MOST_LEFT}"
        )
    zero = np.where(dead, fixed, target.zero_point)
    add = ((np.int64(1) << right) >> 1) + (zero << right)
    table = np.zeros((-(-channels // together) * together, 4), np.int64)
    table[:channels] = np.stack([bias, multiplier, add, right + 256 * left], axis=1)
    table[channels:, 3] = 1
    if np.abs(table).max() >= 2**31:
        raise CodegenError(f"operator {op.name!r}: its constants leave 32 bits")
    return table


def fixed_multiplier(op: Op, real: float) -> tuple[int, int, int]:
    """A real multiplier as multiplier, left and right shift of `rescaled` in the prelude."""
    multiplier, shift = quantize_multiplier(real)
    return int(multiplier), max(int(shift), 0), max(-int(shift), 0)
