"""How many bytes of activations each operator needs at once, and which operator needs the most."""

from __future__ import annotations

from dataclasses import dataclass

from qnnlab.graph.memory.lifetimes import activation_buffers
from qnnlab.graph.model import Graph


@dataclass(frozen=True)
class MemoryStep:
    """What lives while one operator runs.

    `reads`, `makes` and `waits` are bytes of its inputs, of its outputs and of what only later
    operators need, all without alignment; `tensors` are the indices of all of them.
    """

    operator: int
    name: str
    reads: int
    makes: int
    waits: int
    tensors: tuple[int, ...]

    @property
    def total(self) -> int:
        """All bytes that live."""
        return self.reads + self.makes + self.waits


def memory_timeline(graph: Graph) -> tuple[MemoryStep, ...]:
    """One step for each operator; no operator computed in place."""
    buffers = activation_buffers(graph)
    steps = []
    for operator in graph.operators:
        live = {b.tensors[0]: b.n_bytes for b in buffers if b.first <= operator.index <= b.last}
        reads = sum(live[i] for i in dict.fromkeys(operator.inputs) if i in live)
        makes = sum(live[i] for i in operator.outputs if i in live)
        waits = sum(live.values()) - reads - makes
        steps.append(MemoryStep(operator.index, operator.name, reads, makes, waits, tuple(live)))
    return tuple(steps)
