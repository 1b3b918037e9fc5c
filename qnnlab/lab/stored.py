"""The bytes of a model's weights, format by format, as figures."""

from __future__ import annotations

from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.model import Graph
from qnnlab.graph.stored import float_bytes, stored_sizes, weights_of
from qnnlab.values import Value


def stored_values(graph: Graph | IntegerGraph) -> tuple[Value, ...]:
    """`stored_dense_bytes` and so on, and `float_weight_bytes`: of the weights alone.

    Counted, not written: no runtime here reads the coded formats, so `stored_runtime_bytes` is
    what a device pays. Raises ModelFormatError as `stored_sizes`.
    """
    what = "the integer graph" if isinstance(graph, IntegerGraph) else "the .tflite file"
    sizes = {f"stored_{size.name}_bytes": (size.n_bytes, size.how) for size in stored_sizes(graph)}
    sizes["float_weight_bytes"] = (float_bytes(weights_of(graph)), "those stored as floats")
    return tuple(
        Value(name, n_bytes, "B", "measured", f"weights of {what}: {how}")
        for name, (n_bytes, how) in sizes.items()
    )
