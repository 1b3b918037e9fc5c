"""What codes can arise at all: interval arithmetic through an IntegerGraph.

Each activation gets a least and a largest code for each of its elements, whatever the input. An
element whose bounds meet is constant: a channel of such elements is dead and its multiplications
can be left out without a change of any output. Rounding is TFLM's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Call
from qnnlab.graph.integer.kinds.weighted import accumulators, requantized
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights
from qnnlab.graph.integer.rounding import ROUNDING, clamp_range

_Bounds = NDArray[np.int64]

_RULE = ROUNDING["tflm"]
# A larger operand makes no smaller output.
_MONOTONE = frozenset(
    {
        "add",
        "average_pool",
        "clip",
        "concat",
        "constant",
        "depth_to_space",
        "leaky_relu",
        "logistic",
        "max_pool",
        "maximum",
        "mean",
        "minimum",
        "pad",
        "reduce_max",
        "requantize",
        "reshape",
        "resize_bilinear",
        "resize_nearest",
        "slice",
        "space_to_depth",
        "sum",
        "tanh",
        "transpose",
    }
)


@dataclass(frozen=True, eq=False)
class CodeRange:
    """Least and largest code of each element of an activation, of its shape."""

    low: _Bounds
    high: _Bounds

    @property
    def constant(self) -> NDArray[np.bool_]:
        """Elements that have one code only."""
        return np.asarray(self.low == self.high)

    def dead_channels(self) -> NDArray[np.bool_]:
        """Channels, along the last axis, all of whose elements are constant."""
        axes = tuple(range(self.low.ndim - 1))
        return np.asarray(self.constant.all(axis=axes))


def code_ranges(graph: IntegerGraph) -> tuple[CodeRange, ...]:
    """The range of every activation, in the order of `graph.activations`.

    Bounds are safe, not always tight: no run of the graph leaves them.
    """
    found: dict[int, CodeRange] = {graph.input: _whole(graph.activations[graph.input])}
    for op in graph.ops:
        sources = [found[index] for index in op.inputs]
        found[op.output] = _range(graph, op, sources)
    return tuple(found[index] for index in range(len(graph.activations)))


def _whole(activation: Activation) -> CodeRange:
    shape = activation.shape
    return CodeRange(
        np.full(shape, activation.code_low, np.int64),
        np.full(shape, activation.code_high, np.int64),
    )


def _range(graph: IntegerGraph, op: Op, sources: Sequence[CodeRange]) -> CodeRange:
    kind, target = KINDS[op.kind], graph.activations[op.output]
    lows, highs = [s.low for s in sources], [s.high for s in sources]
    if kind.weighted:
        low, high = _weighted(graph, op, sources[0])
    elif op.kind in _MONOTONE:
        low, high = _run(graph, op, lows), _run(graph, op, highs)
    elif op.kind == "sub":
        low, high = _run(graph, op, [lows[0], highs[1]]), _run(graph, op, [highs[0], lows[1]])
    elif op.kind == "mul":
        ends = [_run(graph, op, [a, b]) for a in (lows[0], highs[0]) for b in (lows[1], highs[1])]
        low, high = np.min(ends, axis=0), np.max(ends, axis=0)
    else:
        low, high = _whole(target).low, _whole(target).high
    return _clamped(CodeRange(low, high), target, None if kind.clamps_itself else op.relu)


def _clamped(found: CodeRange, target: Activation, relu: str | None) -> CodeRange:
    limits = clamp_range(target, relu)
    return CodeRange(np.clip(found.low, *limits), np.clip(found.high, *limits))


def _run(graph: IntegerGraph, op: Op, codes: Sequence[_Bounds]) -> _Bounds:
    return np.asarray(KINDS[op.kind].run(Call(graph, op, [c[None] for c in codes], _RULE))[0])


def _weighted(graph: IntegerGraph, op: Op, source: CodeRange) -> tuple[_Bounds, _Bounds]:
    """Positive weights take the input's larger bound to the sum's larger one, negative its less."""
    assert op.weights is not None
    values = op.weights.values().astype(np.int8)
    rising = _part(op, op.weights, np.maximum(values, 0))
    falling = _part(op, op.weights, np.minimum(values, 0))

    def total(first: _Bounds, second: _Bounds) -> _Bounds:
        sums = _sums(graph, rising, first) + _sums(graph, falling, second)
        return np.asarray(requantized(Call(graph, op, [first[None]], _RULE), sums)[0])

    return total(source.low, source.high), total(source.high, source.low)


def _sums(graph: IntegerGraph, op: Op, codes: _Bounds) -> _Bounds:
    return accumulators(Call(graph, op, [codes[None]], _RULE))


def _part(op: Op, weights: Weights, values: NDArray[np.int8]) -> Op:
    return replace(op, weights=Weights(values, 8, weights.scale))
