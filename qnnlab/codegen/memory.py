"""Where activations and scratch of generated code lie: the caller's buffers, flash, the arena."""

from __future__ import annotations

import math
from collections.abc import Mapping

from qnnlab.codegen.context import Emitted
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.memory import Buffer, MemoryPlan, place


def memory_places(
    graph: IntegerGraph, emitted: Mapping[int, Emitted]
) -> tuple[MemoryPlan, dict[int, str], dict[int, str]]:
    """The plan of the arena, and as C where each activation and each operator's scratch lies.

    `emitted` goes by the operator's position in the graph, as the places of scratch do.
    """
    fixed = {op.output: f"c{op.output}" for op in graph.ops if op.constant is not None}
    fixed[graph.output] = "out"
    fixed[graph.input] = "in"
    last = {index: position for position, op in enumerate(graph.ops) for index in op.inputs}
    owner: dict[int, int] = {}
    spans: dict[int, list[int]] = {}
    for position, op in enumerate(graph.ops):
        source = op.inputs[0] if op.inputs else op.output
        if op.kind == "reshape" and op.output not in fixed and fixed.get(source) == "in":
            fixed[op.output] = "in"
        if op.output in fixed:
            continue
        over = _over(graph, op, position, emitted[position], last, owner)
        root = owner[op.output] = op.output if over is None else over
        span = spans.setdefault(root, [position, position])
        span[1] = max(span[1], last.get(op.output, position))
    buffers = [
        Buffer((root,), activation_bytes(graph, root), first, end)
        for root, (first, end) in spans.items()
    ]
    # Scratch has no activation; −1 − position stands for that of an operator.
    buffers += [
        Buffer((-1 - position,), part.scratch_bytes, position, position)
        for position, part in emitted.items()
        if part.scratch_bytes
    ]
    plan = place(buffers)
    offsets = {b.tensors[0]: o for b, o in zip(plan.buffers, plan.offsets, strict=True)}
    places = {index: f"arena + {offsets[root]}" for index, root in owner.items()}
    scratch = {-1 - key: f"arena + {offset}" for key, offset in offsets.items() if key < 0}
    return plan, {**places, **fixed}, scratch


def activation_bytes(graph: IntegerGraph, index: int) -> int:
    """What the codes of an activation take, 1 or 2 bytes each."""
    activation = graph.activations[index]
    return math.prod(activation.shape) * activation.dtype.itemsize


def _over(
    graph: IntegerGraph,
    op: Op,
    position: int,
    part: Emitted,
    last: Mapping[int, int],
    owner: Mapping[int, int],
) -> int | None:
    """The buffer of an input, read for the last time, in which the output may lie."""
    size = activation_bytes(graph, op.output)
    candidates = op.inputs[:1] if part.over == "smaller" else op.inputs
    for index in candidates:
        if index not in owner:
            continue
        extent = activation_bytes(graph, index)
        if op.kind == "reshape":
            return owner[index]
        fits = size == extent if part.over == "same" else part.over == "smaller" and size <= extent
        sharing = [other for other, root in owner.items() if root == owner[index]]
        if fits and all(last.get(other, 0) <= position for other in sharing):
            return owner[index]
    return None
