"""Softmax, logistic and tanh: fixed point as TFLite Micro has it, or LiteRT's tables.

int8: TFLM computes with gemmlowp's fixed-point functions, LiteRT looks up what float32 arithmetic
gave. int16: both interpolate in a table of the logistic, and of exp and 1 / (1 + x) for softmax.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import (
    check_output,
    check_whole_bits,
    check_width,
    ends,
    number,
    require,
)
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader
from qnnlab.graph.integer.rounding import apply_multiplier, quantize_multiplier
from qnnlab.numerics import fixed_point

_Table = NDArray[np.int64]

_INTEGER_BITS = 4
_SOFTMAX_BITS = 5
_SUM_BITS = 12
_EXP_SPAN = 10.0


def _check_output_range(target: Activation, scale: float, zero_point: int) -> None:
    require(
        (target.scale, target.zero_point) == (scale, zero_point),
        f"its output must have scale {scale:g} and zero point {zero_point}",
    )


def _check_curve(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_output(source.shape, target)
    check_whole_bits(op, source, target)
    check_width(source, target)
    if source.wide:
        _check_output_range(target, 2.0**-15, 0)
        require(source.scale * 3 * 4096 < 2**15, "its input scale is too large")
    elif op.kind == "logistic":
        _check_output_range(target, 2.0**-8, -128)
    else:
        _check_output_range(target, 2.0**-7, 0)
    require(source.scale >= 2.0**-26, "its input scale is too small")
    require(source.scale < 2.0**4, "its input scale is too large")


def _check_softmax(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_output(source.shape, target)
    check_whole_bits(op, source, target)
    check_width(source, target)
    if source.wide:
        _check_output_range(target, 2.0**-15, 0)
    else:
        _check_output_range(target, 2.0**-8, -128)
    step = number(op, "beta") * source.scale
    require(2.0**-26 < step < 2.0**20, "its beta times its input scale is out of range")


def _curve(call: Call) -> NDArray[np.int64]:
    if call.source.wide:
        return _wide_curve(call)
    if call.rounding.tables:
        function = _logistic_float if call.op.kind == "logistic" else np.tanh
        table = _float_table(call, function)
    else:
        table = _fixed_table(call)
    return table[call.inputs[0].astype(np.int64) + 128]


def _logistic_float(value: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.float32(1) / (np.float32(1) + np.exp(-value))


def _all_codes() -> NDArray[np.int64]:
    return np.arange(-128, 128, dtype=np.int64)


def _float_table(call: Call, function: Callable[[Any], Any]) -> _Table:
    """By input code, as LiteRT fills its tables: float32, rounded half away from zero."""
    source, target = call.source, call.target
    real = np.float32(source.scale) * (_all_codes() - source.zero_point).astype(np.float32)
    scaled = function(real) * (np.float32(1) / np.float32(target.scale))
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    made: NDArray[np.int64] = np.clip(rounded.astype(np.int64) + target.zero_point, -128, 127)
    return made


def _fixed_table(call: Call) -> _Table:
    """By input code, as TFLite Micro computes it in Q4.27."""
    source = call.source
    codes = _all_codes() - source.zero_point
    multiplier, shift = quantize_multiplier(source.scale * 2.0 ** (31 - _INTEGER_BITS))
    most = math.floor((2**_INTEGER_BITS - 1) * 2.0 ** (31 - _INTEGER_BITS) / 2.0 ** int(shift))
    inside = np.clip(codes, -most, most)
    raw = apply_multiplier(inside, multiplier, shift)
    if call.op.kind == "logistic":
        values = fixed_point.divide_by_power(fixed_point.logistic(raw, _INTEGER_BITS), 23) - 128
    else:
        values = fixed_point.divide_by_power(fixed_point.tanh(raw, _INTEGER_BITS), 24)
    values = np.clip(values, -128, 127)
    return np.where(codes <= -most, -128, np.where(codes >= most, 127, values))


@lru_cache(maxsize=1)
def logistic_steps() -> _Table:
    """logistic(i / 24) in Q0.16 for i from 0 to 255.

    Half of what linear interpolation misses at the middle of each step is added to its start.
    """
    low, middle, high = (
        65536 / (1 + np.exp(-(np.arange(256) + part) / 24)) for part in (0.0, 0.5, 1.0)
    )
    table = np.rint(low - ((low + high) / 2 - middle) / 2).astype(np.int64)
    table[-1] = 65535
    return table


def wide_steps(scale: float, kind: str) -> tuple[int, int]:
    """Multiplier and right shift that bring int16 codes to steps of 1 / (3 × 4096)."""
    power = math.log2(scale)
    places = 12 + round(power)
    allowed = (0,) if kind == "logistic" else (0, 1)
    if abs(power - round(power)) < 1e-3 and places in allowed:
        return 3 << places, 0
    real, shift = scale * 4096.0 * 3.0, 0
    while real <= 32767.0 / 2.0 and shift <= 30:
        real, shift = real * 2.0, shift + 1
    return int(real), shift


def _wide_curve(call: Call) -> NDArray[np.int64]:
    """logistic, and tanh(x) = 2 logistic(2x) − 1, interpolated between 256 steps."""
    multiplier, shift = wide_steps(call.source.scale, call.op.kind)
    half = 1 << (shift - 1) if shift else 0
    place = (call.inputs[0].astype(np.int64) * multiplier + half) >> shift
    bits = 9 if call.op.kind == "logistic" else 8
    size = np.abs(place)
    step, rest = size >> bits, size & ((1 << bits) - 1)
    table = logistic_steps()
    low = table[np.minimum(step, 254)]
    high = table[np.minimum(step, 254) + 1]
    value = (low << bits) + rest * (high - low)
    if call.op.kind == "logistic":
        value = np.where(step >= 255, 0x7FFF << 10, value)
        return np.where(place >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1) >> 10
    value = np.where(step >= 255, 0xFFFF << 8, value)
    middle = 1 << 23
    return np.where(place >= 0, value - middle + (1 << 7), middle - value + (1 << 7) - 1) >> 8


def _softmax(call: Call) -> NDArray[np.int64]:
    if call.source.wide:
        return _wide_softmax(call)
    return _softmax_tables(call) if call.rounding.softmax_tables else _softmax_fixed(call)


def exponential_table(graph: IntegerGraph, op: Op) -> _Table:
    """exp of 0 to −255 codes in Q0.31 as the int8 softmax takes them, 0 for what it leaves out."""
    scale = graph.activations[op.inputs[0]].scale
    real = min(float(op.attributes["beta"]) * scale * 2.0 ** (31 - _SOFTMAX_BITS), 2.0**31 - 1)
    multiplier, shift = quantize_multiplier(real)
    most = math.floor((2**_SOFTMAX_BITS - 1) * 2.0 ** (31 - _SOFTMAX_BITS) / 2.0 ** int(shift))
    steps = np.arange(256, dtype=np.int64)
    raw = fixed_point.high_product(np.where(steps <= most, -steps, 0) << int(shift), multiplier)
    return np.where(steps <= most, fixed_point.exp_of_negative(raw, _SOFTMAX_BITS), 0)


def _softmax_fixed(call: Call) -> NDArray[np.int64]:
    """exp in Q5.26, summed in Q12.19, divided by a reciprocal of 31 bits."""
    codes = call.inputs[0].astype(np.int64)
    below = codes.max(axis=-1, keepdims=True) - codes
    exponentials = exponential_table(call.graph, call.op)[below]
    total = fixed_point.divide_by_power(exponentials, _SUM_BITS).sum(axis=-1, keepdims=True)
    zeros = fixed_point.leading_zeros(total)
    reciprocal = fixed_point.inverse_of_one_plus((total << zeros) - 2**31)
    shares = fixed_point.high_product(reciprocal, exponentials)
    values = fixed_point.divide_by_power(shares, _SUM_BITS - zeros + 31 - 8) - 128
    return np.where(exponentials > 0, np.clip(values, -128, 127), -128)


def _softmax_tables(call: Call) -> NDArray[np.int64]:
    """LiteRT's optimized kernel: a table of exponentials in float32, a sum, a quotient."""
    codes = call.inputs[0].astype(np.int64)
    step = -np.float32(call.source.scale) * np.float32(call.op.attributes["beta"])
    table = np.exp(step * np.arange(256).astype(np.float32))
    exponentials = table[codes.max(axis=-1, keepdims=True) - codes]
    total = np.zeros((*codes.shape[:-1], 1), np.float32)
    for place in range(codes.shape[-1]):
        total[..., 0] += exponentials[..., place]
    share = np.float32(1) / (total * np.float32(call.target.scale))
    values = (exponentials * share + np.float32(0.5)).astype(np.int64)
    made: NDArray[np.int64] = np.clip(values + call.target.zero_point, -128, 127)
    return made


@lru_cache(maxsize=2)
def wide_table(name: str) -> _Table:
    """513 samples of exp over [−10, 0] or 1 / (1 + x) over [0, 1] in Q0.15.

    Half of the error at the middle of each step is taken off its start, all in float32.
    """
    kind = np.float32
    low, high = (-_EXP_SPAN, 0.0) if name == "exp" else (0.0, 1.0)

    def function(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.exp(x) if name == "exp" else kind(1) / (kind(1) + x)

    def rounded(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.trunc(x + np.copysign(kind(0.5), x))

    step = (kind(high) - kind(low)) / kind(512)
    places = kind(low) + np.arange(513).astype(kind) * step
    factor = kind(65536) / kind(2)
    values = function(places)
    start = rounded(values[:-1] * factor)
    between = rounded((values[1:] * factor + start) / kind(2))
    error = between - rounded(function(places[:-1] + step / kind(2)) * factor)
    table = np.append(
        start - rounded(error / kind(2)), rounded(function(np.array([high], kind)) * factor)
    )
    made: NDArray[np.int64] = np.clip(table, -(2**15), 2**15 - 1).astype(np.int64)
    return made


def _looked_up(codes: NDArray[np.int64], table: _Table) -> NDArray[np.int64]:
    """Interpolated at int16 codes."""
    index, offset = 256 + (codes >> 7), codes & 0x7F
    base = table[index]
    made: NDArray[np.int64] = base + (((table[index + 1] - base) * offset + 64) >> 7)
    return made


def wide_softmax_scale(graph: IntegerGraph, op: Op, float32: bool = False) -> float:
    """The real multiplier from int16 codes to those of the table of exponentials."""
    kind = np.float32 if float32 else np.float64
    step = kind(graph.activations[op.inputs[0]].scale) * kind(np.float32(op.attributes["beta"]))
    return float(step) / (_EXP_SPAN / 65535.0)


def _wide_softmax(call: Call) -> NDArray[np.int64]:
    codes = call.inputs[0].astype(np.int64)
    below = codes - codes.max(axis=-1, keepdims=True)
    real = wide_softmax_scale(call.graph, call.op, call.rounding.float32_factors)
    scaled = apply_multiplier(below, *quantize_multiplier(real))
    exponentials = _looked_up(np.clip(scaled + 32767, -32768, 32767), wide_table("exp"))
    total = exponentials.sum(axis=-1, keepdims=True)
    zeros = fixed_point.leading_zeros(total)
    shifted = ((total << (zeros - 1)) + (1 << 13)) >> 14
    place = np.clip(shifted - (2**15 + 2**16), -32768, 32767)
    reciprocal = _looked_up(place, wide_table("inverse"))
    right = 31 - zeros
    values = (exponentials * reciprocal + (np.int64(1) << (right - 1))) >> right
    made: NDArray[np.int64] = np.clip(values, 0, 32767)
    return made


def _curve_form(graph: IntegerGraph, op: Op) -> Form:
    return Form(op.kind.upper(), (2, 3), "")


def _softmax_form(graph: IntegerGraph, op: Op) -> Form:
    return Form("SOFTMAX", (2, 3), "SoftmaxOptions", {"beta": op.attributes["beta"]})


def _read_curve(operator: OperatorReader) -> None:
    operator.append(operator.name.lower(), (operator.source(0),))


def _read_softmax(operator: OperatorReader) -> None:
    beta = {"beta": float(operator.option("beta"))}
    operator.append("softmax", (operator.source(0),), attributes=beta)


KINDS = (
    Kind("logistic", _check_curve, _curve, _curve_form),
    Kind("tanh", _check_curve, _curve, _curve_form),
    Kind("softmax", _check_softmax, _softmax, _softmax_form, attributes=("beta",)),
)

READERS = {"LOGISTIC": _read_curve, "TANH": _read_curve, "SOFTMAX": _read_softmax}
