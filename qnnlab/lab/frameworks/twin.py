"""The float twin of a model: the file itself, or its quantized numbers written out as floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qnnlab.errors import RuntimeFault
from qnnlab.graph.model import Graph, Operator, Tensor
from qnnlab.graph.writing import constant_buffer, packed_model, tflite_schema

#: Operators that mean the same on real numbers, so that only types have to change.
PLAIN = frozenset(
    (
        *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
        *("FULLY_CONNECTED", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PAD", "RELU", "RELU6"),
        *("RESHAPE", "SOFTMAX", "SQUEEZE", "SUB", "TANH", "TRANSPOSE"),
    )
)
_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Twin:
    """A float32 .tflite file; `source` says how it came about."""

    content: bytes
    source: str


def float_twin(content: bytes, graph: Graph) -> Twin:
    """A float32 model that computes what `content` would, but for quantization.

    A float model is its own twin. Of an integer one, constants are multiplied out: its weights
    stay on their grid, so this is not the network that was trained. Raises RuntimeFault that
    names what stands in the way, and MissingExtra without LiteRT.
    """
    quantized = [t for t in graph.tensors if t.quantization is not None and t.dtype != "float32"]
    reasons = _obstacles(graph, bool(quantized))
    if reasons:
        raise RuntimeFault(reasons[0])
    schema = tflite_schema()
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
    except Exception as error:
        reason = f"LiteRT's schema can't read it ({type(error).__name__})"
        raise RuntimeFault(reason) from None
    for tensor in quantized:
        _rewrite(schema, model, tensor)
    _name(model)
    _drop_unused(schema, model)
    for code in model.operatorCodes:
        # Files of older converters have the first field only, which newer tools don't read.
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
    _sign(schema, model, graph)
    how = "its numbers written out as floats" if quantized else "the file is float"
    return Twin(packed_model(model), how)


def _obstacles(graph: Graph, quantized: bool) -> list[str]:
    found = []
    if len(graph.inputs) != 1:
        found.append(f"no float twin: the model has {len(graph.inputs)} inputs")
    ends = [graph.tensors[index].dtype for index in (*graph.inputs, *graph.outputs)]
    if quantized and "float32" in ends:
        found.append("no float twin: it mixes floats and integers (hybrid weights)")
    for operator in graph.operators if quantized else ():
        if operator.name not in PLAIN:
            found.append(f"no float twin: {operator.name} is not the same on floats")
    if not quantized and any(dtype != "float32" for dtype in ends):
        found.append(f"no float twin: the model takes and gives {', '.join(sorted(set(ends)))}")
    return found


def _rewrite(schema: Any, model: Any, tensor: Tensor) -> None:
    """Make a tensor float32: its constant multiplied out, its quantization dropped."""
    target = model.subgraphs[0].tensors[tensor.index]
    target.type = schema.TensorType.FLOAT32
    target.quantization = None
    if not tensor.is_constant:
        return
    real = real_values(tensor)
    model.buffers.append(constant_buffer(schema, real.astype("<f4").tobytes()))
    target.buffer = len(model.buffers) - 1


def _name(model: Any) -> None:
    """Give each tensor a name of its own, by which quantizers know it."""
    seen: set[bytes] = set()
    for place, tensor in enumerate(model.subgraphs[0].tensors):
        name = tensor.name or b""
        tensor.name = f"tensor_{place}".encode() if not name or name in seen else name
        seen.add(tensor.name)


def _drop_unused(schema: Any, model: Any) -> None:
    """Empty the buffers that no tensor holds any more: the integers."""
    used = {tensor.buffer for part in model.subgraphs for tensor in part.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for place in range(len(model.buffers)):
        if place not in used:
            model.buffers[place] = schema.BufferT()


def real_values(tensor: Tensor) -> np.ndarray:
    """A constant's real numbers, of its shape; raises ModelFormatError for an activation."""
    codes = tensor.values()
    q = tensor.quantization
    if q is None:
        return np.asarray(codes, np.float64)
    shape = [1] * codes.ndim
    if q.per_channel:
        shape[q.axis] = -1
    zero = q.zero_point.reshape(shape) if q.zero_point.size == q.scale.size else q.zero_point[0]
    scale = q.scale.astype(np.float64)
    return (codes.astype(np.float64) - zero) * (scale.reshape(shape) if codes.ndim else scale[0])


def _sign(schema: Any, model: Any, graph: Graph) -> None:
    """Give the model the signature by which quantizers calibrate it."""
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = _SIGNATURE, 0
    signature.inputs = [_named(schema, "input", graph.inputs[0])]
    signature.outputs = [
        _named(schema, f"output_{place}", index) for place, index in enumerate(graph.outputs)
    ]
    model.signatureDefs = [signature]


def _named(schema: Any, name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def dense_layers(graph: Graph) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(activation, weights (in, out), bias (out)) of a network of fully connected layers alone.

    RESHAPE is passed over; RELU, LOGISTIC, TANH and SOFTMAX join the layer before them. Raises
    RuntimeFault that names each operator that is none of these.
    """
    layers: list[tuple[str, np.ndarray, np.ndarray]] = []
    wrong = []
    for operator in graph.operators:
        if operator.name == "FULLY_CONNECTED":
            layers.append(_dense(graph, operator))
        elif operator.name in _JOINS and layers and layers[-1][0] == "identity":
            layers[-1] = (_JOINS[operator.name], *layers[-1][1:])
        elif operator.name != "RESHAPE":
            wrong.append(operator.name)
    if wrong or not layers:
        named = ", ".join(dict.fromkeys(wrong)) or "nothing"
        raise RuntimeFault(f"only dense layers are taken, the model has {named}")
    _check_chain(graph, layers)
    return layers


def _check_chain(graph: Graph, layers: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Refuse what is no plain chain of vectors: rows that share weights, branches, odd sizes."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise RuntimeFault("only networks of one input and one output are taken")
    width = graph.tensors[graph.inputs[0]].n_elements
    for _, weights, bias in layers:
        if weights.ndim != 2 or weights.shape[0] != width or bias.shape != weights.shape[1:]:
            raise RuntimeFault("its dense layers are no chain of vectors")
        width = weights.shape[1]
    made = graph.inputs[0]
    for operator in graph.operators:
        if operator.inputs[:1] != (made,) or len(operator.outputs) != 1:
            raise RuntimeFault("its layers branch")
        made = operator.outputs[0]
    if graph.tensors[graph.outputs[0]].n_elements != width or made != graph.outputs[0]:
        raise RuntimeFault("its dense layers are no chain of vectors")


_JOINS = {"RELU": "relu", "LOGISTIC": "logistic", "TANH": "tanh", "SOFTMAX": "softmax"}
_FUSED = {"NONE": "identity", "RELU": "relu", "TANH": "tanh"}


def _dense(graph: Graph, operator: Operator) -> tuple[str, np.ndarray, np.ndarray]:
    weights, bias = graph.operand(operator, 1), graph.operand(operator, 2)
    if weights is None or not weights.is_constant or (bias is not None and not bias.is_constant):
        raise RuntimeFault(f"weights of {operator.label} are computed, not stored")
    fused = str(operator.options.get("fused_activation_function", "NONE"))
    if fused not in _FUSED:
        raise RuntimeFault(f"{operator.label} has the activation {fused}")
    real = real_values(weights).T
    offset = np.zeros(real.shape[1]) if bias is None else real_values(bias)
    return _FUSED[fused], real.astype(np.float32), offset.astype(np.float32)
