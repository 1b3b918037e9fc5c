"""Integer requantization: the multipliers of an operator and the rules that round with them.

Runtimes agree on the real multiplier and differ in how they round the product. A rule is named
here; "tflm" is what "bit-exact" means in qnnlab.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import SpecError, unknown_name
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op

#: accumulators (int64), real multipliers that broadcast with them, whether the accumulators are
#: the 64-bit ones of int16 activations → requantized accumulators (int64), before the zero point.
Rule = Callable[[NDArray[np.int64], NDArray[np.float64], bool], NDArray[np.int64]]


def quantize_multiplier(real: float | NDArray[np.float64]) -> tuple[Any, Any]:
    """`real` ≥ 0 as multiplier × 2^(shift − 31): int32 multiplier in [2^30, 2^31) and int64 shift.

    Of a number they are numpy scalars, of an array arrays of its shape. Below 2^−32 or so both
    are 0. Jacob et al. 2018 (arXiv:1712.05877), section 2.2, with the rounding of TFLite's
    QuantizeMultiplier. Raises ValueError for a negative number or one that is not finite.
    """
    values = np.asarray(real, np.float64)
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"a multiplier must be finite and not negative, not {real}")
    fraction, exponent = np.frexp(values)
    fixed = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    shift = exponent.astype(np.int64)
    carried = fixed == 2**31
    fixed, shift = np.where(carried, fixed // 2, fixed), shift + carried
    flushed = shift < -31
    multiplier = np.where(flushed, 0, fixed).astype(np.int32)
    return multiplier[()], np.where(flushed, 0, shift)[()]


def _wide(acc: NDArray[np.int64], real: NDArray[np.float64]) -> NDArray[np.int64]:
    """The 64-bit accumulators of int16 activations: a 16-bit multiplier, rounded once, half up."""
    multiplier, shift = quantize_multiplier(real)
    fixed = np.asarray(multiplier, np.int64)
    reduced = np.where(fixed < 0x7FFF0000, (fixed + 2**15) >> 16, 0x7FFF)
    total = 15 - np.asarray(shift)
    rounded: NDArray[np.int64] = (acc * reduced + (np.int64(1) << (total - 1))) >> total
    return rounded


def _tflm(acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool) -> NDArray[np.int64]:
    """Rounded twice: the product to its high word half up, then the shift half away from zero."""
    if wide:
        return _wide(acc, real)
    multiplier, shift = quantize_multiplier(real)
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    high = ((acc << left) * np.asarray(multiplier, np.int64) + 2**30) >> 31
    mask = (np.int64(1) << right) - 1
    threshold = (mask >> 1) + (high < 0)
    rounded: NDArray[np.int64] = (high >> right) + ((high & mask) > threshold)
    return rounded


def tflm_excess(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the rule "tflm" rounds positive accumulators up on average, in their steps.

    `share`: an accumulator's step in output steps, as `channel_multipliers` gives it; of int8
    activations. The first rounding is to 2^-n, with 2^-n / 2 <= `share` < 2^-n, and what it
    brings to a half goes up in the second: half of 2^-n, which matters where outputs have few
    codes. No excess where there is no second rounding.
    """
    mantissa, exponent = np.frexp(share)
    return np.where(exponent < 0, 0.5 / mantissa, 0.0)


def _single(acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool) -> NDArray[np.int64]:
    """Rounded once, half up, with the 31-bit multiplier."""
    multiplier, shift = quantize_multiplier(real)
    fixed, total = np.asarray(multiplier, np.int64), 31 - np.asarray(shift)
    half = np.int64(1) << (total - 1)
    if not wide:
        narrow: NDArray[np.int64] = (acc * fixed + half) >> total
        return narrow
    # 48 bits times 31 do not fit 64: the low 16 bits of the accumulator go first.
    carry = ((acc & 0xFFFF) * fixed + half) >> 16
    rounded: NDArray[np.int64] = ((acc >> 16) * fixed + carry) >> (total - 16)
    return rounded


def _float_rescale(
    acc: NDArray[np.int64], real: NDArray[np.float64], wide: bool
) -> NDArray[np.int64]:
    """The float64 product, rounded half away from zero: no integer multiplier at all."""
    product = acc * real
    whole = np.trunc(product)
    # The fraction is exact, where product + 0.5 would round once more.
    away = np.sign(product) * (np.abs(product - whole) >= 0.5)
    rounded: NDArray[np.int64] = (whole + away).astype(np.int64)
    return rounded


_RULES: Mapping[str, Rule] = {"tflm": _tflm, "single": _single, "float_rescale": _float_rescale}

#: Names of the rules. tflm: TFLite Micro, CMSIS-NN and gemmlowp's double rounding, and one
#: rounding of a 16-bit multiplier for int16 activations; single: one rounding of the 31-bit
#: multiplier; float_rescale: the product in float64; litert_reference: LiteRT's reference
#: kernels, float_rescale in dense layers and tflm in all others.
ROUNDINGS: tuple[str, ...] = (*_RULES, "litert_reference")


def rounding_rule(name: str, kind: str) -> Rule:
    """The rule `name` in an operator of `kind`; raises SpecError for an unknown name."""
    if name not in ROUNDINGS:
        raise SpecError(unknown_name("rounding", name, ROUNDINGS))
    if name == "litert_reference":
        name = "float_rescale" if kind == "dense" else "tflm"
    return _RULES[name]


def channel_multipliers(graph: IntegerGraph, op: Op) -> NDArray[np.float64]:
    """Real multipliers from accumulator to output code: one, or one per output channel.

    For conv, depthwise, dense and requantize, from float32 scales in float64, as TFLM does.
    """
    source = graph.activations[op.inputs[0]].scale
    target = graph.activations[op.output].scale
    if op.weights is None:
        return np.array([source / target])
    multipliers: NDArray[np.float64] = source * op.weights.scale.astype(np.float64) / target
    return multipliers


def add_multipliers(graph: IntegerGraph, op: Op) -> tuple[float, float, float, int]:
    """Real multipliers of an add's first and second input and its output, and the left shift.

    Both inputs are shifted left and brought to twice the larger input scale before they are added.
    """
    first, second = (graph.activations[index].scale for index in op.inputs)
    output = graph.activations[op.output]
    shift = 15 if output.wide else 20
    twice = 2 * max(first, second)
    return first / twice, second / twice, twice / (2**shift * output.scale), shift


def clamp_range(activation: Activation, relu: str | None) -> tuple[int, int]:
    """Least and largest output code under `relu`; code of 6 as TFLM rounds it, in float32."""
    low, high = activation.code_low, activation.code_high
    if relu is None:
        return low, high
    low = max(low, activation.zero_point)
    if relu == "relu6":
        six = np.float32(6) / np.float32(activation.scale)
        high = min(high, activation.zero_point + int(np.floor(np.float64(six) + 0.5)))
    return low, high
