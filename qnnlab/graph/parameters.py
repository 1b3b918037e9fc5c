"""Where the constants of a .tflite graph's operators lie: weights, biases, the code of zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.model import Graph, Operator, Tensor

_BIAS_POSITION = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "CONV_3D": 2,
    "TRANSPOSE_CONV": 3,
    "CONV_3D_TRANSPOSE": 3,
    "FULLY_CONNECTED": 2,
}
_WEIGHT_POSITION = dict.fromkeys((*_BIAS_POSITION, "BATCH_MATMUL"), 1)


def dequantized_constants(graph: Graph) -> dict[int, Tensor]:
    """Constants by the tensor that a DEQUANTIZE makes of them, as in files of float16 weights."""
    return {
        operator.outputs[0]: graph.tensors[operator.inputs[0]]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE" and graph.tensors[operator.inputs[0]].is_constant
    }


def weight_of(graph: Graph, operator: Operator, sources: Mapping[int, Tensor]) -> Tensor | None:
    """The constant that the operator multiplies by; None where it has none.

    `sources` are the graph's `dequantized_constants`.
    """
    return _constant(graph, operator, _WEIGHT_POSITION, sources)


def bias_of(graph: Graph, operator: Operator, sources: Mapping[int, Tensor]) -> Tensor | None:
    """The constant that the operator adds; None where it has none.

    `sources` are the graph's `dequantized_constants`.
    """
    return _constant(graph, operator, _BIAS_POSITION, sources)


def _constant(
    graph: Graph, operator: Operator, positions: Mapping[str, int], sources: Mapping[int, Tensor]
) -> Tensor | None:
    position = positions.get(operator.name)
    tensor = None if position is None else graph.operand(operator, position)
    if tensor is None:
        return None
    tensor = sources.get(tensor.index, tensor)
    return tensor if tensor.is_constant else None


def stored_once(constants: Iterable[Tensor]) -> list[Tensor]:
    """One tensor for each buffer, so that no file can make its bytes count more than once.

    The reader gives tensors that share a buffer one and the same view of it.
    """
    return list({id(tensor.data): tensor for tensor in constants}.values())


def zero_codes(tensor: Tensor) -> NDArray[np.int64]:
    """The code of real 0, of a shape that broadcasts against the tensor's values."""
    quantization = tensor.quantization
    if quantization is None or tensor.dtype.startswith(("float", "bfloat")):
        return np.zeros((), np.int64)
    if not quantization.per_channel:
        return quantization.zero_point.reshape(())
    shape = [1] * len(tensor.shape)
    shape[quantization.axis] = -1
    return quantization.zero_point.reshape(shape)
