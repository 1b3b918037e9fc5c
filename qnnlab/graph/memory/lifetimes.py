"""Which activations must exist at once, and which may share their bytes.

Time counts in operators: an activation lives from the operator that makes it to the last one that
reads it, graph inputs from the first operator on, graph outputs and states to the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.model import Graph, Operator

#: TFLM aligns every buffer to so many bytes.
ALIGNMENT = 16

# Elementwise operators: each element of the output needs no element of the input that lies behind
# it, so that the kernel may write over what it has read. Softmax reads a row before it writes it.
_IN_PLACE = frozenset(
    {
        "ABS",
        "ADD",
        "ELU",
        "EXPAND_DIMS",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOGISTIC",
        "MAXIMUM",
        "MINIMUM",
        "MUL",
        "NEG",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RELU_N1_TO_1",
        "RESHAPE",
        "SOFTMAX",
        "SQUEEZE",
        "SUB",
        "TANH",
    }
)


@dataclass(frozen=True)
class Buffer:
    """Bytes that one activation, or several in turn, take from operator `first` to `last`.

    `tensors` are the indices of those that lie in it; `n_bytes` is what the largest needs.
    """

    tensors: tuple[int, ...]
    n_bytes: int
    first: int
    last: int

    @property
    def aligned(self) -> int:
        """`n_bytes`, up to the next multiple of the alignment."""
        return -(-self.n_bytes // ALIGNMENT) * ALIGNMENT

    def meets(self, other: Buffer) -> bool:
        """Whether both live at the same time."""
        return self.first <= other.last and other.first <= self.last


def activation_buffers(graph: Graph) -> tuple[Buffer, ...]:
    """One buffer for each activation that holds bytes, in the order in which they are made."""
    steps = len(graph.operators)
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for tensor in graph.tensors:
        if tensor.variable:
            first[tensor.index], last[tensor.index] = 0, steps
    for operator in graph.operators:
        for index in operator.outputs:
            first.setdefault(index, operator.index)
            last[index] = max(last.get(index, 0), operator.index)
        for index in operator.inputs:
            if index in first:
                last[index] = max(last[index], operator.index)
    last.update((index, steps) for index in graph.outputs if index in first)
    return tuple(
        Buffer((index,), graph.tensors[index].n_bytes, start, last[index])
        for index, start in first.items()
        if graph.tensors[index].n_bytes and not graph.tensors[index].is_constant
    )


def live_bytes(buffers: Sequence[Buffer], aligned: bool = True) -> NDArray[np.int64]:
    """Bytes that live during each operator, and at the end."""
    steps = max((buffer.last for buffer in buffers), default=0) + 1
    change = np.zeros(steps + 1, np.int64)
    for buffer in buffers:
        size = buffer.aligned if aligned else buffer.n_bytes
        change[buffer.first] += size
        change[buffer.last + 1] -= size
    return np.cumsum(change)[:-1]


def merged_in_place(graph: Graph, buffers: tuple[Buffer, ...]) -> tuple[Buffer, ...]:
    """`buffers` with outputs that may be written over their inputs merged with them.

    That is legal where the operator is elementwise, the input has the output's bytes, is read by
    no later operator and is neither an input or output of the graph nor a state.
    """
    place = {buffer.tensors[0]: index for index, buffer in enumerate(buffers)}
    merged: dict[int, Buffer] = dict(enumerate(buffers))
    for operator in graph.operators:
        pair = _over(graph, operator, place, merged)
        if pair is None:
            continue
        source, target = pair
        before, after = merged[source], merged.pop(target)
        merged[source] = replace(before, tensors=(*before.tensors, *after.tensors), last=after.last)
        for tensor in after.tensors:
            place[tensor] = source
    return tuple(merged.values())


def _over(
    graph: Graph, operator: Operator, place: dict[int, int], merged: dict[int, Buffer]
) -> tuple[int, int] | None:
    """Places of the input that may be overwritten and of the output that overwrites it."""
    if operator.name not in _IN_PLACE or len(operator.outputs) != 1:
        return None
    output = graph.tensors[operator.outputs[0]]
    for index in operator.inputs:
        if index not in place or output.index not in place or index in graph.inputs:
            continue
        source = graph.tensors[index]
        ends_here = merged[place[index]].last == operator.index
        same = source.n_bytes == output.n_bytes and source.dtype == output.dtype
        if ends_here and same and not source.variable and index not in graph.outputs:
            return place[index], place[output.index]
    return None
