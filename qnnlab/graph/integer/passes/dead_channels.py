"""Take channels out of a network that no answer depends on.

A channel goes where its codes never change, or where nobody reads it, and where every layer that
reads it can do without: a convolution or a dense layer takes a constant channel into its bias, a
depthwise convolution and a pool lose the channel of their own that comes from it. At a padded
border a constant channel is not constant unless it is the zero point; there it stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.kinds.weighted import dilated
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights, window
from qnnlab.graph.integer.ranges import CodeRange, code_ranges

_Mask = NDArray[np.bool_]
# Operators whose output channel c comes from input channel c alone.
_TIED = frozenset(
    {
        *("average_pool", "max_pool", "mean", "clip", "requantize", "hard_swish", "leaky_relu"),
        *("logistic", "tanh"),
    }
)
_MAKERS = frozenset({"conv", "dense"})


@dataclass(frozen=True, eq=False)
class Removed:
    """The smaller graph, and how many channels of how many it lacks."""

    graph: IntegerGraph
    channels: int
    of: int


def remove_dead_channels(graph: IntegerGraph, multiple: int = 4) -> Removed:
    """`graph` without the channels that no answer depends on; outputs are equal for every input.

    Layers keep a `multiple` of channels, as kernels take several at a time. Channels are counted
    over the activations that operators make.
    """
    ranges = code_ranges(graph)
    gone = _removable(graph, ranges, multiple)
    kept = {index: ~mask for index, mask in gone.items()}
    activations = tuple(
        _narrowed(activation, kept[index]) for index, activation in enumerate(graph.activations)
    )
    ops = tuple(_smaller(graph, op, kept, ranges) for op in graph.ops)
    made = [gone[op.output] for op in graph.ops]
    return Removed(
        replace(graph, activations=activations, ops=ops).check(),
        sum(int(mask.sum()) for mask in made),
        sum(mask.size for mask in made),
    )


def _narrowed(activation: Activation, keep: _Mask) -> Activation:
    if keep.all():
        return activation
    return replace(activation, shape=(*activation.shape[:-1], int(keep.sum())))


def _removable(
    graph: IntegerGraph, ranges: tuple[CodeRange, ...], multiple: int
) -> dict[int, _Mask]:
    """By activation, the channels to take out: the largest set that all its readers bear."""
    gone = {
        index: np.full(activation.shape[-1:] or (1,), index not in (graph.input, graph.output))
        for index, activation in enumerate(graph.activations)
    }
    for op in graph.ops:
        if not (op.kind in _MAKERS or _tied(graph, op)):
            gone[op.output][:] = False
    while True:
        before = {index: mask.copy() for index, mask in gone.items()}
        for op in graph.ops:
            _shrink(graph, op, ranges, gone)
        for mask in gone.values():
            left = int((~mask).sum())
            mask[np.flatnonzero(mask)[: -left % multiple if left else multiple]] = False
        if all(np.array_equal(before[index], mask) for index, mask in gone.items()):
            return gone


def _shrink(
    graph: IntegerGraph, op: Op, ranges: tuple[CodeRange, ...], gone: dict[int, _Mask]
) -> None:
    """Keep what `op` cannot do without."""
    for index in op.inputs:
        if op.kind in _MAKERS and _along_channels(graph, op):
            gone[index] &= _absorbed(graph, op, ranges[index]) | _unread(op, ~gone[op.output])
        elif _tied(graph, op):
            both = gone[index] & gone[op.output]
            gone[index][:] = both
            gone[op.output][:] = both
        else:
            gone[index][:] = False


def _along_channels(graph: IntegerGraph, op: Op) -> bool:
    """Whether input channel c meets the weights of index c alone."""
    assert op.weights is not None
    return bool(op.weights.codes.shape[-1] == graph.activations[op.inputs[0]].shape[-1])


def _tied(graph: IntegerGraph, op: Op) -> bool:
    if op.kind not in _TIED | {"depthwise", "reshape"}:
        return False
    source, target = (graph.activations[i].shape for i in (op.inputs[0], op.output))
    if op.kind == "mean" and len(source) - 1 in op.attributes["axes"]:
        return False
    return bool(source and target) and source[-1] == target[-1]


def _absorbed(graph: IntegerGraph, op: Op, found: CodeRange) -> _Mask:
    """Input channels of one code that the bias can stand for."""
    axes = tuple(range(found.low.ndim - 1))
    one: _Mask = np.asarray(found.low.min(axis=axes) == found.high.max(axis=axes))
    if op.kind == "conv" and _padded(graph, op):
        one &= found.low.min(axis=axes) == graph.activations[op.inputs[0]].zero_point
    return one


def _padded(graph: IntegerGraph, op: Op) -> bool:
    assert op.weights is not None
    shape = graph.activations[op.inputs[0]].shape
    extents = dilated(op, op.weights.codes.shape[1:3])
    places = (
        window(shape[axis], extents[axis], op.attributes["strides"][axis], op.attributes["padding"])
        for axis in (0, 1)
    )
    return any(before or after for _, before, after in places)


def _unread(op: Op, live: _Mask) -> _Mask:
    """Input channels whose weights are zero for every output channel that is left."""
    assert op.weights is not None
    values = op.weights.values()[live]
    return np.asarray(~values.any(axis=tuple(range(values.ndim - 1))))


def _smaller(
    graph: IntegerGraph, op: Op, kept: Mapping[int, _Mask], ranges: tuple[CodeRange, ...]
) -> Op:
    if op.weights is None:
        return op
    source, target = op.inputs[0], op.output
    if kept[source].all() and kept[target].all():
        return op
    weights, bias = op.weights, op.bias
    if op.kind == "depthwise":
        return _sliced(op, weights, bias, kept[target], weights.codes[..., kept[target]])
    codes = weights.codes[kept[target]]
    if op.kind in _MAKERS and not kept[source].all():
        gone = ~kept[source]
        share = _share(graph, op, ranges[source], gone)
        bias = share if bias is None else bias + share
        codes = codes[..., kept[source]]
    return _sliced(op, weights, bias, kept[target], codes)


def _share(graph: IntegerGraph, op: Op, found: CodeRange, gone: _Mask) -> NDArray[np.int64]:
    """What constant channels add to each output channel's sum."""
    assert op.weights is not None
    axes = tuple(range(found.low.ndim - 1))
    code = found.low.min(axis=axes) - graph.activations[op.inputs[0]].zero_point
    values = op.weights.values().astype(np.int64)[..., gone]
    total: NDArray[np.int64] = (values * code[gone]).reshape(len(values), -1).sum(axis=1)
    return total


def _sliced(
    op: Op,
    weights: Weights,
    bias: NDArray[np.int64] | None,
    keep: _Mask,
    codes: NDArray[np.int8] | NDArray[np.uint8],
) -> Op:
    scale = weights.scale if weights.scale.size == 1 else weights.scale[keep]
    if keep.size == 1:
        scale = weights.scale
    return replace(
        op,
        weights=Weights(codes, weights.bits, scale, weights.codebook),
        bias=None if bias is None else bias[keep],
    )
