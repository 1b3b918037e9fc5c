"""Bring your own model: what a .tflite file holds, what it costs and where it fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qnnlab.graph.costs import GraphCosts, graph_costs
from qnnlab.graph.model import Graph, Tensor
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.measure import try_runtime
from qnnlab.targets import Fit, fit_platforms
from qnnlab.values import Value

_COUNTED = "counted from the .tflite file"


@dataclass(frozen=True)
class Inspection:
    """All that `qnnlab inspect` shows of one model."""

    file: str
    graph: Graph
    costs: GraphCosts
    arena: Value
    fits: tuple[Fit, ...]

    def values(self) -> tuple[Value, ...]:
        """The model's figures, each with unit, kind and source."""
        costs = self.costs
        reason = f"no rule to count {', '.join(costs.uncounted)}" if costs.uncounted else None
        bound = "largest sum of live activations over the operator sequence: a lower bound"
        return (
            Value("file_bytes", self.file_bytes, "B", "measured", "the .tflite file"),
            Value("macs", costs.macs_total, "MAC", "measured", _COUNTED, reason),
            Value("weight_bytes", costs.weight_bytes, "B", "measured", _COUNTED),
            Value("bias_bytes", costs.bias_bytes, "B", "measured", _COUNTED),
            Value(
                "largest_activation_bytes",
                costs.largest_activation_bytes,
                "B",
                "measured",
                _COUNTED,
            ),
            Value("peak_live_bytes", costs.peak_live_bytes, "B", "estimated", bound),
            self.arena,
        )

    @property
    def file_bytes(self) -> int:
        """Size of the file, in bytes."""
        return self.graph.file_bytes

    def to_dict(self) -> dict[str, Any]:
        """The inspection as a JSON object."""
        return {
            "file": self.file,
            "values": [value.to_dict() for value in self.values()],
            "operators": [_operator_dict(self.graph, cost) for cost in self.costs.operators],
            "tensors": [_tensor_dict(tensor) for tensor in self.graph.tensors],
            "inputs": list(self.graph.inputs),
            "outputs": list(self.graph.outputs),
            "platforms": [asdict(fit) for fit in self.fits],
        }


def _operator_dict(graph: Graph, cost: Any) -> Mapping[str, Any]:
    operator = graph.operators[cost.index]
    return {
        "index": cost.index,
        "name": operator.name,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "options": dict(operator.options),
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
    run = try_runtime(path.read_bytes(), None, "tflm")
    if isinstance(run, str):
        arena = Value("arena_bytes", None, "B", "measured", "tflm", run)
    else:
        source = f"tflm {run.version} (64-bit host build)"
        arena = Value("arena_bytes", run.arena_bytes, "B", "measured", source)
    arena_bytes = None if arena.value is None else int(arena.value)
    fits = fit_platforms(path.stat().st_size, arena_bytes)
    return Inspection(path.name, graph, graph_costs(graph), arena, tuple(fits))
