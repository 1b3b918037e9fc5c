"""Bring your own model: what a .tflite file holds, what it costs and where it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qnnlab.graph.costs import GraphCosts, OperatorCost, graph_costs
from qnnlab.graph.model import Graph, Tensor
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.measure import (
    arena_value,
    cost_values,
    integer_values,
    memory_values,
    try_runtime,
)
from qnnlab.targets import Fit, fit_platforms
from qnnlab.values import Value


@dataclass(frozen=True)
class Inspection:
    """All that `qnnlab inspect` shows of one model."""

    file: str
    graph: Graph
    costs: GraphCosts
    values: tuple[Value, ...]
    fits: tuple[Fit, ...]

    def __getitem__(self, name: str) -> Value:
        return {value.name: value for value in self.values}[name]

    def to_dict(self) -> dict[str, Any]:
        """The inspection as a JSON object."""
        return {
            "file": self.file,
            "values": [value.to_dict() for value in self.values],
            "operators": [_operator_dict(self.graph, cost) for cost in self.costs.operators],
            "tensors": [_tensor_dict(tensor) for tensor in self.graph.tensors],
            "inputs": list(self.graph.inputs),
            "outputs": list(self.graph.outputs),
            "platforms": [asdict(fit) for fit in self.fits],
        }


def _operator_dict(graph: Graph, cost: OperatorCost) -> Mapping[str, Any]:
    operator = graph.operators[cost.index]
    return {
        "index": cost.index,
        "name": operator.name,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "options": dict(operator.options),
        "input_shapes": [list(shape) for shape in cost.input_shapes],
        "output_shapes": [list(shape) for shape in cost.output_shapes],
        "macs": cost.macs,
        "weight_bytes": cost.weight_bytes,
    }


def _tensor_dict(tensor: Tensor) -> Mapping[str, Any]:
    q = tensor.quantization
    return {
        "index": tensor.index,
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "bytes": tensor.n_bytes,
        "constant": tensor.is_constant,
        "quantization": None
        if q is None
        else {
            "scale": [float(s) for s in q.scale],
            "zero_point": [int(z) for z in q.zero_point],
            "axis": q.axis if q.per_channel else None,
        },
    }


def inspect_model(path: Path | str) -> Inspection:
    """Read a .tflite file, count it, run it once on TFLM and check the 13 platforms of Table II.

    Raises ModelFormatError when the file is not a model that can be read. A model that TFLM
    refuses or crashes on is still described; its arena is then absent, with the reason.
    """
    path = Path(path)
    graph = read_tflite(path)
    tflite = path.read_bytes()
    costs = graph_costs(graph)
    arena = arena_value(try_runtime(tflite, None, "tflm"))
    values = (*cost_values(tflite, costs), *memory_values(graph), *integer_values(graph), arena)
    fits = fit_platforms(len(tflite), None if arena.value is None else int(arena.value))
    return Inspection(path.name, graph, costs, values, tuple(fits))
