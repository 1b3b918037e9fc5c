"""What an IntegerGraph costs, counted: MACs by bit width, the live ones, bytes moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import IntegerGraph, Op, channel_axis
from qnnlab.graph.integer.ranges import CodeRange, code_ranges


@dataclass(frozen=True)
class IntegerOpCost:
    """One operator's share; all figures are for one inference.

    `macs`: multiply-accumulates, padding counted. `live_macs`: those left when dead channels are
    left out (see `integer_costs`). `read_bytes`: inputs, weights and biases once each;
    `written_bytes`: the output; packed sizes.
    """

    name: str
    kind: str
    macs: int
    live_macs: int
    weight_bits: int | None
    activation_bits: int
    read_bytes: int
    written_bytes: int

    @property
    def bit_operations(self) -> int:
        """MACs × weight bits × activation bits."""
        return self.macs * (self.weight_bits or 0) * self.activation_bits


@dataclass(frozen=True)
class IntegerCosts:
    """The whole graph's costs.

    `macs_by_bits` counts MACs by (weight bits, activation bits). `bit_operations` (BOPs): MACs ×
    weight bits × activation bits, as in Baskin et al. 2018 (UNIQ, arXiv:1804.10969) without the
    adder term. `moved_bytes`: each operand read and each result written once, a lower bound.
    `dead_channels` of all `channels` that operators make.
    """

    ops: tuple[IntegerOpCost, ...]
    macs: int
    live_macs: int
    macs_by_bits: Mapping[tuple[int, int], int]
    bit_operations: int
    moved_bytes: int
    channels: int
    dead_channels: int


def graph_macs(graph: IntegerGraph) -> int:
    """Multiply-accumulates of one inference; padding counts, as MLPerf Tiny's tables have it."""
    return sum(op_macs(graph, op) for op in graph.ops)


def op_macs(graph: IntegerGraph, op: Op) -> int:
    """Multiply-accumulates of one operator, 0 without weights."""
    if op.weights is None:
        return 0
    size = op.weights.codes.size
    if op.kind == "transpose_conv":
        rows, columns, _ = graph.activations[op.inputs[0]].shape
        return rows * columns * size
    return math.prod(graph.activations[op.output].shape) * (size // _channels(op))


def _channels(op: Op) -> int:
    assert op.weights is not None
    return int(op.weights.codes.shape[channel_axis(op)])


def integer_costs(graph: IntegerGraph) -> IntegerCosts:
    """Costs of a checked graph.

    A channel is dead where interval arithmetic proves that its codes never change, or where
    every later product with it is by a weight of 0. The first kind folds into biases (with
    padding only where its code is the zero point), the second is never read.
    """
    ranges = code_ranges(graph)
    needed = _needed(graph, ranges)
    costs = tuple(_cost(graph, op, ranges, needed) for op in graph.ops)
    by_bits: Counter[tuple[int, int]] = Counter()
    for cost in costs:
        if cost.weight_bits is not None:
            by_bits[cost.weight_bits, cost.activation_bits] += cost.macs
    made = [op.output for op in graph.ops if op.kind != "constant"]
    dead = {i: ranges[i].dead_channels() | ~needed[i] for i in made}
    return IntegerCosts(
        ops=costs,
        macs=sum(cost.macs for cost in costs),
        live_macs=sum(cost.live_macs for cost in costs),
        macs_by_bits=dict(by_bits),
        bit_operations=sum(cost.bit_operations for cost in costs),
        moved_bytes=sum(cost.read_bytes + cost.written_bytes for cost in costs),
        channels=sum(mask.size for mask in dead.values()),
        dead_channels=sum(int(mask.sum()) for mask in dead.values()),
    )


def _cost(
    graph: IntegerGraph,
    op: Op,
    ranges: tuple[CodeRange, ...],
    needed: Mapping[int, NDArray[np.bool_]],
) -> IntegerOpCost:
    target = graph.activations[op.output]
    first = graph.activations[op.inputs[0]] if op.inputs else target
    read = sum(graph.activations[index].n_bytes for index in set(op.inputs))
    if op.weights is not None:
        read += op.weights.n_bytes + 4 * op.weights.scale.size
    if op.bias is not None:
        read += op.bias.size * (8 if first.wide else 4)
    return IntegerOpCost(
        name=op.name,
        kind=op.kind,
        macs=op_macs(graph, op),
        live_macs=_live_macs(graph, op, ranges, needed),
        weight_bits=None if op.weights is None else op.weights.bits,
        activation_bits=first.bits,
        read_bytes=read,
        written_bytes=0 if op.constant is not None else target.n_bytes,
    )


def _live_macs(
    graph: IntegerGraph,
    op: Op,
    ranges: tuple[CodeRange, ...],
    needed: Mapping[int, NDArray[np.bool_]],
) -> int:
    """Products of live inputs that go into live outputs."""
    if op.weights is None:
        return 0
    out = needed[op.output] & ~ranges[op.output].dead_channels()
    pairs = _weights_by_channel(graph, op) * _foldable(graph, op, ranges[op.inputs[0]])
    share = float((pairs * out[:, None]).sum()) / op.weights.codes.size
    return round(op_macs(graph, op) * share)


def _weights_by_channel(graph: IntegerGraph, op: Op) -> NDArray[np.int64]:
    """How many weights join each output channel (rows) with each input channel (columns)."""
    assert op.weights is not None
    channels, shape = _channels(op), op.weights.codes.shape
    depth = graph.activations[op.inputs[0]].shape[-1]
    taps = op.weights.codes.size // (channels * shape[-1 if op.kind != "depthwise" else 0])
    pairs = np.zeros((channels, depth), np.int64)
    if op.kind == "depthwise":
        pairs[np.arange(channels), np.arange(channels) // (channels // depth)] = taps
    elif op.kind == "conv" and shape[3] != depth:
        groups, share = depth // shape[3], channels * shape[3] // depth
        for g in range(groups):
            pairs[g * share : (g + 1) * share, g * shape[3] : (g + 1) * shape[3]] = taps
    else:
        pairs[:] = op.weights.codes.size // (channels * depth) if depth else 0
    return pairs


def _foldable(graph: IntegerGraph, op: Op, source: CodeRange) -> NDArray[np.int64]:
    """1 for input channels whose products must be made, 0 for those that fold into the bias."""
    dead = source.dead_channels()
    if op.kind == "transpose_conv" or op.attributes.get("padding") == "same":
        axes = tuple(range(source.low.ndim - 1))
        zero = (source.low == graph.activations[op.inputs[0]].zero_point).all(axis=axes)
        dead = dead & zero
    return np.asarray(~dead, np.int64)


def _needed(graph: IntegerGraph, ranges: tuple[CodeRange, ...]) -> dict[int, NDArray[np.bool_]]:
    """By activation, the channels that a live output depends on, found from the end backwards."""
    needed = {
        index: np.full(activation.shape[-1], index == graph.output)
        for index, activation in enumerate(graph.activations)
    }
    for op in reversed(graph.ops):
        out = needed[op.output] & ~ranges[op.output].dead_channels()
        for index in op.inputs:
            needed[index] |= _asked(graph, op, index, out)
    return needed


def _asked(graph: IntegerGraph, op: Op, index: int, out: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Input channels that the live output channels `out` of one operator depend on."""
    channels = graph.activations[index].shape[-1]
    if op.weights is not None and _weights_by_channel(graph, op).all():
        values = op.weights.values()
        if len(values) == out.size:
            joined = (values != 0).reshape(len(values), -1, channels).any(axis=1)
            return np.asarray(joined[out].any(axis=0))
    if op.kind in _CHANNELWISE and channels == out.size:
        return out
    return np.full(channels, bool(out.any()))


_CHANNELWISE = frozenset(
    {
        "add",
        "average_pool",
        "clip",
        "depthwise",
        "hard_swish",
        "leaky_relu",
        "logistic",
        "max_pool",
        "maximum",
        "minimum",
        "mul",
        "prelu",
        "requantize",
        "resize_bilinear",
        "resize_nearest",
        "sub",
        "tanh",
    }
)
