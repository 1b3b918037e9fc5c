"""Which operators and weight schemes a runtime accepts, refuses or silently miscomputes.

The answers are rows of `data/runtimes/policy.csv`, each with its source; see the README there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from qnnlab.graph.model import Graph, Operator, Tensor
from qnnlab.survey import load_table

#: The runtimes of the table.
POLICY_RUNTIMES = ("tflm", "cmsis_nn", "xnnpack", "litert")

_WEIGHTS_AT = {
    "BATCH_MATMUL": 1,
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "DEQUANTIZE": 0,
    "EMBEDDING_LOOKUP": 1,
    "FULLY_CONNECTED": 1,
    "PRELU": 1,
    "SVDF": 1,
    "TRANSPOSE_CONV": 1,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 2,
}
_DATA_AT = {"TRANSPOSE_CONV": 2, "SPLIT": 1, "SELECT": 1, "SELECT_V2": 1}
# Rows that say "wrong" for these hold where the condition does not: see `_harmless`.
_KEEPS_QUANTIZATION = ("RELU6",)
_WANTS_ZERO = ("ADD_N", "CUMSUM", "ZEROS_LIKE")


@dataclass(frozen=True)
class Scheme:
    """How an operator is quantized: the types of data and weights, and the weights' scales."""

    operator: str
    activations: str
    weights: str
    granularity: str

    def __str__(self) -> str:
        weights = f" × {self.weights}" if self.weights else ""
        scales = f" per {self.granularity}" if self.granularity else ""
        return f"{self.operator} {self.activations}{weights}{scales}"


@dataclass(frozen=True)
class Ruling:
    """What a runtime does with a scheme: `status` runs, refused or wrong, why, and a remedy."""

    status: str
    reason: str
    remedy: str
    source: str
    verified: str


def scheme_of(graph: Graph, operator: Operator) -> Scheme:
    """The scheme of one operator of a model."""
    weights = _weights(graph, operator)
    data = graph.operand(operator, _DATA_AT.get(operator.name, 0))
    if operator.name == "EMBEDDING_LOOKUP" or data is None:
        data = graph.tensors[operator.outputs[0]] if operator.outputs else None
    activations = "float32" if data is None else data.dtype
    if operator.name == "DEQUANTIZE" and weights is not None:
        activations = "float32"
    if weights is None:
        return Scheme(operator.name, activations, "", "")
    quantized = weights.is_constant and weights.dtype.startswith(("int", "uint"))
    per_channel = weights.quantization is not None and weights.quantization.per_channel
    scales = ("channel" if per_channel else "tensor") if quantized else ""
    return Scheme(operator.name, activations, weights.dtype, scales)


def _weights(graph: Graph, operator: Operator) -> Tensor | None:
    position = _WEIGHTS_AT.get(operator.name)
    tensor = None if position is None else graph.operand(operator, position)
    if tensor is None or (operator.name == "DEQUANTIZE" and not tensor.is_constant):
        return None
    return tensor


@lru_cache(maxsize=1)
def _rows() -> Mapping[tuple[str, str, str, str, str], Ruling]:
    table = load_table("runtime_policy").fillna("")
    columns = ("runtime", "operator", "activations", "weights", "granularity")
    return {
        tuple(str(row[column]) for column in columns): Ruling(  # type: ignore[misc]
            *(str(row[part]) for part in ("status", "reason", "remedy", "source", "verified"))
        )
        for row in table.to_dict("records")
    }


def ruling(graph: Graph, operator: Operator, runtime: str) -> Ruling | None:
    """The row for an operator; None where the runtime has none.

    No row is a refusal by TFLM, and for the others that they leave the operator to someone else.
    """
    scheme = scheme_of(graph, operator)
    rows = _rows()
    for activations in (scheme.activations, "any"):
        for weights, scales in (
            (scheme.weights, scheme.granularity),
            (scheme.weights, ""),
            ("", ""),
        ):
            row = rows.get((runtime, scheme.operator, activations, weights, scales))
            if row is not None:
                return _harmless(graph, operator, row)
    return None


def _harmless(graph: Graph, operator: Operator, row: Ruling) -> Ruling:
    """Some kernels are wrong only where scales or zero points are not those that they assume."""
    if row.status != "wrong":
        return row
    source, target = graph.operand(operator, 0), graph.tensors[operator.outputs[0]]
    a, b = (None if t is None else t.quantization for t in (source, target))
    kept = False
    if operator.name in _KEEPS_QUANTIZATION and a is not None and b is not None:
        kept = (a.scale[0], a.zero_point[0]) == (b.scale[0], b.zero_point[0])
    elif operator.name in _WANTS_ZERO:
        kept = all(q is None or int(q.zero_point[0]) == 0 for q in (a, b))
    return Ruling("runs", "", "", row.source, row.verified) if kept else row
