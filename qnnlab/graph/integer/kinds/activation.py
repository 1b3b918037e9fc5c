"""Piecewise linear functions of one code: requantize, clip, leaky_relu, prelu, hard_swish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import (
    check_output,
    check_products,
    check_whole_bits,
    check_width,
    ends,
    number,
    require,
)
from qnnlab.graph.integer.kinds.weighted import requantized
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader
from qnnlab.graph.integer.rounding import channel_multipliers, clamp_range, quantize_multiplier
from qnnlab.numerics.fixed_point import divide_by_power


def _check_requantize(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_output(source.shape, target)
    require(op.relu in (None, "relu"), f"a requantize has no {op.relu}")
    check_products(np.array([2.0**source.bits]), channel_multipliers(graph, op), wide=False)


def _requantize(call: Call) -> NDArray[np.int64]:
    return requantized(call, call.centred())


def _requantize_form(graph: IntegerGraph, op: Op) -> Form:
    if op.relu is not None:
        source, target = ends(graph, op)
        if source.wide != target.wide:
            raise ModelFormatError("a .tflite has no relu from 8 to 16 bits or back")
        return Form("RELU", (2, 2), "")
    return Form("QUANTIZE", (2, 2), "QuantizeOptions")


def _check_clip(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_output(source.shape, target)
    check_width(source, target)
    require(op.relu is not None, "it clips nothing")
    check_products(np.array([2.0**source.bits]), channel_multipliers(graph, op), wide=False)


def _clip(call: Call) -> NDArray[np.int64]:
    """TFLM clips codes as its input means them and hands them on; LiteRT rescales them first."""
    source, target = call.source, call.target
    kept = (source.scale, source.zero_point) == (target.scale, target.zero_point)
    if kept or call.rounding.name not in ("litert_reference", "xnnpack"):
        return np.clip(call.inputs[0].astype(np.int64), *clamp_range(source, call.op.relu))
    return np.clip(requantized(call, call.centred()), *clamp_range(target, call.op.relu))


def _clip_form(graph: IntegerGraph, op: Op) -> Form:
    if op.relu != "relu6":
        raise ModelFormatError(f"TFLite Micro has no {op.relu} of its own")
    return Form("RELU6", (2, 2), "")


def leaky_multipliers(graph: IntegerGraph, op: Op, float32: bool = False) -> tuple[float, float]:
    """For codes above and below zero."""
    kind = np.float32 if float32 else np.float64
    source, target = (kind(end.scale) for end in ends(graph, op))
    alpha = kind(np.float32(op.attributes["alpha"]))
    return float(source / target), float(source * alpha / target)


def _check_leaky_relu(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    number(op, "alpha")
    check_output(source.shape, target)
    check_width(source, target)
    for real in leaky_multipliers(graph, op):
        check_products(np.array([2.0**source.bits]), np.array([real]), wide=False)


def _leaky_relu(call: Call) -> NDArray[np.int64]:
    float32 = call.rounding.float32_factors
    above, below = (np.array(real) for real in leaky_multipliers(call.graph, call.op, float32))
    codes, rule = call.centred(), call.rounding.rule
    scaled = np.where(codes >= 0, rule(codes, above, False), rule(codes, below, False))
    return scaled + call.target.zero_point


def _leaky_relu_form(graph: IntegerGraph, op: Op) -> Form:
    return Form("LEAKY_RELU", (2, 2), "LeakyReluOptions", {"alpha": op.attributes["alpha"]})


def _prelu_multipliers(graph: IntegerGraph, op: Op) -> tuple[float, float]:
    source, target = ends(graph, op)
    alpha = graph.activations[op.inputs[1]]
    return source.scale / target.scale, source.scale * alpha.scale / target.scale


def _check_prelu(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    alpha = graph.activations[op.inputs[1]]
    check_output(source.shape, target)
    check_width(source, target)
    check_width(source, alpha)
    require(not source.wide, "a prelu of 16 bits is not computed here")
    try:
        shape = np.broadcast_shapes(source.shape, alpha.shape)
    except ValueError:
        shape = ()
    require(shape == source.shape, "its slopes can't be broadcast to its input")
    above, below = _prelu_multipliers(graph, op)
    check_products(np.array([2.0**source.bits]), np.array([above]), wide=False)
    check_products(np.array([2.0 ** (source.bits + alpha.bits)]), np.array([below]), wide=False)


def _prelu(call: Call) -> NDArray[np.int64]:
    above, below = (np.array(real) for real in _prelu_multipliers(call.graph, call.op))
    codes, rule = call.centred(), call.rounding.rule
    slopes = call.centred(1)
    slopes = slopes.reshape(len(slopes), *(1,) * (codes.ndim - slopes.ndim), *slopes.shape[1:])
    scaled = np.where(codes >= 0, rule(codes, above, False), rule(codes * slopes, below, False))
    return scaled + call.target.zero_point


def _prelu_form(graph: IntegerGraph, op: Op) -> Form:
    return Form("PRELU", (1, 1), "")


def _hard_swish_scales(graph: IntegerGraph, op: Op) -> tuple[tuple[int, int], tuple[int, int]]:
    """16-bit multiplier and exponent of the output, and of the factor relu6(x + 3) / 6."""
    source, target = (np.float32(end.scale) for end in ends(graph, op))
    fine = np.float32(1 / 128) * source
    found = []
    for real in (fine / target, fine / (np.float32(3) / np.float32(32768))):
        multiplier, exponent = quantize_multiplier(float(real))
        narrow = 0x7FFF if multiplier >= 0x7FFF0000 else (int(multiplier) + 2**15) >> 16
        found.append((narrow, int(exponent)))
    return found[0], found[1]


def _check_hard_swish(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_output(source.shape, target)
    check_whole_bits(op, source, target)
    require(not source.wide and not target.wide, "a hard_swish takes 8 bits")
    (_, exponent), (_, factor_exponent) = _hard_swish_scales(graph, op)
    require(-31 < exponent <= 0, "its output scale is too small or too large for its input's")
    require(-31 < factor_exponent < 31, "its input scale is out of range")


def _saturated(value: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(value, -(2**15), 2**15 - 1)


def _halves(first: NDArray[np.int64], second: int) -> NDArray[np.int64]:
    """High half of twice the product of 16-bit numbers, half up (SQRDMULH on halfwords)."""
    return _saturated((first * second + 2**14) >> 15)


def _hard_swish(call: Call) -> NDArray[np.int64]:
    """x × relu6(x + 3) / 6 in 16-bit fixed point, as TFLite's reference has it."""
    (multiplier, exponent), (slope, factor_exponent) = _hard_swish_scales(call.graph, call.op)
    fine = call.centred() << 7
    scaled = _halves(fine, multiplier)
    factor = fine
    if factor_exponent > 0:
        factor = _saturated(factor << (factor_exponent - 1))
    factor = _halves(factor, slope)
    if factor_exponent > 0:
        factor = _saturated(factor << 1)
    elif factor_exponent < 0:
        factor = divide_by_power(factor, -factor_exponent)
    factor = (factor + 2**15) >> 1
    product = factor * scaled
    # C divides towards zero.
    halved = np.sign(product) * (np.abs(product) >> 15)
    return divide_by_power(halved, -exponent) + call.target.zero_point


def _hard_swish_form(graph: IntegerGraph, op: Op) -> Form:
    return Form("HARD_SWISH", (1, 1), "")


def _read_requantize(operator: OperatorReader) -> None:
    operator.append("requantize", (operator.source(0),))


def _read_relu(operator: OperatorReader) -> None:
    operator.append("requantize", (operator.source(0),), relu="relu")


def _read_relu6(operator: OperatorReader) -> None:
    operator.append("clip", (operator.source(0),), relu="relu6")


def _read_leaky_relu(operator: OperatorReader) -> None:
    alpha = {"alpha": float(operator.option("alpha"))}
    operator.append("leaky_relu", (operator.source(0),), attributes=alpha)


def _read_two(operator: OperatorReader) -> None:
    operator.append("prelu", (operator.source(0), operator.source(1)))


def _read_hard_swish(operator: OperatorReader) -> None:
    operator.append("hard_swish", (operator.source(0),))


KINDS = (
    Kind("requantize", _check_requantize, _requantize, _requantize_form, relu=True),
    Kind("clip", _check_clip, _clip, _clip_form, relu=True, clamps_itself=True),
    Kind("leaky_relu", _check_leaky_relu, _leaky_relu, _leaky_relu_form, attributes=("alpha",)),
    Kind("prelu", _check_prelu, _prelu, _prelu_form, operands=2),
    Kind("hard_swish", _check_hard_swish, _hard_swish, _hard_swish_form),
)

READERS = {
    "QUANTIZE": _read_requantize,
    "RELU": _read_relu,
    "RELU6": _read_relu6,
    "LEAKY_RELU": _read_leaky_relu,
    "PRELU": _read_two,
    "HARD_SWISH": _read_hard_swish,
}
