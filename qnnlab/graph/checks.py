"""What makes a graph whole: checks on top of a file that is well formed.

Each raises ModelFormatError with the rule that is broken; the reader adds where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from qnnlab.errors import ModelFormatError
from qnnlab.graph.model import Graph, Operator, Tensor

_SHOWN_NAME = 80
_SHOWN_DIMENSIONS = 8

_INTEGER_RANGES: Mapping[str, tuple[int, int]] = {
    "int2": (-2, 1),
    "int4": (-8, 7),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint4": (0, 15),
    "uint8": (0, 255),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
}


def printable(text: str) -> str:
    """`text` on one line and of bounded length, for a message."""
    line = "".join(c if c.isprintable() else "?" for c in text[: _SHOWN_NAME + 1])
    return line if len(line) <= _SHOWN_NAME else line[: _SHOWN_NAME - 1] + "…"


def shape_text(shape: Sequence[int]) -> str:
    """A shape as a message shows it: [1, 49, 10, 8]."""
    shown = [str(extent) for extent in shape[:_SHOWN_DIMENSIONS]]
    return f"[{', '.join(shown)}{', …' if len(shape) > _SHOWN_DIMENSIONS else ''}]"


def check_quantization(tensor: Tensor) -> None:
    """Scales finite and not negative, zero points codes of the type.

    A scale of 0 passes in a constant, where it says that a channel is dead; an activation of
    scale 0 could not be computed.
    """
    if tensor.quantization is None:
        return
    scale = tensor.quantization.scale
    if not np.isfinite(scale).all() or (scale < 0).any():
        raise ModelFormatError("its scales are not finite numbers above 0")
    if not tensor.is_constant and (scale == 0).any():
        raise ModelFormatError("its scale is 0")
    limits = _INTEGER_RANGES.get(tensor.dtype)
    if limits is None:
        return
    zero_point = tensor.quantization.zero_point
    wrong = zero_point[(zero_point < limits[0]) | (zero_point > limits[1])]
    if wrong.size:
        raise ModelFormatError(f"its zero point {int(wrong[0])} is no {tensor.dtype}")


def check_operator(graph: Graph, operator: Operator) -> None:
    """Indices in range, operands present, ranks and channels that fit."""
    count = len(graph.tensors)
    for what, indices, lowest in (("input", operator.inputs, -1), ("output", operator.outputs, 0)):
        for index in indices:
            if not lowest <= index < count:
                raise ModelFormatError(f"{what} tensor {index} does not exist, there are {count}")
    rule = _RULES.get(operator.name)
    if rule is None:
        return
    _check_operands(graph, operator, rule)
    if rule.check is not None:
        rule.check(graph, operator)


def check_graph(graph: Graph) -> None:
    """Graph inputs and outputs exist, and each activation is made once, before it is used."""
    count = len(graph.tensors)
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for index in indices:
            if not 0 <= index < count:
                raise ModelFormatError(
                    f"graph {what}: tensor {index} does not exist, there are {count}"
                )
    for index in graph.inputs:
        if graph.tensors[index].is_constant:
            raise ModelFormatError(f"graph input: {_tensor_text(graph, index)} is a constant")
    _check_order(graph)


def _check_order(graph: Graph) -> None:
    # States keep a value that no operator makes, and an empty tensor has none to make.
    made = [t.is_constant or t.variable or t.n_elements == 0 for t in graph.tensors]
    fixed = [t.is_constant for t in graph.tensors]
    for index in graph.inputs:
        made[index] = fixed[index] = True
    for operator in graph.operators:
        for index in operator.inputs:
            if index >= 0 and not made[index]:
                raise ModelFormatError(
                    f"{operator.label}: its input {_tensor_text(graph, index)} "
                    "is used before it is made"
                )
        for index in operator.outputs:
            if fixed[index]:
                raise ModelFormatError(
                    f"{operator.label}: its output {_tensor_text(graph, index)} "
                    "is a constant, a graph input or made twice"
                )
            made[index] = fixed[index] = True
    for index in graph.outputs:
        if not made[index]:
            raise ModelFormatError(f"graph output: {_tensor_text(graph, index)} is never made")


def _tensor_text(graph: Graph, index: int) -> str:
    return f"tensor {index} {printable(graph.tensors[index].name)!r}"


class _Rule:
    """Least numbers of operands, ranks by input position, and a check of the shapes."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        ranks: Mapping[int, int] | None = None,
        check: Callable[[Graph, Operator], None] | None = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.ranks = ranks or {}
        self.check = check


def _check_operands(graph: Graph, operator: Operator, rule: _Rule) -> None:
    present = [index for index in operator.inputs[: rule.inputs] if index >= 0]
    if len(present) < rule.inputs:
        raise ModelFormatError(f"it needs {rule.inputs} inputs, it has {len(present)}")
    if len(operator.outputs) < rule.outputs:
        raise ModelFormatError(f"it needs {rule.outputs} outputs, it has {len(operator.outputs)}")
    for position, rank in rule.ranks.items():
        tensor = graph.tensors[operator.inputs[position]]
        if len(tensor.shape) != rank:
            raise ModelFormatError(
                f"its input {position} has shape {shape_text(tensor.shape)}, "
                f"it must have {rank} dimensions"
            )


def _operands(graph: Graph, operator: Operator, *positions: int) -> list[Tensor]:
    return [graph.tensors[operator.inputs[position]] for position in positions]


def _check_bias(graph: Graph, operator: Operator, position: int, channels: int) -> None:
    bias = graph.operand(operator, position)
    if bias is not None and bias.n_elements != channels:
        raise ModelFormatError(
            f"its bias has {bias.n_elements} elements, its filter has {channels} output channels"
        )


def _check_channels(graph: Graph, operator: Operator, channels: int) -> None:
    output = graph.tensors[operator.outputs[0]]
    if not output.shape or output.shape[-1] != channels:
        raise ModelFormatError(
            f"its output has shape {shape_text(output.shape)}, "
            f"its filter has {channels} output channels"
        )


def _check_conv(graph: Graph, operator: Operator) -> None:
    """Filter [out, height, width, in / groups] (or [depth, height, width, in, out] in 3-D)."""
    source, filters = _operands(graph, operator, 0, 1)
    flat = operator.name == "CONV_2D"
    per_group, channels = (filters.shape[3], filters.shape[0]) if flat else filters.shape[3:]
    depth = source.shape[-1]
    # Grouped filters are a matter of CONV_2D only.
    if per_group == 0 or depth % per_group or (not flat and depth != per_group):
        raise ModelFormatError(
            f"its input has {depth} channels, its filter {shape_text(filters.shape)} "
            f"takes {per_group}"
        )
    groups = depth // per_group
    if groups > 1 and channels % groups:
        raise ModelFormatError(f"its {channels} output channels can't form {groups} groups")
    _check_bias(graph, operator, 2, channels)
    _check_channels(graph, operator, channels)


def _check_depthwise(graph: Graph, operator: Operator) -> None:
    """Filter [1, height, width, in × depth multiplier]."""
    source, filters = _operands(graph, operator, 0, 1)
    multiplier = operator.options["depth_multiplier"]
    channels = filters.shape[3]
    if filters.shape[0] != 1 or channels != source.shape[3] * int(multiplier):
        raise ModelFormatError(
            f"its filter {shape_text(filters.shape)} does not fit {source.shape[3]} input "
            f"channels with a depth multiplier of {multiplier}"
        )
    _check_bias(graph, operator, 2, channels)
    _check_channels(graph, operator, channels)


def _check_transpose_conv(graph: Graph, operator: Operator) -> None:
    """Filter [out, height, width, in]; the operand that is convolved comes third."""
    filters, source = _operands(graph, operator, 1, 2)
    if filters.shape[3] != source.shape[3]:
        raise ModelFormatError(
            f"its input has {source.shape[3]} channels, its filter {shape_text(filters.shape)} "
            f"takes {filters.shape[3]}"
        )
    _check_bias(graph, operator, 3, filters.shape[0])
    _check_channels(graph, operator, filters.shape[0])


def _check_fully_connected(graph: Graph, operator: Operator) -> None:
    """Filter [out, in]; the input is any shape that splits into rows of `in`."""
    source, filters = _operands(graph, operator, 0, 1)
    channels, depth = filters.shape
    output = graph.tensors[operator.outputs[0]]
    if depth == 0 or channels == 0:
        raise ModelFormatError(f"its filter has shape {shape_text(filters.shape)}")
    # The placeholder 1 of a dynamic dimension says nothing about how the rows split.
    if source.n_elements % depth and not source.dynamic:
        raise ModelFormatError(
            f"its input has {source.n_elements} elements, its filter takes rows of {depth}"
        )
    if output.n_elements % channels:
        raise ModelFormatError(
            f"its output has {output.n_elements} elements, its filter makes rows of {channels}"
        )
    _check_bias(graph, operator, 2, channels)


def _check_batch_matmul(graph: Graph, operator: Operator) -> None:
    """[…, rows, depth] × […, depth, columns], either operand transposed on request."""
    first, second = _operands(graph, operator, 0, 1)
    if min(len(first.shape), len(second.shape)) < 2:
        raise ModelFormatError("its inputs must have 2 dimensions or more")
    left = first.shape[-2 if operator.options["adj_x"] else -1]
    right = second.shape[-1 if operator.options["adj_y"] else -2]
    if left != right and not (first.dynamic or second.dynamic):
        raise ModelFormatError(
            f"its inputs {shape_text(first.shape)} and {shape_text(second.shape)} "
            "can't be multiplied"
        )


_UNARY = _Rule(1, 1)
_BINARY = _Rule(2, 1)
_POOL = _Rule(1, 1, {0: 4})

_RULES: Mapping[str, _Rule] = {
    "CONV_2D": _Rule(2, 1, {0: 4, 1: 4}, _check_conv),
    "DEPTHWISE_CONV_2D": _Rule(2, 1, {0: 4, 1: 4}, _check_depthwise),
    "CONV_3D": _Rule(2, 1, {0: 5, 1: 5}, _check_conv),
    "TRANSPOSE_CONV": _Rule(3, 1, {1: 4, 2: 4}, _check_transpose_conv),
    "CONV_3D_TRANSPOSE": _Rule(3, 1, {1: 5, 2: 5}),
    "FULLY_CONNECTED": _Rule(2, 1, {1: 2}, _check_fully_connected),
    "BATCH_MATMUL": _Rule(2, 1, None, _check_batch_matmul),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOL),
    **dict.fromkeys(
        ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "PRELU"), _BINARY
    ),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "PAD", "TRANSPOSE"), _BINARY),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "RESHAPE", "CONCATENATION", "SQUEEZE"), _UNARY),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "LOGISTIC", "TANH", "HARD_SWISH"), _UNARY),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "LEAKY_RELU", "ELU", "ABS", "RSQRT"), _UNARY),
}
