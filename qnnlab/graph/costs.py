"""What a network costs before it runs: multiply-accumulates, weights and activation memory.

Counted as in the reference table of the MLPerf Tiny models: multiplications by weights of
convolutions and matrix products, nothing for additions, pooling, activations or data movement.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qnnlab.errors import ModelFormatError
from qnnlab.graph.memory.lifetimes import activation_buffers, live_bytes
from qnnlab.graph.model import Graph, Operator, Tensor
from qnnlab.graph.parameters import (
    bias_of,
    dequantized_constants,
    stored_once,
    weight_of,
    zero_codes,
)


@dataclass(frozen=True)
class OperatorCost:
    """One operator's share.

    `macs` is None where the operator's multiplications are not counted. Weights and bias are
    those of convolutions and matrix products, in elements and in bytes as stored.
    """

    index: int
    name: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    macs: int | None
    weight_params: int
    weight_bytes: int
    bias_bytes: int


@dataclass(frozen=True)
class GraphCosts:
    """The whole network's costs.

    `macs_total` is None when `uncounted` names kinds of operators whose MACs are not counted.
    `macs_by_kind` covers the counted ones. A tensor that several operators share counts once in
    `weight_params`, `weight_bytes` and `bias_bytes`. `constant_bytes` is all stored tensor data;
    there tensors that share a buffer count once. `weight_zero_fraction`: share of the stored
    weights that stand for 0 (codes equal to their zero point), None without readable weights.
    `largest_activation_bytes`: the largest single tensor that is not a constant.
    `peak_live_bytes`: the largest sum, over the operator sequence, of the activations that must
    exist at once, inputs and outputs of the running operator included and without alignment: a
    lower bound of the arena of an interpreter that computes no operator in place.
    """

    operators: tuple[OperatorCost, ...]
    operator_counts: Mapping[str, int]
    macs_total: int | None
    uncounted: tuple[str, ...]
    macs_by_kind: Mapping[str, int]
    weight_params: int
    weight_bytes: int
    bias_bytes: int
    constant_bytes: int
    weight_zero_fraction: float | None
    largest_activation_bytes: int
    peak_live_bytes: int


def graph_costs(graph: Graph) -> GraphCosts:
    """Costs of a graph as `parse_tflite` returns it."""
    sources = dequantized_constants(graph)
    costs: list[OperatorCost] = []
    weights: dict[int, Tensor] = {}
    biases: dict[int, Tensor] = {}
    for operator in graph.operators:
        weight = weight_of(graph, operator, sources)
        bias = bias_of(graph, operator, sources)
        if weight:
            weights[weight.index] = weight
        if bias:
            biases[bias.index] = bias
        costs.append(_operator_cost(graph, operator, weight, bias))
    uncounted = tuple(sorted({cost.name for cost in costs if cost.macs is None}))
    by_kind: Counter[str] = Counter()
    for cost in costs:
        if cost.macs:
            by_kind[cost.name] += cost.macs
    activations = [t.n_bytes for t in graph.tensors if not t.is_constant]
    constants = stored_once(t for t in graph.tensors if t.is_constant)
    return GraphCosts(
        operators=tuple(costs),
        operator_counts=dict(Counter(cost.name for cost in costs)),
        macs_total=None if uncounted else sum(by_kind.values()),
        uncounted=uncounted,
        macs_by_kind=dict(by_kind),
        weight_params=sum(t.n_elements for t in weights.values()),
        weight_bytes=sum(t.n_bytes for t in weights.values()),
        bias_bytes=sum(t.n_bytes for t in biases.values()),
        constant_bytes=sum(t.n_bytes for t in constants),
        weight_zero_fraction=_zero_fraction(stored_once(weights.values())),
        largest_activation_bytes=max(activations, default=0),
        peak_live_bytes=int(live_bytes(activation_buffers(graph), aligned=False).max(initial=0)),
    )


def _operator_cost(
    graph: Graph, operator: Operator, weight: Tensor | None, bias: Tensor | None
) -> OperatorCost:
    return OperatorCost(
        index=operator.index,
        name=operator.name,
        input_shapes=tuple(graph.tensors[i].shape for i in operator.inputs if i >= 0),
        output_shapes=tuple(graph.tensors[i].shape for i in operator.outputs),
        macs=_macs(graph, operator),
        weight_params=weight.n_elements if weight else 0,
        weight_bytes=weight.n_bytes if weight else 0,
        bias_bytes=bias.n_bytes if bias else 0,
    )


def _conv_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the output × filter height × width × input channels of a group."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.outputs[0]].n_elements * math.prod(filters[1:])


def _depthwise_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the output × filter height × width."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.outputs[0]].n_elements * filters[1] * filters[2]


def _conv_3d_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the output × filter depth × height × width × input channels."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.outputs[0]].n_elements * math.prod(filters[:4])


def _transpose_conv_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the input × filter height × width × output channels."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.inputs[2]].n_elements * math.prod(filters[:3])


def _transpose_conv_3d_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the input × filter depth × height × width × output channels."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.inputs[2]].n_elements * math.prod(filters[:4])


def _fully_connected_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the output × elements of a row of the input."""
    filters = graph.tensors[operator.inputs[1]].shape
    return graph.tensors[operator.outputs[0]].n_elements * filters[1]


def _batch_matmul_macs(graph: Graph, operator: Operator) -> int:
    """Elements of the output × length of the dimension that is summed over."""
    first = graph.tensors[operator.inputs[0]].shape
    depth = first[-2 if operator.options["adj_x"] else -1]
    return graph.tensors[operator.outputs[0]].n_elements * depth


_MACS: Mapping[str, Callable[[Graph, Operator], int]] = {
    "CONV_2D": _conv_macs,
    "DEPTHWISE_CONV_2D": _depthwise_macs,
    "CONV_3D": _conv_3d_macs,
    "TRANSPOSE_CONV": _transpose_conv_macs,
    "CONV_3D_TRANSPOSE": _transpose_conv_3d_macs,
    "FULLY_CONNECTED": _fully_connected_macs,
    "BATCH_MATMUL": _batch_matmul_macs,
}

# Where their weights lie and how often they are used is not in the operator's shapes alone, or
# the operator runs another subgraph or code that is not in the file.
_UNCOUNTED = frozenset(
    {
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "CALL",
        "CALL_ONCE",
        "CUSTOM",
        "DELEGATE",
        "IF",
        "LSTM",
        "RNN",
        "STABLEHLO_CASE",
        "STABLEHLO_COMPOSITE",
        "STABLEHLO_CONVOLUTION",
        "STABLEHLO_CUSTOM_CALL",
        "STABLEHLO_DOT_GENERAL",
        "STABLEHLO_WHILE",
        "SVDF",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "WHILE",
    }
)


def _macs(graph: Graph, operator: Operator) -> int | None:
    if operator.name in _UNCOUNTED:
        return None
    count = _MACS.get(operator.name)
    return count(graph, operator) if count else 0


def _zero_fraction(weights: list[Tensor]) -> float | None:
    total = zeros = 0
    for tensor in weights:
        try:
            values = tensor.values()
        except ModelFormatError:
            # No numerical values: a type that no interpreter here computes with.
            return None
        total += values.size
        zeros += int(np.count_nonzero(values == zero_codes(tensor)))
    return zeros / total if total else None
