"""Numpy arrays as C: weights in the order in which kernels read them, channels' constants."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Form:
    """How weights are stored: fields of `bits` bits with value = step × field − lift."""

    bits: int
    step: int = 1
    lift: int = 0

    @property
    def packed(self) -> bool:
        """Whether several lie in a byte."""
        return self.bits < 8

    @property
    def holds_zero(self) -> bool:
        """Whether a weight of zero can be stored, as padding within rows wants."""
        return self.lift % self.step == 0

    def fields(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """The fields of values; what is no multiple of the step, such as padding, is rounded."""
        found = (values.astype(np.int64) + self.lift) // self.step
        return np.clip(found, 0, 2**self.bits - 1)


def weight_form(op: Op) -> Form:
    """The narrowest form for the weights of a layer: fields of 1, 2 or 4 bits, or int8.

    Weights of fewer than 8 bits whose values are evenly spaced are packed, whatever their codes
    or codebook; others are stored as int8.
    """
    assert op.weights is not None
    if op.weights.bits == 8:
        return Form(8)
    levels = np.unique(op.weights.values()).astype(np.int64)
    step = int(np.gcd.reduce(np.diff(levels))) if levels.size > 1 else 1
    span = int(levels[-1] - levels[0]) // step
    # A grid through zero where one fits: padding can then be stored.
    for bits in (bits for bits in (1, 2, 4) if bits >= op.weights.bits):
        half = 2 ** (bits - 1)
        if levels[0] % step == 0 and -half * step <= levels[0] and levels[-1] < half * step:
            return Form(bits, step, half * step)
        if span < 2**bits:
            return Form(bits, step, -int(levels[0]))
    return Form(8)


def packed_words(values: NDArray[Any], form: Form) -> NDArray[np.int64]:
    """Values in order, the first ones in the low bits of 32-bit words, as `unpack` reads them."""
    each = 32 // form.bits
    fields = padded_to(form.fields(values.reshape(-1)), 0, each).reshape(-1, each)
    words: NDArray[np.int64] = (fields << (form.bits * np.arange(each))).sum(axis=1)
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
