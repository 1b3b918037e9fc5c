"""Two operands element by element, broadcast as numpy does, and constants as operands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import shape_text
from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import check_kept, check_output, check_width, require
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader
from qnnlab.graph.integer.rounding import Rule, add_multipliers, quantize_multiplier

_MOST = 2.0**30


def _check_operands(graph: IntegerGraph, op: Op) -> None:
    target = graph.activations[op.output]
    shapes = [graph.activations[index].shape for index in op.inputs]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ModelFormatError(
            f"its inputs {' and '.join(map(shape_text, shapes))} can't be broadcast"
        ) from None
    check_output(shape, target)
    for index in op.inputs:
        check_width(graph.activations[index], target)


def _check_add(graph: IntegerGraph, op: Op) -> None:
    _check_operands(graph, op)
    *inputs, output, _ = add_multipliers(graph, op)
    multiplier, shift = quantize_multiplier(np.array([*inputs, output]))
    require(
        bool((shift <= 0).all() and (multiplier > 0).all()),
        "its scales are too far apart for an integer add",
    )


def _product_multiplier(graph: IntegerGraph, op: Op, float32: bool = False) -> float:
    kind = np.float32 if float32 else np.float64
    first, second = (kind(graph.activations[index].scale) for index in op.inputs)
    return float(first * second / kind(graph.activations[op.output].scale))


def _check_mul(graph: IntegerGraph, op: Op) -> None:
    _check_operands(graph, op)
    real = _product_multiplier(graph, op)
    _, shift = quantize_multiplier(real)
    reach = 1.0
    for index in op.inputs:
        source = graph.activations[index]
        reach *= max(source.zero_point - source.code_low, source.code_high - source.zero_point)
    require(
        reach * 2.0 ** max(int(shift), 0) <= _MOST,
        "its output scale is so small that requantization can overflow 32 bits",
    )


def _check_extreme(graph: IntegerGraph, op: Op) -> None:
    _check_operands(graph, op)
    for index in op.inputs:
        check_kept(graph.activations[index], graph.activations[op.output])


def _check_constant(graph: IntegerGraph, op: Op) -> None:
    target, codes = graph.activations[op.output], op.constant
    if codes is None:
        raise ModelFormatError("it has no codes")
    require(
        codes.dtype.name == "int16" and codes.shape == target.shape,
        f"its codes are {codes.dtype}{shape_text(codes.shape)}, not int16"
        f"{shape_text(target.shape)}",
    )
    inside = target.code_low <= codes.min() and codes.max() <= target.code_high
    require(bool(inside), f"its codes leave {target.bits} bits")


def _aligned(call: Call) -> list[NDArray[np.int64]]:
    """Centred operands with as many dimensions as the output has, samples first."""
    rank = len(call.target.shape)
    operands = []
    for position in range(len(call.op.inputs)):
        codes = call.centred(position)
        gap = rank - (codes.ndim - 1)
        operands.append(codes.reshape(len(codes), *(1,) * gap, *codes.shape[1:]))
    return operands


def _add(call: Call) -> NDArray[np.int64]:
    first, second = _aligned(call)
    if call.op.kind == "sub":
        second = -second
    rule = call.rounding.add_rule
    if rule is None:
        return _add_as_xnnpack(call, first, second) + call.target.zero_point
    return _add_rescaled(call, first, second, rule) + call.target.zero_point


def _add_rescaled(
    call: Call, first: NDArray[np.int64], second: NDArray[np.int64], rule: Rule
) -> NDArray[np.int64]:
    *multipliers, last, shift = add_multipliers(call.graph, call.op)
    # A negative operand is negated after it was rescaled: rules need not be symmetric.
    sign = -1 if call.op.kind == "sub" else 1
    total = rule(first << shift, np.array(multipliers[0]), False) + sign * rule(
        (sign * second) << shift, np.array(multipliers[1]), False
    )
    return rule(total, np.array(last), False)


def _add_as_xnnpack(
    call: Call, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Both operands times integer multipliers of 21 bits, one shift, half up (qs8-vadd)."""
    output = np.float32(call.target.scale)
    scales = [np.float32(call.graph.activations[i].scale) / output for i in call.op.inputs]
    _, exponent = np.frexp(max(scales))
    shift = 20 - (int(exponent) - 1)
    multipliers = [int(np.rint(np.float64(scale) * 2.0**shift)) for scale in scales]
    total = first * multipliers[0] + second * multipliers[1] + (1 << (shift - 1))
    return total >> shift


def _mul(call: Call) -> NDArray[np.int64]:
    first, second = _aligned(call)
    real = np.array(_product_multiplier(call.graph, call.op, call.rounding.float32_factors))
    return call.rounding.rule(first * second, real, False) + call.target.zero_point


def _maximum(call: Call) -> NDArray[np.int64]:
    return np.maximum(*_aligned(call)) + call.target.zero_point


def _minimum(call: Call) -> NDArray[np.int64]:
    return np.minimum(*_aligned(call)) + call.target.zero_point


def _constant(call: Call) -> NDArray[np.int64]:
    assert call.op.constant is not None
    return call.op.constant[None].astype(np.int64)


def _add_form(graph: IntegerGraph, op: Op) -> Form:
    if op.kind == "sub":
        return Form("SUB", (2, 5), "SubOptions", {"potScaleInt16": False})
    return Form("ADD", (2, 3), "AddOptions", {"potScaleInt16": False})


def _mul_form(graph: IntegerGraph, op: Op) -> Form:
    return Form("MUL", (2, 4), "MulOptions")


def _extreme_form(graph: IntegerGraph, op: Op) -> Form:
    return Form(op.kind.upper(), (2, 4), "MaximumMinimumOptions")


def _constant_form(graph: IntegerGraph, op: Op) -> Form:
    raise AssertionError("a constant is a tensor, not an operator")


def _read(operator: OperatorReader) -> None:
    sources = operator.source(0), operator.source(1)
    if operator.name in ("MAXIMUM", "MINIMUM"):
        operator.append(operator.name.lower(), sources)
    else:
        operator.append(operator.name.lower(), sources, relu=operator.relu())


KINDS = (
    Kind("add", _check_add, _add, _add_form, operands=2, relu=True),
    Kind("sub", _check_add, _add, _add_form, operands=2, relu=True),
    Kind("mul", _check_mul, _mul, _mul_form, operands=2, relu=True),
    Kind("maximum", _check_extreme, _maximum, _extreme_form, operands=2),
    Kind("minimum", _check_extreme, _minimum, _extreme_form, operands=2),
    Kind("constant", _check_constant, _constant, _constant_form, operands=0),
)

READERS = dict.fromkeys(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"), _read)
