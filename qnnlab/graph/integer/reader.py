"""Make an IntegerGraph of a .tflite graph, or say why it has no integer form.

Each operator's own reader lies with its kind in `kinds/`. A leading dimension of 1, the batch, is
dropped from tensors of two dimensions and more; where operators work across it they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qnnlab.errors import ModelFormatError, UnsupportedModel
from qnnlab.graph.checks import printable
from qnnlab.graph.integer.file import MAGIC, load_graph
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import (
    ACTIVATION_BITS,
    SHAPE_TYPES,
    OperatorReader,
    unbatched,
)
from qnnlab.graph.model import Graph, Operator, Tensor
from qnnlab.graph.tflite import read_tflite

_REASONS = {
    "SVDF": "it keeps a state between inferences and multiplies in two steps",
    "LSTM": "its gates keep a state between inferences",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "its gates keep a state between time steps",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "its gates keep a state between time steps",
    "WHILE": "it runs another subgraph as often as the data say",
    "IF": "it runs another subgraph where the data say so",
    "CUSTOM": "what it computes is not in the file",
    "SPACE_TO_BATCH_ND": "it moves pixels into the batch",
    "BATCH_TO_SPACE_ND": "it moves pixels out of the batch",
    "ARG_MAX": "its output is an index, not a quantized activation",
    "ARG_MIN": "its output is an index, not a quantized activation",
    "CAST": "it changes types without a scale",
}


def read_integer_graph(path: Path | str) -> IntegerGraph:
    """The IntegerGraph of the .tflite file at `path`.

    Raises ModelFormatError for a file that can't be read and UnsupportedModel, with every reason,
    for a model without an integer form; both name the file.
    """
    try:
        return integer_graph(read_tflite(path))
    except UnsupportedModel as error:
        raise UnsupportedModel(error.reasons, Path(path).name) from None


def open_integer_graph(path: Path | str) -> IntegerGraph:
    """The IntegerGraph of a .tflite or a .qnn file, told apart by their first bytes.

    Raises as `read_integer_graph` and `load_graph` do.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            ours = stream.read(len(MAGIC)) == MAGIC
    except OSError:
        ours = False
    return load_graph(path) if ours else read_integer_graph(path)


def integer_graph(graph: Graph) -> IntegerGraph:
    """The integer form of a .tflite graph whose activations are int8 or int16.

    A QUANTIZE of a float input and a DEQUANTIZE to a float output are left out: the graph starts
    and ends with codes. Raises UnsupportedModel, with every reason, where there is none.
    """
    return _GraphReader(graph).read()


def integer_graph_places(graph: Graph) -> tuple[IntegerGraph, Mapping[int, int]]:
    """The integer form, and by .tflite tensor the activation that stands for it; raises alike."""
    reader = _GraphReader(graph)
    made = reader.read()
    return made, dict(reader.places)


class _GraphReader:
    """Collects activations and operators; what can't be read is a reason, and goes on."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.activations: list[Activation] = []
        self.ops: list[Op] = []
        self.places: dict[int, int] = {}
        self._reasons: list[str] = []
        self._lost: set[int] = set()
        self._arithmetic: set[int] = set()

    def read(self) -> IntegerGraph:
        from qnnlab.graph.integer.kinds import READERS

        source = self._edge("input", self.graph.inputs)
        target = self._edge("output", self.graph.outputs)
        operators = [op for op in self.graph.operators if not self._is_edge(op, source, target)]
        source, target = self._inner(source), self._inner(target)
        if source is not None:
            self._start(source)
        for operator in operators:
            try:
                self._operator(operator, READERS)
            except ModelFormatError as error:
                self._lost.update(operator.outputs)
                self._reasons.append(f"{operator.label}: {error}")
        return self._finished(source, target)

    def _finished(self, source: int | None, target: int | None) -> IntegerGraph:
        if target is not None and target not in self.places and target not in self._lost:
            self._reasons.append("no operator that can be executed makes the output")
        if self._reasons or source is None or target is None:
            raise UnsupportedModel(tuple(dict.fromkeys(self._reasons)))
        made = IntegerGraph(
            self.graph.name or "model",
            tuple(self.activations),
            tuple(self.ops),
            self.places[source],
            self.places[target],
        )
        try:
            return made.check()
        except ModelFormatError as error:
            raise UnsupportedModel((str(error),)) from None

    def _edge(self, what: str, indices: tuple[int, ...]) -> int | None:
        if len(indices) != 1:
            self._reasons.append(f"it has {len(indices)} {what}s, only one is executed here")
            return None
        return indices[0]

    def _is_edge(self, operator: Operator, source: int | None, target: int | None) -> bool:
        """Whether it brings the float input to codes, or the last codes to a float output."""
        tensors = self.graph.tensors
        if operator.name == "QUANTIZE":
            return operator.inputs[0] == source and tensors[operator.inputs[0]].dtype == "float32"
        return operator.name == "DEQUANTIZE" and operator.outputs[0] == target

    def _inner(self, edge: int | None) -> int | None:
        """The codes behind a float input, or before a float output."""
        if edge is None or self.graph.tensors[edge].dtype != "float32":
            return edge
        for operator in self.graph.operators:
            if operator.name == "QUANTIZE" and operator.inputs[0] == edge:
                return operator.outputs[0]
            if operator.name == "DEQUANTIZE" and operator.outputs[0] == edge:
                return operator.inputs[0]
        return edge

    def _start(self, source: int) -> None:
        try:
            self._place(source)
        except ModelFormatError as error:
            self._lost.add(source)
            self._reasons.append(f"its input: {error}")

    def _operator(self, operator: Operator, readers: Mapping[str, Any]) -> None:
        if self._is_shape_arithmetic(operator):
            self._arithmetic.update(operator.outputs)
            return
        if self._lost.intersection(operator.inputs):
            self._lost.update(operator.outputs)
            return
        if operator.name not in readers:
            reason = _REASONS.get(operator.name, "no kernel of it is written here")
            raise ModelFormatError(f"it is not executed: {reason}")
        readers[operator.name](OperatorReader(self, operator))

    def _is_shape_arithmetic(self, operator: Operator) -> bool:
        """Integers that only say which shape a RESHAPE makes, which its output has anyway."""
        tensors = self.graph.tensors
        if any(tensors[i].dtype not in SHAPE_TYPES for i in operator.outputs):
            return False
        return operator.name == "SHAPE" or all(
            i < 0 or tensors[i].is_constant or i in self._arithmetic for i in operator.inputs
        )

    def _place(self, index: int) -> int:
        """The activation that stands for a tensor, made where it is new."""
        if index not in self.places:
            self.places[index] = self.add(self._activation(self.graph.tensors[index]))
        return self.places[index]

    def _activation(self, tensor: Tensor) -> Activation:
        name = printable(tensor.name)
        if tensor.dtype not in ACTIVATION_BITS:
            raise ModelFormatError(
                f"tensor {tensor.index} {name!r} is {tensor.dtype}, not int8 or int16"
            )
        quantization = tensor.quantization
        if quantization is None or quantization.scale.size == 0:
            raise ModelFormatError(f"tensor {tensor.index} {name!r} has no scale")
        if quantization.per_channel:
            raise ModelFormatError(f"tensor {tensor.index} {name!r} has a scale per channel")
        return Activation(
            name=name,
            shape=unbatched(tensor.shape),
            bits=ACTIVATION_BITS[tensor.dtype],
            scale=float(quantization.scale[0]),
            zero_point=int(quantization.zero_point[0]),
        )

    def add(self, activation: Activation) -> int:
        """Append an activation; its index."""
        self.activations.append(activation)
        return len(self.activations) - 1

    def source(self, index: int) -> int:
        """The activation of an operand, a constant's codes as an operator of their own."""
        tensor = self.graph.tensors[index]
        known = index in self.places
        place = self._place(index)
        if tensor.is_constant and not known:
            codes = tensor.values().astype(np.int16).reshape(self.activations[place].shape)
            name = self.activations[place].name
            self.ops.append(Op(name, "constant", (), place, constant=codes))
        return place

    def target(self, index: int) -> int:
        """The activation of an output."""
        return self._place(index)
