"""What an IntegerGraph costs, counted."""

from __future__ import annotations

import math

from qnnlab.graph.integer.model import IntegerGraph


def graph_macs(graph: IntegerGraph) -> int:
    """Multiply-accumulates of one inference; padding counts, as MLPerf Tiny's tables have it."""
    total = 0
    for op in graph.ops:
        if op.weights is None:
            continue
        shape = graph.activations[op.output].shape
        sums = op.weights.codes.size // shape[-1]
        total += math.prod(shape) * sums
    return total
