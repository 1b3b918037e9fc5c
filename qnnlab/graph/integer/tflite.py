"""Write an IntegerGraph as a .tflite model that TFLite Micro executes to the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Form
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights, channel_axis
from qnnlab.graph.schema import VERSION
from qnnlab.graph.writing import constant_buffer, packed_model, tflite_schema
from qnnlab.numerics.packing import pack

# The first versions of operators that take int4 weights with int8 activations.
_INT4_VERSIONS = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 10}


def to_tflite(graph: IntegerGraph, int4: bool = False) -> bytes:
    """`graph` as a .tflite file of batch 1; equal graphs give equal bytes.

    Weights lie in int8 containers, their codebook applied; with `int4`, those of at most 4 bits
    whose values are −8 to 7 are packed as INT4. Raises ModelFormatError, which says why, where
    TFLite has no such model: activations of other widths than 8 and 16 bits, and what TFLite
    Micro does not take. Raises MissingExtra without LiteRT, whose schema it writes with.
    """
    graph.check()
    schema = tflite_schema()
    for activation in graph.activations:
        if activation.bits not in (8, 16):
            raise ModelFormatError(
                f"activation {activation.name!r} has {activation.bits} bits; "
                "a .tflite holds 8 or 16"
            )
    return packed_model(_Writer(schema, graph, int4).model())


class _Writer:
    """Builds the schema's objects; activations are the first tensors, constants follow."""

    def __init__(self, schema: Any, graph: IntegerGraph, int4: bool) -> None:
        self._schema = schema
        self._graph = graph
        self._int4 = int4
        # The first buffer is empty by convention: tensors without data refer to it.
        self._buffers = [schema.BufferT()]
        self._tensors = [self._activation(a) for a in graph.activations]
        for op in graph.ops:
            if op.constant is not None:
                self._fill(op, op.constant)
        self._codes: list[tuple[str, int]] = []

    def model(self) -> Any:
        """The whole ModelT."""
        graph = self._schema.SubGraphT()
        graph.name = self._graph.name
        graph.inputs, graph.outputs = [self._graph.input], [self._graph.output]
        graph.operators = [self._operator(op) for op in self._graph.ops if op.constant is None]
        graph.tensors = self._tensors
        model = self._schema.ModelT()
        model.version, model.description = VERSION, "qnnlab"
        model.subgraphs, model.buffers = [graph], self._buffers
        model.operatorCodes = [self._operator_code(*code) for code in self._codes]
        return model

    def _operator_code(self, name: str, version: int) -> Any:
        code = self._schema.OperatorCodeT()
        code.builtinCode = getattr(self._schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(127, code.builtinCode)
        code.version = version
        return code

    def _activation(self, activation: Activation) -> Any:
        kind = "INT16" if activation.wide else "INT8"
        tensor = self._tensor(activation.name, kind, (1, *activation.shape))
        self._quantize(tensor, np.array([activation.scale], np.float32), activation.zero_point)
        return tensor

    def _tensor(self, name: str, kind: str, shape: tuple[int, ...]) -> Any:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape = name, list(shape)
        tensor.type = getattr(self._schema.TensorType, kind)
        tensor.hasRank = True
        return tensor

    def _quantize(
        self, tensor: Any, scale: NDArray[np.float32], zero_point: int = 0, axis: int = 0
    ) -> None:
        parameters = self._schema.QuantizationParametersT()
        parameters.scale = scale
        parameters.zeroPoint = np.full(scale.size, zero_point, np.int64)
        parameters.quantizedDimension = axis
        tensor.quantization = parameters

    def _fill(self, op: Op, codes: NDArray[np.int16]) -> None:
        """Make the tensor of an activation a constant."""
        kind = self._graph.activations[op.output].dtype.newbyteorder("<")
        self._tensors[op.output].buffer = self._buffer(codes.astype(kind).tobytes())

    def _constant(self, tensor: Any, data: bytes) -> int:
        """Index of `tensor`, now the constant of these little-endian bytes."""
        tensor.buffer = self._buffer(data)
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _buffer(self, data: bytes) -> int:
        self._buffers.append(constant_buffer(self._schema, data))
        return len(self._buffers) - 1

    def _operator(self, op: Op) -> Any:
        form = KINDS[op.kind].form(self._graph, op)
        operands = list(op.inputs)
        version = form.versions[self._graph.activations[op.inputs[0]].wide]
        if op.weights is not None:
            packed = self._packs(op, form.operator)
            version = _INT4_VERSIONS[form.operator] if packed else version
            operands += [self._weights(op, op.weights, packed), self._bias(op, op.weights)]
        for name, values in form.constants.items():
            tensor = self._tensor(f"{op.name}/{name}", "INT32", values.shape)
            operands.append(self._constant(tensor, values.astype("<i4").tobytes()))
        if form.operator == "TRANSPOSE_CONV":
            source, weights, bias, shape = operands
            operands = [shape, weights, source, bias]
        code = (form.operator, version)
        if code not in self._codes:
            self._codes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._codes.index(code)
        operator.inputs, operator.outputs = operands, [op.output]
        if form.options:
            operator.builtinOptions = self._options(op, form)
            operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, form.options)
        return operator

    def _packs(self, op: Op, operator: str) -> bool:
        assert op.weights is not None
        if not self._int4 or operator not in _INT4_VERSIONS:
            return False
        if op.weights.bits > 4 or self._graph.activations[op.output].wide:
            return False
        values = op.weights.values()
        return bool(values.min() >= -8 and values.max() <= 7)

    def _weights(self, op: Op, weights: Weights, packed: bool) -> int:
        if op.kind == "dense" and packed and weights.scale.size > 1:
            raise ModelFormatError(
                f"operator {op.name!r}: TFLite Micro has no dense layer of INT4 weights with a "
                "scale per channel; use one scale or int8 containers"
            )
        values = weights.values()
        tensor = self._tensor(f"{op.name}/weights", "INT4" if packed else "INT8", values.shape)
        self._quantize(tensor, weights.scale, axis=channel_axis(op))
        return self._constant(tensor, pack(values, 4) if packed else values.tobytes())

    def _bias(self, op: Op, weights: Weights) -> int:
        """The bias, zeros where there is none: not every kernel can do without."""
        source = self._graph.activations[op.inputs[0]]
        channels = weights.codes.shape[channel_axis(op)]
        bias = np.zeros(channels, np.int64) if op.bias is None else op.bias
        tensor = self._tensor(f"{op.name}/bias", "INT64" if source.wide else "INT32", bias.shape)
        self._quantize(tensor, np.float32(source.scale) * weights.scale)
        return self._constant(tensor, bias.astype("<i8" if source.wide else "<i4").tobytes())

    def _options(self, op: Op, form: Form) -> Any:
        options = getattr(self._schema, f"{form.options}T")()
        for name, value in form.fields.items():
            setattr(options, name, value)
        if hasattr(options, "fusedActivationFunction"):
            relu = (op.relu or "none").upper()
            options.fusedActivationFunction = getattr(self._schema.ActivationFunctionType, relu)
        if "strides" in op.attributes:
            options.strideH, options.strideW = op.attributes["strides"]
            options.padding = getattr(self._schema.Padding, op.attributes["padding"].upper())
        return options
