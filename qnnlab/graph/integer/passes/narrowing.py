"""Round the weights of a network to fewer bits, to see what narrow weights cost: not a method.

Codes are rounded to nearest, channel by channel, and scales adjusted; accuracy is nobody's care
here. `qnnlab.methods` has what keeps it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qnnlab.errors import SpecError
from qnnlab.graph.integer.model import IntegerGraph, Op, Weights, channel_axis

_WIDTHS = (1, 2, 4, 8)


def with_weight_bits(graph: IntegerGraph, bits: int) -> IntegerGraph:
    """`graph` with weights of 1 (−1 and 1), 2, 4 or 8 bits; raises SpecError for another width."""
    if bits not in _WIDTHS:
        raise SpecError(f"weights of {bits} bits: give one of {', '.join(map(str, _WIDTHS))}")
    if bits == 8:
        return graph
    return replace(graph, ops=tuple(_narrow(op, bits) for op in graph.ops)).check()


def _narrow(op: Op, bits: int) -> Op:
    weights = op.weights
    if weights is None or weights.bits <= bits:
        return op
    values = weights.values().astype(np.float64)
    axis = channel_axis(op)
    axes = tuple(i for i in range(values.ndim) if i != axis) if weights.scale.size > 1 else None
    high = 2 ** (bits - 1) - 1
    if bits == 1:
        step = np.abs(values).mean(axis=axes, keepdims=True)
    else:
        step = np.abs(values).max(axis=axes, keepdims=True) / (high + 0.5)
    step = np.maximum(step, 2.0**-7)
    if bits == 1:
        book = np.array([-1, 1], np.int8)
        narrow = Weights((values >= 0).astype(np.uint8), 1, weights.scale, book)
    else:
        codes = np.clip(np.rint(values / step), -high - 1, high).astype(np.int8)
        narrow = Weights(codes, bits, weights.scale)
    flat = step.reshape(-1)
    scale = (weights.scale.astype(np.float64) * flat).astype(np.float32)
    bias = None if op.bias is None else np.rint(op.bias / flat).astype(np.int64)
    return replace(op, weights=replace(narrow, scale=scale), bias=bias)
