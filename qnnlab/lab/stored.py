"""The bytes of a model's weights, format by format, as figures."""

from __future__ import annotations

from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.model import Graph
from qnnlab.graph.stored import stored_sizes
from qnnlab.values import Value


def stored_values(graph: Graph | IntegerGraph) -> tuple[Value, ...]:
    """`stored_dense_bytes`, `stored_packed_bytes` and so on, of the weights alone.

    Counted, not written: no runtime here reads the coded formats, so `stored_runtime_bytes` is
    what a device pays. Raises ModelFormatError as `stored_sizes`.
    """
    what = "the integer graph" if isinstance(graph, IntegerGraph) else "the .tflite file"
    return tuple(
        Value(
            f"stored_{size.name}_bytes",
            size.n_bytes,
            "B",
            "measured",
            f"weights of {what}: {size.how}",
        )
        for size in stored_sizes(graph)
    )
